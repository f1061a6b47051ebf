// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of libraries in sandboxes share: the files, and the comparison
// of what a library makes of them inside with what it makes outside.

#ifndef BULKHEAD_TESTS_LIBRARIES_LIBRARY_H_
#define BULKHEAD_TESTS_LIBRARIES_LIBRARY_H_

#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <string>
#include <vector>

#include "bulkhead/sandbox.h"
#include "tests/libraries/making.h"
#include "tests/sandboxes/sandbox.h"

namespace bulkhead_test {

struct File {
  std::string name;
  std::string contents;
};

// In the root's heap, as they are.
inline const unsigned char* BytesOf(const File& file) {
  return reinterpret_cast<const unsigned char*>(file.contents.data());
}

// The files of a pinned source, "@REPOSITORY" in its test's `data`, whose names
// end in one of `suffixes`; in the order of their names.
std::vector<File> FilesOf(const std::string& repository,
                          const std::vector<std::string>& suffixes);

// One file of this repository's own, or made by its build.
File FileOf(const std::string& path);

// Files as somebody hostile may make them of `files`: cut off, and with bytes
// changed. The same ones each time.
std::vector<File> Spoilt(const std::vector<File>& files);

// What a library makes of the files where there is no sandbox: in this process,
// or in one that is forked for it.
std::vector<Made> Outside(Work work, const std::vector<File>& files);
std::vector<Made> OutsideInChild(Work work, const std::vector<File>& files);

struct Tally {
  size_t files = 0;
  size_t liked = 0;  // of status 0
  size_t refused = 0;
  uint64_t bytes = 0;  // that the library made
};

class LibraryTest : public SandboxTest {
 protected:
  // The strict sandbox "box", for as long as the test runs.
  static bulkhead::Sandbox Box();

  // What the library makes of the file in the sandbox, by its gate.
  static Made Inside(const bulkhead::Sandbox& box,
                     const bulkhead::Gate<Work>& gate, const File& file);

  // Gives each file to the library in the sandbox: what it makes is the same to
  // the byte as what it made of the file outside, nothing of either was made
  // elsewhere, and inside the library's memory came from the sandbox's heap.
  static Tally Compare(const bulkhead::Sandbox& box,
                       const bulkhead::Gate<Work>& gate,
                       const std::vector<Made>& outside,
                       const std::vector<File>& files);

  // With what it makes of them in this process.
  static Tally Compare(const bulkhead::Sandbox& box,
                       const bulkhead::Gate<Work>& gate, Work work,
                       const std::vector<File>& files);

  // The same by two threads in the sandbox at once.
  static void CompareOnTwoThreads(const bulkhead::Sandbox& box,
                                  const bulkhead::Gate<Work>& gate,
                                  const std::vector<Made>& outside,
                                  const std::vector<File>& files);

  // The library is itself held by the sandbox: `body`, which gives it something
  // in the root's heap to work on, ends the process with the report of a read
  // from there by code of `library`, "libz" for instance.
  static void ExpectHeld(const std::string& library,
                         const std::function<void()>& body);

  void TearDown() override;
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_LIBRARIES_LIBRARY_H_
