// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/text.h"

#include "isolation/domain/compartment_table.h"
#include "isolation/violation/modules.h"

namespace bulkhead {
namespace {

void AppendOwner(RawLine& line, const Facts& facts) {
  if (facts.region == Region::kNone) {
    line.Text("no heap of Bulkhead's");
    return;
  }
  if (facts.region == Region::kUnused) {
    line.Text("Bulkhead, or nobody yet");
    return;
  }
  if (facts.owner == kRoot) {
    line.Text("the root's heap");
    return;
  }
  const CompartmentRow& row = RowOf(facts.owner);
  line.Text("compartment '").Text(row.name).Text("'");
  if (row.key != kUntagged) {
    line.Text(" (key ").Decimal(Number(row.key)).Text(")");
  }
  line.Text(facts.region == Region::kStack  ? ", a stack"
            : facts.region == Region::kHeap ? ", its heap"
                                            : ", its variables");
}

void AppendObject(RawLine& line, const Facts& facts) {
  const PageRange& memory = facts.object.memory;
  line.Text("\n  object: ").Decimal(static_cast<int64_t>(memory.bytes));
  line.Text(" bytes at ").Hex(memory.begin);
  line.Text(facts.object.in_use ? ", in use" : ", free");
  line.Text("; the address is at offset ");
  line.Decimal(static_cast<int64_t>(facts.place.address - memory.begin));
}

void AppendGrants(RawLine& line, const Facts& facts, bh_access access,
                  const char* text) {
  bool first = true;
  for (size_t i = 0; i < facts.grant_count; ++i) {
    if (facts.grants[i].access != access) continue;
    line.Text(first ? text : ", ");
    line.Text("'").Text(RowOf(facts.grants[i].owner).name).Text("'");
    first = false;
  }
}

void AppendDomain(RawLine& line, const Facts& facts) {
  line.Text("  current domain: ").Text(RowOf(facts.place.domain).name);
  AppendGrants(line, facts, BH_ACCESS_READ, "\n  granted to it, to read: ");
  AppendGrants(line, facts, BH_ACCESS_READ_WRITE,
               "\n  granted to it, to read and write: ");
  line.Text("\n  gates: ");
  for (size_t i = 0; i < facts.gate_count; ++i) {
    line.Text(i == 0 ? "" : " > ").Text(RowOf(facts.gates[i]).name);
  }
}

void AppendModule(RawLine& line, uintptr_t address) {
  Module module;
  if (!FindModule(address, module)) return;
  line.Text(" (").Text(module.path).Text("+").Hex(module.offset).Text(")");
}

void WriteFrame(int number, uintptr_t address, int descriptor) {
  char name[256];
  RawLine line;
  line.Text("    #").Decimal(number).Text(" ").Hex(address);
  if (NameFunction(address, name, sizeof(name))) line.Text(" in ").Text(name);
  AppendModule(line, address);
  line.Text("\n").WriteTo(descriptor);
}

void WriteRegisters(const Facts& facts, int descriptor) {
  RawLine line;
  line.Text("  registers:");
  for (size_t i = 0; i < kRegisters; ++i) {
    line.Text(i % 4 == 0 ? "\n    " : " ").Text(register_names[i].name);
    line.Text("=").Hex(static_cast<uint64_t>(
        facts.place.context->uc_mcontext.gregs[register_names[i].place]));
  }
  line.Text("\n").WriteTo(descriptor);
}

}  // namespace

void AppendSummary(RawLine& line, const Facts& facts) {
  line.Text(TextOf(facts.kind).name);
  if (facts.owner != kRoot) {
    line.Text(" of '").Text(RowOf(facts.owner).name).Text("'");
  }
  const uintptr_t place = facts.stack.frames[0];
  char name[256];
  if (place != 0 && NameFunction(place, name, sizeof(name))) {
    line.Text(" in ").Text(name);
  } else if (place != 0) {
    AppendModule(line, place);
  }
}

void WriteText(const Facts& facts, int descriptor) {
  const KindText kind = TextOf(facts.kind);
  {
    RawLine line;
    line.Text("==").Decimal(facts.pid).Text("==ERROR: Bulkhead: ");
    line.Text(kind.name).Text(" on address ").Hex(facts.place.address);
    line.Text("\n  ").Text(kind.text);
    const char* const access = NameOf(facts.place.access);
    if (access != nullptr) line.Text("\n  access: ").Text(access);
    line.Text("\n  address belongs to: ");
    AppendOwner(line, facts);
    char called[256];
    if (facts.kind == ViolationKind::kRefusedCall &&
        NameFunction(facts.place.address, called, sizeof(called))) {
      line.Text("\n  called: ").Text(called);
    }
    if (facts.has_object) AppendObject(line, facts);
    line.Text("\n").WriteTo(descriptor);
  }
  {
    RawLine line;
    AppendDomain(line, facts);
    line.Text("\n  thread: ").Decimal(facts.tid).Text("\n");
    line.WriteTo(descriptor);
  }
  for (int i = 0; i < facts.stack.count; ++i) {
    WriteFrame(i, facts.stack.frames[i], descriptor);
  }
  if (facts.shows_registers) WriteRegisters(facts, descriptor);
  RawLine summary;
  summary.Text("SUMMARY: Bulkhead: ");
  AppendSummary(summary, facts);
  summary.Text("\n").WriteTo(descriptor);
}

}  // namespace bulkhead
