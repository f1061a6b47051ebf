// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/json.h"

#include <sys/mman.h>

#include "isolation/base/json_text.h"
#include "isolation/base/output_file.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/sys/syscalls.h"
#include "isolation/violation/modules.h"
#include "isolation/violation/text.h"

namespace bulkhead {
namespace {

// More than kMostFramesShown of the longest names and paths, each byte escaped.
constexpr size_t kMostBytes = size_t{256} << 10;

const char* RegionName(Region region) {
  switch (region) {
    case Region::kNone:
      break;
    case Region::kUnused:
      return "unused";
    case Region::kHeap:
      return "heap";
    case Region::kStack:
      return "stack";
    case Region::kVariables:
      return "variables";
  }
  return nullptr;
}

void PutText(JsonText& json, const char* key, const char* text) {
  json.Key(key);
  if (text == nullptr) return json.Null();
  json.Text(text);
}

void PutNumber(JsonText& json, const char* key, uint64_t value) {
  json.Key(key);
  json.Number(value);
}

// As text: numbers of JSON's readers are rarely of 64 bits.
void PutAddress(JsonText& json, const char* key, uint64_t value) {
  RawLine text;
  text.Hex(value);
  PutText(json, key, text.text());
}

void PutOwner(JsonText& json, const Facts& facts) {
  json.Key("owner");
  const char* const region = RegionName(facts.region);
  if (region == nullptr) return json.Null();
  const CompartmentRow& row = RowOf(facts.owner);
  json.BeginObject();
  PutText(json, "region", region);
  PutText(json, "compartment",
          facts.region == Region::kUnused ? nullptr : row.name);
  json.Key("key");
  if (facts.owner == kRoot || row.key == kUntagged) {
    json.Null();
  } else {
    json.Number(Number(row.key));
  }
  json.EndObject();
}

void PutObject(JsonText& json, const Facts& facts) {
  json.Key("object");
  if (!facts.has_object) return json.Null();
  const PageRange& memory = facts.object.memory;
  json.BeginObject();
  PutAddress(json, "begin", memory.begin);
  PutNumber(json, "bytes", memory.bytes);
  PutNumber(json, "offset", facts.place.address - memory.begin);
  PutText(json, "state", facts.object.in_use ? "in use" : "free");
  json.EndObject();
}

void PutGrants(JsonText& json, const Facts& facts) {
  json.Key("grants");
  json.BeginArray();
  for (size_t i = 0; i < facts.grant_count; ++i) {
    json.BeginObject();
    PutText(json, "owner", RowOf(facts.grants[i].owner).name);
    PutText(json, "access",
            facts.grants[i].access == BH_ACCESS_READ ? "read" : "read-write");
    json.EndObject();
  }
  json.EndArray();
}

void PutGates(JsonText& json, const Facts& facts) {
  json.Key("gates");
  json.BeginArray();
  for (size_t i = 0; i < facts.gate_count; ++i) {
    json.Text(RowOf(facts.gates[i]).name);
  }
  json.EndArray();
}

void PutStack(JsonText& json, const Facts& facts) {
  json.Key("stack");
  json.BeginArray();
  for (int i = 0; i < facts.stack.count; ++i) {
    const uintptr_t address = facts.stack.frames[i];
    char name[256];
    Module module;
    json.BeginObject();
    PutAddress(json, "address", address);
    PutText(json, "function",
            NameFunction(address, name, sizeof(name)) ? name : nullptr);
    const bool has_module = FindModule(address, module);
    PutText(json, "file", has_module ? module.path : nullptr);
    if (has_module) PutAddress(json, "offset", module.offset);
    json.EndObject();
  }
  json.EndArray();
}

void PutRegisters(JsonText& json, const Facts& facts) {
  json.Key("registers");
  if (!facts.shows_registers) return json.Null();
  json.BeginObject();
  for (const RegisterName& each : register_names) {
    PutAddress(json, each.name,
               static_cast<uint64_t>(
                   facts.place.context->uc_mcontext.gregs[each.place]));
  }
  json.EndObject();
}

void PutReport(JsonText& json, const Facts& facts) {
  json.BeginObject();
  PutText(json, "kind", TextOf(facts.kind).name);
  RawLine summary;
  AppendSummary(summary, facts);
  PutText(json, "summary", summary.text());
  PutText(json, "text", TextOf(facts.kind).text);
  PutNumber(json, "pid", static_cast<uint64_t>(facts.pid));
  PutNumber(json, "thread", static_cast<uint64_t>(facts.tid));
  PutAddress(json, "address", facts.place.address);
  PutText(json, "access", NameOf(facts.place.access));
  PutOwner(json, facts);
  PutObject(json, facts);
  PutText(json, "domain", RowOf(facts.place.domain).name);
  PutGrants(json, facts);
  PutGates(json, facts);
  PutStack(json, facts);
  PutRegisters(json, facts);
  json.EndObject();
}

}  // namespace

bool WriteJson(const Facts& facts, int descriptor) {
  const long mapped = sys::Mmap(0, kMostBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS);
  if (sys::Failed(mapped)) return false;
  auto* const text = reinterpret_cast<char*>(mapped);
  JsonText json(text, kMostBytes - 1);
  PutReport(json, facts);
  // Room for all of it was made: see kMostBytes.
  const size_t bytes =
      json.length() < kMostBytes - 1 ? json.length() : kMostBytes - 1;
  text[bytes] = '\n';
  const bool written = WriteAll(descriptor, text, bytes + 1) == 0;
  sys::Munmap(static_cast<uintptr_t>(mapped), kMostBytes);
  return written;
}

}  // namespace bulkhead
