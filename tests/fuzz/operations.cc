// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {
namespace {

constexpr std::string_view kNames[] = {
#define BH_OPERATION(enumerator, name, text) name,
#include "tests/fuzz/operations.inc"
#undef BH_OPERATION
};
static_assert(std::size(kNames) == kKinds);

constexpr std::string_view kWays[] = {"stay", "gate", "scope"};
constexpr unsigned kDetails = 256;

// Cuts the text up to the separator, or all of it, off its front.
std::string_view Cut(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view front = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return front;
}

// The digits that the text begins with, as a number below `bound`.
uint32_t Number(std::string_view text, uint32_t bound) {
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    value = (value * 10 + static_cast<uint64_t>(c - '0')) & UINT32_MAX;
  }
  return static_cast<uint32_t>(value % bound);
}

template <size_t kCount>
bool Find(std::string_view name, const std::string_view (&names)[kCount],
          size_t& found) {
  for (found = 0; found < kCount; ++found) {
    if (names[found] == name) return true;
  }
  return false;
}

Path ParsePath(std::string_view text) {
  Path path = {};
  for (Step& step : path) {
    std::string_view value = Cut(text, ',');
    size_t way;
    if (!Find(Cut(value, ':'), kWays, way)) continue;
    step.way = static_cast<Way>(way);
    step.compartment = static_cast<uint8_t>(Number(value, kCompartments));
  }
  return path;
}

void ParseOperand(std::string_view word, Operation& operation) {
  std::string_view value = word;
  const std::string_view name = Cut(value, '=');
  if (name == "thread") {
    operation.thread = static_cast<uint8_t>(Number(value, kThreads));
  } else if (name == "in") {
    operation.path = ParsePath(value);
  } else if (name == "slot") {
    operation.slot = static_cast<uint16_t>(Number(value, kSlots));
  } else if (name == "count") {
    const uint32_t count = Number(value, kMostCount + 1);
    operation.count = static_cast<uint8_t>(count == 0 ? 1 : count);
  } else if (name == "size") {
    operation.size = Number(value, kSizes);
  } else if (name == "alignment") {
    operation.alignment = static_cast<uint8_t>(Number(value, kAlignments));
  } else if (name == "detail") {
    operation.detail = static_cast<uint8_t>(Number(value, kDetails));
  }
}

void Append(const char* name, uint32_t value, std::string& text) {
  if (value == 0) return;
  text += ' ';
  text += name;
  text += '=';
  text += std::to_string(value);
}

void Append(const Path& path, std::string& text) {
  size_t steps = path.size();
  while (steps != 0 && path[steps - 1].way == Way::kStay) --steps;
  for (size_t i = 0; i < steps; ++i) {
    text += i == 0 ? " in=" : ",";
    text += kWays[static_cast<size_t>(path[i].way)];
    if (path[i].way == Way::kStay) continue;
    text += ':';
    text += std::to_string(path[i].compartment);
  }
}

}  // namespace

OperationList Parse(std::string_view text) {
  OperationList list;
  while (!text.empty() && list.size() < kMostOperations) {
    std::string_view line = Cut(text, '\n');
    size_t kind;
    if (!Find(Cut(line, ' '), kNames, kind)) continue;
    Operation operation;
    operation.kind = static_cast<Kind>(kind);
    while (!line.empty()) ParseOperand(Cut(line, ' '), operation);
    list.push_back(operation);
  }
  return list;
}

std::string Print(const Operation& operation) {
  std::string text(kNames[static_cast<size_t>(operation.kind)]);
  Append("thread", operation.thread, text);
  Append(operation.path, text);
  Append("slot", operation.slot, text);
  if (operation.count != 1) Append("count", operation.count, text);
  Append("size", operation.size, text);
  Append("alignment", operation.alignment, text);
  Append("detail", operation.detail, text);
  return text;
}

std::string Print(const OperationList& list) {
  std::string text;
  for (const Operation& operation : list) {
    text += Print(operation);
    text += '\n';
  }
  return text;
}

}  // namespace bulkhead_fuzz
