// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/options.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "isolation/base/process_stack.h"
#include "isolation/base/sealed.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

enum class Kind { kFlag, kNumber, kChoice, kPath };

struct Description {
  const char* name;
  Kind kind;
  size_t offset;
  uint64_t initial;
  uint64_t least;
  uint64_t most;
  const char* choices;
  const char* help;
};

constexpr Description kOptions[] = {
#define BH_OPTION_FLAG(name, value, help) \
  {#name, Kind::kFlag, offsetof(Options, name), value, 0, 1, "0|1", help},
#define BH_OPTION_NUMBER(name, value, least, most, help)                \
  {#name,   Kind::kNumber, offsetof(Options, name), value, least, most, \
   nullptr, help},
#define BH_OPTION_CHOICE(name, value, choices, help) \
  {#name, Kind::kChoice, offsetof(Options, name), value, 0, 0, choices, help},
#define BH_OPTION_PATH(name, help) \
  {#name, Kind::kPath, offsetof(Options, name), 0, 0, 0, nullptr, help},
#include "isolation/base/options.inc"
#undef BH_OPTION_FLAG
#undef BH_OPTION_NUMBER
#undef BH_OPTION_CHOICE
#undef BH_OPTION_PATH
};

struct Word {
  const char* begin;
  size_t size;

  bool Is(const char* text) const {
    for (size_t i = 0; i < size; ++i) {
      if (text[i] != begin[i]) return false;
    }
    return text[size] == '\0';
  }
};

bool IsSeparator(char c) {
  return c == ':' || c == ' ' || c == '\t' || c == '\n';
}

// The place of `word` in "a|b|c", or -1.
int ChoiceIndex(const char* choices, Word word) {
  int index = 0;
  for (const char* at = choices;; ++index) {
    size_t size = 0;
    while (at[size] != '\0' && at[size] != '|') ++size;
    bool same = size == word.size;
    for (size_t i = 0; same && i < size; ++i) same = at[i] == word.begin[i];
    if (same) return index;
    if (at[size] == '\0') return -1;
    at += size + 1;
  }
}

bool ParseNumber(Word word, uint64_t least, uint64_t most, uint64_t& value) {
  if (word.size == 0 || word.size > 18) return false;
  uint64_t number = 0;
  for (size_t i = 0; i < word.size; ++i) {
    if (word.begin[i] < '0' || word.begin[i] > '9') return false;
    number = number * 10 + static_cast<uint64_t>(word.begin[i] - '0');
  }
  if (number < least || number > most) return false;
  value = number;
  return true;
}

void AppendAllowed(const Description& option, RawLine& line) {
  switch (option.kind) {
    case Kind::kFlag:
    case Kind::kChoice:
      line.Text(option.choices);
      return;
    case Kind::kNumber:
      line.Decimal(static_cast<int64_t>(option.least)).Text("..");
      line.Decimal(static_cast<int64_t>(option.most));
      return;
    case Kind::kPath:
      line.Text("a path of at most 255 bytes");
      return;
  }
}

bool Apply(const Description& option, Word word, Options& options) {
  char* field = reinterpret_cast<char*>(&options) + option.offset;
  auto& number = *reinterpret_cast<uint64_t*>(field);
  switch (option.kind) {
    case Kind::kFlag:
    case Kind::kNumber:
      return ParseNumber(word, option.least, option.most, number);
    case Kind::kChoice: {
      const int index = ChoiceIndex(option.choices, word);
      if (index < 0) return false;
      number = static_cast<uint64_t>(index);
      return true;
    }
    case Kind::kPath:
      if (word.size == 0 || word.size >= sizeof(Options::stats_path)) {
        return false;
      }
      for (size_t i = 0; i < word.size; ++i) field[i] = word.begin[i];
      field[word.size] = '\0';
      return true;
  }
  return false;
}

const Description* Find(Word name) {
  for (const Description& option : kOptions) {
    if (name.Is(option.name)) return &option;
  }
  return nullptr;
}

bool ParseWord(Word word, Options& options, RawLine& error) {
  size_t equals = 0;
  while (equals < word.size && word.begin[equals] != '=') ++equals;
  const Description* option = Find({word.begin, equals});
  if (option == nullptr) {
    error.Text("BULKHEAD_OPTIONS: unknown option '");
    error.Text(word.begin, equals < 64 ? equals : 64);
    error.Text("'; BULKHEAD_OPTIONS=help=1 lists them");
    return false;
  }
  if (equals == word.size) {
    error.Text("BULKHEAD_OPTIONS: option '").Text(option->name);
    error.Text("' needs a value: ").Text(option->name).Text("=");
    AppendAllowed(*option, error);
    return false;
  }
  const Word value = {word.begin + equals + 1, word.size - equals - 1};
  if (Apply(*option, value, options)) return true;
  error.Text("BULKHEAD_OPTIONS: ").Text(option->name).Text("='");
  error.Text(value.begin, value.size < 64 ? value.size : 64);
  error.Text("' is not one of ");
  AppendAllowed(*option, error);
  return false;
}

[[noreturn]] void Exit(int status) {
  for (;;) sys::Call(SYS_exit_group, status);
}

constinit BULKHEAD_CONSTANT_AFTER_START Options process_options;
constinit BULKHEAD_CONSTANT_AFTER_START bool parsed = false;

}  // namespace

bool ParseOptions(const char* text, Options& options, RawLine& error) {
  while (*text != '\0') {
    if (IsSeparator(*text)) {
      ++text;
      continue;
    }
    Word word = {text, 0};
    while (text[word.size] != '\0' && !IsSeparator(text[word.size])) {
      ++word.size;
    }
    if (!ParseWord(word, options, error)) return false;
    text += word.size;
  }
  return true;
}

void WriteOptionsHelp(int descriptor) {
  RawLine head;
  head.Text("BULKHEAD_OPTIONS holds words name=value, separated by ':':\n");
  head.WriteTo(descriptor);
  for (const Description& option : kOptions) {
    RawLine line;
    line.Text("  ").Text(option.name).Text("=");
    AppendAllowed(option, line);
    line.Text("  (default ");
    if (option.kind == Kind::kPath) {
      line.Text("none");
    } else if (option.kind == Kind::kChoice) {
      size_t size = 0;
      while (option.choices[size] != '|') ++size;
      line.Text(option.choices, size);
    } else {
      line.Decimal(static_cast<int64_t>(option.initial));
    }
    line.Text(")\n      ").Text(option.help).Text("\n").WriteTo(descriptor);
  }
}

const Options& GetOptions() {
  if (__builtin_expect(parsed, true)) return process_options;
  const ProcessStack stack = ReadProcessStack();
  const char* text =
      stack.secure ? nullptr : FindVariable(stack, "BULKHEAD_OPTIONS");
  RawLine error;
  if (text != nullptr && !ParseOptions(text, process_options, error)) {
    RawLine line;
    line.Text("bulkhead: ").Text(error.text()).Text("\n");
    line.WriteTo(STDERR_FILENO);
    Exit(2);
  }
  parsed = true;
  if (process_options.help != 0) {
    WriteOptionsHelp(STDOUT_FILENO);
    Exit(0);
  }
  return process_options;
}

}  // namespace bulkhead
