// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a library makes of a file, in a form that crosses a sandbox's border.
// Runs in: any domain; writes to no globals.

#ifndef BULKHEAD_TESTS_LIBRARIES_MAKING_H_
#define BULKHEAD_TESTS_LIBRARIES_MAKING_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bulkhead/bulkhead.h"

namespace bulkhead_test {

struct Made {
  int64_t status;        // the library's own word; 0 where it liked the file
  uint64_t digest;       // of all that it made
  uint64_t bytes;        // how many bytes that was
  uint64_t strays;       // pieces that came while another compartment ran
  uint32_t compartment;  // that ran
  uint32_t pieces;       // how many pieces it came in
};

// Does a library's work on the `size` bytes at `data`, and sets all of `made`.
using Work = void (*)(const unsigned char* data, size_t size, Made* made);

// Takes what a library makes, piece by piece. Made where the work begins, and
// handed to the library's callbacks, so that it sees where those run.
// A plain object: longjmp() may pass it.
class Making {
 public:
  void Add(const void* piece, size_t bytes) {
    if (bh_current().id != compartment_) ++strays_;
    ++pieces_;
    bytes_ += bytes;
    const char* const from = static_cast<const char*>(piece);
    for (size_t done = 0; done < bytes;) {
      uint64_t word = 0;
      const size_t step =
          bytes - done < sizeof(word) ? bytes - done : sizeof(word);
      memcpy(&word, from + done, step);
      Mix(word);
      done += step;
    }
    Mix(bytes);  // so that pieces do not run into each other
  }
  // A text and its end; or none.
  void AddText(const char* text) {
    if (text == nullptr) return AddNumber(-1);
    Add(text, strlen(text));
  }
  void AddNumber(int64_t number) { Add(&number, sizeof(number)); }

  Made End(int64_t status) const {
    return {status, digest_, bytes_, strays_, compartment_, pieces_};
  }

 private:
  // FNV-1a of words, whose high bits it brings down.
  void Mix(uint64_t word) {
    digest_ = (digest_ ^ word) * 0x100000001b3;
    digest_ ^= digest_ >> 32;
  }

  uint64_t digest_ = 0xcbf29ce484222325;
  uint64_t bytes_ = 0;
  uint64_t strays_ = 0;
  uint32_t compartment_ = bh_current().id;
  uint32_t pieces_ = 0;
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_LIBRARIES_MAKING_H_
