// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/script.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bulkhead {
namespace {

constexpr absl::string_view kBlanks = " \t";

absl::Status NoInterpreter() {
  return absl::FailedPreconditionError(
      "its #! line names no interpreter: correct that line");
}

absl::Status ClearsEnvironment(absl::string_view option) {
  return absl::FailedPreconditionError(absl::StrCat(
      "its #! line has env clear the environment (", option,
      "), and LD_PRELOAD with it: start the interpreter by name instead"));
}

}  // namespace

absl::StatusOr<std::optional<Shebang>> ParseShebang(absl::string_view start) {
  if (!absl::StartsWith(start, "#!")) return std::nullopt;
  absl::string_view line = start.substr(0, kShebangBytes).substr(2);
  const size_t end = line.find_first_of(absl::string_view("\n\0", 2));
  const bool ended = end != absl::string_view::npos;
  if (ended) line = line.substr(0, end);
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == absl::string_view::npos) return NoInterpreter();
  line = line.substr(first);
  const size_t name_end = line.find_first_of(kBlanks);
  // The kernel refuses an interpreter whose name the limit may have cut off,
  // and cuts off arguments silently.
  if (!ended && name_end == absl::string_view::npos &&
      start.size() >= kShebangBytes) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the interpreter in its #! line is longer than the kernel's ",
        kShebangBytes, " bytes: use a shorter path"));
  }
  Shebang shebang;
  shebang.interpreter = std::string(line.substr(0, name_end));
  if (name_end != absl::string_view::npos) {
    absl::string_view argument = line.substr(name_end);
    const size_t from = argument.find_first_not_of(kBlanks);
    if (from != absl::string_view::npos) {
      const size_t last = argument.find_last_not_of(kBlanks);
      shebang.argument = std::string(argument.substr(from, last - from + 1));
    }
  }
  return shebang;
}

absl::StatusOr<std::string> EnvTarget(absl::string_view argument) {
  // Without -S the kernel's one argument is env's one argument.
  std::vector<absl::string_view> words = {argument};
  for (absl::string_view split : {"-S", "--split-string=", "-vS"}) {
    if (absl::StartsWith(argument, split)) {
      words = absl::StrSplit(argument.substr(split.size()),
                             absl::ByAnyChar(kBlanks), absl::SkipEmpty());
      break;
    }
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const absl::string_view word = words[i];
    if (word == "-" || word == "-i" || word == "--ignore-environment") {
      return ClearsEnvironment(word);
    }
    if (word == "-uLD_PRELOAD" || word == "--unset=LD_PRELOAD" ||
        (word == "-u" && i + 1 < words.size() &&
         words[i + 1] == "LD_PRELOAD")) {
      return ClearsEnvironment("-u LD_PRELOAD");
    }
    if (word == "-u" || word == "-C") {
      ++i;
      continue;
    }
    if (word.empty() || word.front() == '-') continue;
    if (absl::StartsWith(word, "LD_PRELOAD=")) {
      return ClearsEnvironment("LD_PRELOAD=");
    }
    if (!absl::StrContains(word, '=')) return std::string(word);
  }
  return NoInterpreter();
}

}  // namespace bulkhead
