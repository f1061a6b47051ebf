// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Lists that are worth keeping: cases that people thought of, lists by which
// the fuzzer reached code that no other reached, and those that once found
// something.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/forked_run.h"
#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {
namespace {

std::vector<std::filesystem::path> SavedLists() {
  std::vector<std::filesystem::path> paths;
  for (const auto& file :
       std::filesystem::directory_iterator("tests/fuzz/saved")) {
    paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// A name that no longer means anything would be passed over.
size_t CountOperations(const std::string& text) {
  std::istringstream lines(text);
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') ++count;
  }
  return count;
}

class SavedListsTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(SavedListsTest, AreInOrder) {
  std::ifstream file(GetParam());
  const std::string text((std::istreambuf_iterator<char>(file)),
                         std::istreambuf_iterator<char>());
  const OperationList list = Parse(text);
  ASSERT_FALSE(list.empty());
  ASSERT_EQ(list.size(), CountOperations(text));
  const Outcome outcome = RunInFork(list);
  EXPECT_TRUE(outcome.in_order) << outcome.trouble << "\n" << outcome.messages;
}

INSTANTIATE_TEST_SUITE_P(All, SavedListsTest, testing::ValuesIn(SavedLists()),
                         [](const auto& path) {
                           std::string name = path.param.stem().string();
                           for (char& c : name) {
                             if (isalnum(static_cast<unsigned char>(c)) == 0) {
                               c = '_';
                             }
                           }
                           return name;
                         });

}  // namespace
}  // namespace bulkhead_fuzz
