// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A walk over every mapping of this process: whose is each byte, and does it
// carry the protection key that it should. Knows of Bulkhead what
// docs/design.md says of its memory, and asks the library nothing but
// bh_owner(): so it can look at a preloaded library from outside.

#ifndef BULKHEAD_TESTS_SEAL_WALK_H_
#define BULKHEAD_TESTS_SEAL_WALK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bulkhead/bulkhead.h"

namespace bulkhead_test {

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

// What the program knows of its own mappings and of its compartments.
struct Known {
  bool has_keys = false;
  // Of the root's memory; 0: none, while there has been no sandbox.
  int root_key = 0;
  // Before Linux 6.12: the frames that handlers return by carry metadata's key.
  bool all_read_frames = false;
  bh_compartment (*owner)(const void*) = nullptr;
  // The first thread's record; it lies at the beginning of the reservation.
  uintptr_t first_record = 0;
  const void* block_of_root = nullptr;
  // By the id of each compartment that is or was: the key of its heap. A
  // destroyed one's stacks keep it.
  std::map<uint32_t, int> keys;
  // Of threads that are or were; the kernel may give them one mapping.
  std::vector<Range> stacks;
  // What sigaltstack() says in threads that set none themselves.
  std::vector<Range> signal_stacks;
};

struct Findings {
  // What is not as it should be, one line each.
  std::vector<std::string> problems;
  // The kinds of Bulkhead's memory that carry no key, as docs/key0.md names
  // them.
  std::set<std::string> without_key;
  // Bytes seen under the keys of metadata, of frames, and of compartments.
  size_t metadata_bytes = 0;
  size_t frames_bytes = 0;
  size_t compartments_bytes = 0;
};

Findings WalkMappings(const Known& known);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SEAL_WALK_H_
