// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The options verbose, stats_path and stats_json at the end of a process.

#include "allocator/heap/heap.h"
#include "allocator/stats/json_stats.h"
#include "allocator/stats/level_name.h"
#include "bulkhead/bulkhead.h"
#include "isolation/base/options.h"
#include "isolation/base/output_file.h"
#include "isolation/base/process_stack.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

const char* BaseName(const char* path) {
  const char* name = path != nullptr ? path : "?";
  for (const char* at = name; *at != '\0'; ++at) {
    if (*at == '/') name = at + 1;
  }
  return name;
}

void SayCounts(const Options& options) {
  if (options.verbose == 0 && options.stats_path[0] == '\0') return;
  bh_heap_stats stats = {};
  if (bh_get_heap_stats({0, 0}, &stats) != BH_OK) return;
  RawLine line;
  line.Text("bulkhead: pid=").Decimal(sys::GetPid()).Text(" program=");
  line.Text(BaseName(ReadProcessStack().program)).Text(" backend=");
  line.Text(LevelName()).Text(" allocations=");
  line.Decimal(static_cast<int64_t>(stats.allocations)).Text(" frees=");
  line.Decimal(static_cast<int64_t>(stats.frees)).Text("\n");
  if (options.verbose != 0) line.WriteTo(STDERR_FILENO);
  if (options.stats_path[0] != '\0') {
    AppendToOutputFile("stats_path", options.stats_path, line.text(),
                       line.size());
  }
}

// Memory of the kernel's own: whatever lies in the heaps stays as it is.
void WriteJson(const Options& options) {
  if (options.stats_json[0] == '\0') return;
  // Other threads go on: what was enough may be too little a moment later.
  for (size_t room = size_t{64} << 10;; room *= 2) {
    const long mapped =
        sys::Mmap(0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (sys::Failed(mapped)) {
      RawLine complaint;
      complaint.Text("bulkhead: no memory for what stats_json tells\n");
      return complaint.WriteTo(STDERR_FILENO);
    }
    auto* text = reinterpret_cast<char*>(mapped);
    const size_t bytes = WriteJsonStats(text, room);
    if (bytes <= room) {
      text[bytes - 1] = '\n';
      AppendToOutputFile("stats_json", options.stats_json, text, bytes);
    }
    sys::Munmap(static_cast<uintptr_t>(mapped), room);
    if (bytes <= room) return;
  }
}

__attribute__((destructor)) void SayEnd() {
  if (!heap_started) return;
  SayCounts(GetOptions());
  WriteJson(GetOptions());
}

}  // namespace
}  // namespace bulkhead
