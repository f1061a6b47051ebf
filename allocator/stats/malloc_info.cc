// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/stats/malloc_info.h"

#include "allocator/stats/snapshot.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

int Narrow(size_t value) { return static_cast<int>(value); }

// An attribute of an element that is under way.
void Attribute(RawLine& line, const char* name, uint64_t value) {
  if (value == kUnknown) return;
  line.Text(" ").Text(name).Text("=\"");
  line.Decimal(static_cast<int64_t>(value)).Text("\"");
}

bool Put(FILE* stream, const RawLine& line) {
  return fputs(line.text(), stream) >= 0;
}

bool WriteHeap(FILE* stream, Snapshot& snapshot) {
  RawLine begin;
  begin.Text("<heap compartment=\"").Text(snapshot.name()).Text("\">\n");
  bool good = Put(stream, begin);
  for (ClassUse use; snapshot.Next(use);) {
    RawLine line;
    line.Text("<class");
#define BH_CLASS_FIELD(name, meaning) Attribute(line, #name, use.name);
#include "allocator/stats/fields.inc"
    good &= Put(stream, line.Text("/>\n"));
  }
  RawLine total;
  total.Text("<total");
#define BH_HEAP_FIELD(name, meaning) \
  Attribute(total, #name, snapshot.heap().name);
#include "allocator/stats/fields.inc"
  return good & Put(stream, total.Text("/>\n</heap>\n"));
}

RawLine& Count(RawLine& line, const char* what, uint64_t value) {
  line.Text(what);
  if (value == kUnknown) return line.Text("unknown");
  return line.Decimal(static_cast<int64_t>(value));
}

}  // namespace

struct mallinfo2 MallocInfo() {
  struct mallinfo2 info = {};
  ForEachSnapshot([&info](Snapshot& snapshot) {
    for (ClassUse use; snapshot.Next(use);) {
    }
    const HeapUse& heap = snapshot.heap();
    info.arena += heap.active_bytes + heap.dirty_bytes;
    info.uordblks += heap.live_bytes;
    info.ordblks += heap.free_blocks;
    info.smblks += heap.cached;
    info.fsmblks += heap.cached_bytes;
    info.keepcost += heap.dirty_bytes;
  });
  // The numbers are of different moments, if other threads run.
  if (info.uordblks > info.arena) info.uordblks = info.arena;
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
  bool good = fputs("<malloc version=\"bulkhead-2\">\n", stream) >= 0;
  ForEachSnapshot(
      [&](Snapshot& snapshot) { good &= WriteHeap(stream, snapshot); });
  good &= fputs("</malloc>\n", stream) >= 0;
  return good ? 0 : -1;
}

void WriteMallocStats() {
  ForEachSnapshot([](Snapshot& snapshot) {
    for (ClassUse use; snapshot.Next(use);) {
      RawLine line;
      line.Text("bulkhead: heap '").Text(snapshot.name());
      Count(line, "', blocks of ", use.size);
      Count(line, ": live ", use.live);
      Count(line, ", cached ", use.cached);
      Count(line, ", resident bytes ", use.resident_bytes);
      Count(line, ", refills ", use.refills);
      Count(line, ", flushes ", use.flushes).Text("\n");
      line.WriteTo(STDERR_FILENO);
    }
    const HeapUse& heap = snapshot.heap();
    RawLine line;
    line.Text("bulkhead: heap '").Text(snapshot.name());
    Count(line, "': live bytes ", heap.live_bytes);
    Count(line, ", cached ", heap.cached_bytes);
    Count(line, ", resident ", heap.resident_bytes);
    Count(line, ", committed ", heap.committed_bytes);
    Count(line, ", metadata ", heap.metadata_bytes);
    Count(line, "; allocations ", heap.allocations);
    Count(line, ", frees ", heap.frees);
    Count(line, ", refills ", heap.refills);
    Count(line, ", flushes ", heap.flushes);
    Count(line, ", monitor entries ", heap.monitor_entries).Text("\n");
    line.WriteTo(STDERR_FILENO);
  });
}

}  // namespace bulkhead
