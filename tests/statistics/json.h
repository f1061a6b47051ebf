// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A reader of JSON that takes nothing that RFC 8259 does not, and of that only
// what Bulkhead writes: whole numbers without a sign, and no names twice.

#ifndef BULKHEAD_TESTS_STATISTICS_JSON_H_
#define BULKHEAD_TESTS_STATISTICS_JSON_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bulkhead_test {

struct Json {
  enum class Kind { kNothing, kNull, kNumber, kText, kArray, kObject };
  Kind kind = Kind::kNothing;
  uint64_t number = 0;
  std::string text;
  std::vector<Json> array;
  std::map<std::string, Json> object;

  // The value of that name; one of kind kNothing if there is none.
  const Json& operator[](const std::string& name) const;
};

// False: this is no JSON, or something follows it.
bool ParseJson(const char* text, Json& value);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_STATISTICS_JSON_H_
