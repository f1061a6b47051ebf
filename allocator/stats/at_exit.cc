// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The options verbose and stats_path at the end of a process.

#include <fcntl.h>

#include "allocator/heap/heap.h"
#include "bulkhead/bulkhead.h"
#include "isolation/base/options.h"
#include "isolation/base/process_stack.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

const char* BackendName() {
  return bh_get_level() == BH_LEVEL_PKU ? "pku" : "mprotect";
}

const char* BaseName(const char* path) {
  const char* name = path != nullptr ? path : "?";
  for (const char* at = name; *at != '\0'; ++at) {
    if (*at == '/') name = at + 1;
  }
  return name;
}

void Write(const char* path, const RawLine& line) {
  const long file =
      sys::Open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) {
    RawLine complaint;
    complaint.Text("bulkhead: cannot write stats_path=").Text(path);
    complaint.Text(" (errno ").Decimal(-file).Text(")\n");
    complaint.WriteTo(STDERR_FILENO);
    return;
  }
  line.WriteTo(static_cast<int>(file));
  sys::Close(static_cast<int>(file));
}

__attribute__((destructor)) void SayEnd() {
  if (!heap_started) return;
  const Options& options = GetOptions();
  if (options.verbose == 0 && options.stats_path[0] == '\0') return;
  bh_heap_stats stats = {};
  if (bh_get_heap_stats({0, 0}, &stats) != BH_OK) return;
  RawLine line;
  line.Text("bulkhead: pid=").Decimal(sys::GetPid()).Text(" program=");
  line.Text(BaseName(ReadProcessStack().program)).Text(" backend=");
  line.Text(BackendName()).Text(" allocations=");
  line.Decimal(static_cast<int64_t>(stats.allocations)).Text(" frees=");
  line.Decimal(static_cast<int64_t>(stats.frees)).Text("\n");
  if (options.verbose != 0) line.WriteTo(STDERR_FILENO);
  if (options.stats_path[0] != '\0') Write(options.stats_path, line);
}

}  // namespace
}  // namespace bulkhead
