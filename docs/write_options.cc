// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Writes options.md from the list that the parser and help=1 come from.

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

constexpr char kHead[] =
    "# Options\n"
    "\n"
    "The environment variable `BULKHEAD_OPTIONS` holds words `name=value`,\n"
    "separated by `:` or white space. It is read once, at the process's "
    "start;\n"
    "a process that gained privileges (setuid, file capabilities) ignores it.\n"
    "An unknown name or a value that is not allowed ends the process with one\n"
    "line on stderr and exit status 2. `help=1` prints this list.\n"
    "\n"
    "This page is written from `isolation/base/options.inc`; after a change\n"
    "there:\n"
    "\n"
    "```sh\n"
    "bazel run //docs:write_options > docs/options.md\n"
    "```\n"
    "\n"
    "`//docs:options_test` fails while the page is stale.\n"
    "\n"
    "| option | values | default | meaning |\n"
    "| --- | --- | --- | --- |\n";

void WriteRow(const char* name, const std::string& values,
              const std::string& initial, const char* help) {
  std::printf("| `%s` | %s | %s | %s |\n", name, values.c_str(),
              initial.c_str(), help);
}

std::string Code(const std::string& text) { return "`" + text + "`"; }

void WriteFlag(const char* name, uint64_t initial, const char* help) {
  WriteRow(name, "`0`, `1`", Code(std::to_string(initial)), help);
}

void WriteNumber(const char* name, uint64_t initial, uint64_t least,
                 uint64_t most, const char* help) {
  WriteRow(name, std::to_string(least) + " to " + std::to_string(most),
           Code(std::to_string(initial)), help);
}

// `initial` is the place of a word in "a|b|c".
void WriteChoice(const char* name, size_t initial, const std::string& words,
                 const char* help) {
  std::string values;
  std::string chosen;
  size_t begin = 0;
  for (size_t place = 0; begin <= words.size(); ++place) {
    const size_t end = words.find('|', begin);
    const std::string word = words.substr(begin, end - begin);
    values += (place == 0 ? "" : ", ") + Code(word);
    if (place == initial) chosen = word;
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  WriteRow(name, values, Code(chosen), help);
}

void WritePath(const char* name, const char* help) {
  WriteRow(name, "a path of at most 255 bytes", "none", help);
}

}  // namespace

int main() {
  std::fputs(kHead, stdout);
#define BH_OPTION_FLAG(name, value, help) WriteFlag(#name, value, help);
#define BH_OPTION_NUMBER(name, value, least, most, help) \
  WriteNumber(#name, value, least, most, help);
#define BH_OPTION_CHOICE(name, value, choices, help) \
  WriteChoice(#name, value, choices, help);
#define BH_OPTION_PATH(name, help) WritePath(#name, help);
#include "isolation/base/options.inc"
#undef BH_OPTION_FLAG
#undef BH_OPTION_NUMBER
#undef BH_OPTION_CHOICE
#undef BH_OPTION_PATH
  return std::fflush(stdout) == 0 ? 0 : 1;
}
