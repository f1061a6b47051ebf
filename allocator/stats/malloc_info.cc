// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/stats/malloc_info.h"

#include "allocator/heap/heap.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

template <typename Visitor>
void ForEachHeap(Visitor visit) {
  for (const CompartmentRow& row : bulkhead_compartments) {
    if (row.state == BH_STATE_LIVE) visit(row, MeasureHeap(IdOf(row)));
  }
}

int Narrow(size_t value) { return static_cast<int>(value); }

}  // namespace

struct mallinfo2 MallocInfo() {
  struct mallinfo2 info = {};
  ForEachHeap([&info](const CompartmentRow&, const HeapUse& use) {
    info.arena += use.mapped_bytes;
    info.uordblks += use.in_use_bytes;
    info.keepcost += use.mapped_bytes - use.active_bytes;
  });
  info.fordblks = info.arena - info.uordblks;
  return info;
}

struct mallinfo Narrowed(const struct mallinfo2& info) {
  return {Narrow(info.arena),   Narrow(info.ordblks),  Narrow(info.smblks),
          Narrow(info.hblks),   Narrow(info.hblkhd),   Narrow(info.usmblks),
          Narrow(info.fsmblks), Narrow(info.uordblks), Narrow(info.fordblks),
          Narrow(info.keepcost)};
}

int WriteMallocInfo(FILE* stream) {
  bool good = fprintf(stream, "<malloc version=\"bulkhead-1\">\n") >= 0;
  ForEachHeap([&](const CompartmentRow& row, const HeapUse& use) {
    good &=
        fprintf(stream,
                "<heap compartment=\"%s\" allocations=\"%llu\" "
                "frees=\"%llu\" in_use=\"%zu\" active=\"%zu\" "
                "mapped=\"%zu\" metadata=\"%zu\"/>\n",
                row.name, static_cast<unsigned long long>(use.allocations),
                static_cast<unsigned long long>(use.frees), use.in_use_bytes,
                use.active_bytes, use.mapped_bytes, use.metadata_bytes) >= 0;
  });
  good &= fprintf(stream, "</malloc>\n") >= 0;
  return good ? 0 : -1;
}

void WriteMallocStats() {
  ForEachHeap([](const CompartmentRow& row, const HeapUse& use) {
    RawLine line;
    line.Text("bulkhead: heap '").Text(row.name).Text("': in use ");
    line.Decimal(static_cast<int64_t>(use.in_use_bytes))
        .Text(" bytes, active ");
    line.Decimal(static_cast<int64_t>(use.active_bytes)).Text(", mapped ");
    line.Decimal(static_cast<int64_t>(use.mapped_bytes)).Text(", metadata ");
    line.Decimal(static_cast<int64_t>(use.metadata_bytes));
    line.Text("; allocations ");
    line.Decimal(static_cast<int64_t>(use.allocations)).Text(", frees ");
    line.Decimal(static_cast<int64_t>(use.frees)).Text("\n");
    line.WriteTo(STDERR_FILENO);
  });
}

}  // namespace bulkhead
