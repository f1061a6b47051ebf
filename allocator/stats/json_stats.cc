// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/stats/json_stats.h"

#include "allocator/heap/heap.h"
#include "allocator/stats/level_name.h"
#include "allocator/stats/snapshot.h"
#include "bulkhead/bulkhead.h"
#include "isolation/base/json_text.h"
#include "isolation/base/process_stack.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

void Field(JsonText& json, const char* name, uint64_t value) {
  json.Key(name);
  if (value == kUnknown) {
    json.Null();
  } else {
    json.Number(value);
  }
}

void TextField(JsonText& json, const char* name, const char* text) {
  json.Key(name);
  json.Text(text);
}

void WriteClass(JsonText& json, const ClassUse& use) {
  json.BeginObject();
#define BH_CLASS_FIELD(name, meaning) Field(json, #name, use.name);
#include "allocator/stats/fields.inc"
  json.EndObject();
}

void WriteHeap(JsonText& json, Snapshot& snapshot) {
  json.BeginObject();
  TextField(json, "name", snapshot.name());
  Field(json, "id", snapshot.compartment().id);
  Field(json, "generation", snapshot.compartment().generation);
  json.Key("classes");
  json.BeginArray();
  for (ClassUse use; snapshot.Next(use);) WriteClass(json, use);
  json.EndArray();
#define BH_HEAP_FIELD(name, meaning) Field(json, #name, snapshot.heap().name);
#include "allocator/stats/fields.inc"
  json.EndObject();
}

// Last, so that it is not below the sum of what was said before.
uint64_t MonitorEntriesOfProcess() {
  MeasuredHeap root;
  return MeasureHeap({0, 0}, root) ? root.all_monitor_entries : kUnknown;
}

}  // namespace

size_t WriteJsonStats(char* buffer, size_t size) {
  JsonText json(buffer, size);
  json.BeginObject();
  Field(json, "schema", kStatsSchema);
  Field(json, "pid", static_cast<uint64_t>(sys::GetPid()));
  const char* program = ReadProcessStack().program;
  TextField(json, "program", program != nullptr ? program : "");
  TextField(json, "level", LevelName());
  json.Key("compartments");
  json.BeginArray();
  ForEachSnapshot([&json](Snapshot& snapshot) { WriteHeap(json, snapshot); });
  json.EndArray();
  Field(json, "monitor_entries", MonitorEntriesOfProcess());
  json.EndObject();
  json.Finish();
  return json.length() + 1;
}

}  // namespace bulkhead

extern "C" bh_status bh_stats(char* buffer, size_t size, size_t* needed) {
  if (!bulkhead::heap_started) return BH_ERR_NO_ALLOCATOR;
  const size_t bytes = bulkhead::WriteJsonStats(buffer, size);
  if (needed != nullptr) *needed = bytes;
  return bytes <= size ? BH_OK : BH_ERR_BUFFER;
}
