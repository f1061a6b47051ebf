// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/libraries/library.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace bulkhead_test {

namespace {

using ::bulkhead::Gate;
using ::bulkhead::Sandbox;
using ::bulkhead::SharedArray;

std::string Runfile(const std::string& path) {
  const char* const root = getenv("TEST_SRCDIR");
  EXPECT_NE(root, nullptr) << "run by Bazel only";
  return std::string(root == nullptr ? "" : root) + "/" + path;
}

std::string ContentsOf(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream.good()) << path;
  std::ostringstream contents;
  contents << stream.rdbuf();
  return contents.str();
}

bool EndsInOne(const std::string& name, const std::vector<std::string>& ends) {
  return std::any_of(ends.begin(), ends.end(), [&](const std::string& end) {
    return name.size() > end.size() &&
           name.compare(name.size() - end.size(), end.size(), end) == 0;
  });
}

void ExpectSame(const Made& inside, const Made& outside, uint32_t box) {
  EXPECT_EQ(outside.compartment, 0u);
  EXPECT_EQ(inside.compartment, box);
  EXPECT_EQ(outside.strays, 0u);
  EXPECT_EQ(inside.strays, 0u);
  EXPECT_GT(outside.pieces, 0u);
  EXPECT_EQ(inside.status, outside.status);
  EXPECT_EQ(inside.pieces, outside.pieces);
  EXPECT_EQ(inside.bytes, outside.bytes);
  EXPECT_EQ(inside.digest, outside.digest);
}

uint64_t AllocationsOf(const Sandbox& box) {
  bh_heap_stats stats = {};
  EXPECT_EQ(bh_get_heap_stats(box.compartment().handle(), &stats), BH_OK);
  return stats.allocations;
}

}  // namespace

std::vector<File> FilesOf(const std::string& repository,
                          const std::vector<std::string>& suffixes) {
  const std::string root = Runfile(repository);
  std::vector<File> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root)) {
    const std::string path = entry.path();
    if (!entry.is_regular_file() || !EndsInOne(path, suffixes)) continue;
    files.push_back({path.substr(root.size() + 1), ContentsOf(path)});
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.name < b.name; });
  return files;
}

File FileOf(const std::string& path) {
  return {path, ContentsOf(Runfile("bulkhead/" + path))};
}

std::vector<File> Spoilt(const std::vector<File>& files) {
  std::vector<File> spoilt;
  uint32_t random = 1;
  const auto next = [&random](size_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  for (const File& file : files) {
    const size_t size = file.contents.size();
    if (size < 2) continue;
    spoilt.push_back(
        {file.name + ", cut off", file.contents.substr(0, 1 + next(size - 1))});
    std::string changed = file.contents;
    for (size_t i = 0; i < 1 + size / 500; ++i) {
      changed[next(size)] ^= static_cast<char>(1 + next(255));
    }
    spoilt.push_back({file.name + ", changed", changed});
  }
  return spoilt;
}

Sandbox LibraryTest::Box() {
  const auto made = Sandbox::Create("box");
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

std::vector<Made> Outside(Work work, const std::vector<File>& files) {
  std::vector<Made> outside(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    work(BytesOf(files[i]), files[i].contents.size(), &outside[i]);
  }
  return outside;
}

std::vector<Made> OutsideInChild(Work work, const std::vector<File>& files) {
  const size_t bytes = files.size() * sizeof(Made);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  const ChildResult child = RunInChild([&] {
    const std::vector<Made> outside = Outside(work, files);
    memcpy(memory, outside.data(), bytes);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.errors;
  const Made* const made = static_cast<Made*>(memory);
  const std::vector<Made> outside(made, made + files.size());
  munmap(memory, bytes);
  return outside;
}

Made LibraryTest::Inside(const Sandbox& box, const Gate<Work>& gate,
                         const File& file) {
  const size_t size = file.contents.size();
  const auto data =
      SharedArray<unsigned char>::Create(std::max<size_t>(size, 1));
  const auto made = SharedArray<Made>::Create(1);
  if (!data.ok() || !made.ok()) abort();
  memcpy(data->data(), file.contents.data(), size);
  memset(made->data(), 0xff, sizeof(Made));
  const absl::Status status =
      box.Call(gate, static_cast<const unsigned char*>(data->data()), size,
               made->data());
  EXPECT_TRUE(status.ok()) << status;
  return made->CopyOut()[0];
}

Tally LibraryTest::Compare(const Sandbox& box, const Gate<Work>& gate,
                           const std::vector<Made>& outside,
                           const std::vector<File>& files) {
  Tally tally;
  const uint64_t before = AllocationsOf(box);
  for (const File& file : files) {
    SCOPED_TRACE(file.name);
    const Made inside = Inside(box, gate, file);
    ExpectSame(inside, outside[tally.files], box.compartment().handle().id);
    ++tally.files;
    ++(inside.status == 0 ? tally.liked : tally.refused);
    tally.bytes += inside.bytes;
  }
  EXPECT_GT(AllocationsOf(box), before);
  return tally;
}

Tally LibraryTest::Compare(const Sandbox& box, const Gate<Work>& gate,
                           Work work, const std::vector<File>& files) {
  return Compare(box, gate, Outside(work, files), files);
}

void LibraryTest::CompareOnTwoThreads(const Sandbox& box,
                                      const Gate<Work>& gate,
                                      const std::vector<Made>& outside,
                                      const std::vector<File>& files) {
  EXPECT_GT(files.size(), 0u);
  const auto run = [&] {
    for (size_t i = 0; i < files.size(); ++i) {
      SCOPED_TRACE(files[i].name);
      ExpectSame(Inside(box, gate, files[i]), outside[i],
                 box.compartment().handle().id);
    }
  };
  std::thread other(run);
  run();
  other.join();
}

void LibraryTest::ExpectHeld(const std::string& library,
                             const std::function<void()>& body) {
  const ChildResult child = RunInChild(body);
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << "\n" << child.errors;
  EXPECT_NE(child.errors.find("ERROR: Bulkhead: root-read on address"),
            std::string::npos)
      << child.errors;
  EXPECT_NE(child.errors.find("current domain: box"), std::string::npos)
      << child.errors;
  // Where it was stopped: "#0 0xADDRESS in FUNCTION (/PATH/LIBRARY+0xOFFSET)".
  const size_t frame = child.errors.find("#0 0x");
  ASSERT_NE(frame, std::string::npos) << child.errors;
  const std::string line =
      child.errors.substr(frame, child.errors.find('\n', frame) - frame);
  EXPECT_NE(line.find("/" + library + ".so"), std::string::npos)
      << child.errors;
}

void LibraryTest::TearDown() {
  bh_compartment box;
  if (bh_find("box", &box) == BH_OK) {
    EXPECT_EQ(bh_destroy(box), BH_OK);
  }
}

}  // namespace bulkhead_test
