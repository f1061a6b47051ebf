// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Sections of a program or shared object that this process has mapped.

#ifndef BULKHEAD_TESTS_SEAL_IMAGE_H_
#define BULKHEAD_TESTS_SEAL_IMAGE_H_

#include <cstdint>
#include <map>
#include <string>

namespace bulkhead_test {

struct Section {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

// By name, where the sections of the ELF file at `path` lie if its first page
// is mapped at `base`. Empty: it is no ELF file, or has no sections.
std::map<std::string, Section> SectionsOf(const std::string& path,
                                          uintptr_t base);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SEAL_IMAGE_H_
