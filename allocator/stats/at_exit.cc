// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The options verbose, stats_path and stats_json at the end of a process.

#include <fcntl.h>

#include "allocator/heap/heap.h"
#include "allocator/stats/json_stats.h"
#include "allocator/stats/level_name.h"
#include "bulkhead/bulkhead.h"
#include "isolation/base/options.h"
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

void Complain(const char* option, const char* path, long error) {
  RawLine complaint;
  complaint.Text("bulkhead: cannot write ").Text(option).Text("=").Text(path);
  complaint.Text(" (errno ").Decimal(-error).Text(")\n");
  complaint.WriteTo(STDERR_FILENO);
}

// Appends with one system call, so that the texts of several processes do not
// mix.
void Append(const char* option, const char* path, const char* text,
            size_t size) {
  const long file =
      sys::Open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return Complain(option, path, file);
  long written = 0;
  for (size_t done = 0; done < size; done += static_cast<size_t>(written)) {
    do {
      written = sys::Write(static_cast<int>(file), text + done, size - done);
    } while (written == -EINTR);
    if (written <= 0) {
      Complain(option, path, written);
      break;
    }
  }
  sys::Close(static_cast<int>(file));
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
    Append("stats_path", options.stats_path, line.text(), line.size());
  }
}

// The path with the process's id in place of each "%p".
void ExpandPath(const char* path, RawLine& expanded) {
  for (const char* at = path; *at != '\0'; ++at) {
    if (at[0] == '%' && at[1] == 'p') {
      expanded.Decimal(sys::GetPid());
      ++at;
    } else {
      expanded.Text(at, 1);
    }
  }
}

// Memory of the kernel's own: whatever lies in the heaps stays as it is.
void WriteJson(const Options& options) {
  if (options.stats_json[0] == '\0') return;
  RawLine path;
  ExpandPath(options.stats_json, path);
  // Other threads go on: what was enough may be too little a moment later.
  for (size_t room = size_t{64} << 10;; room *= 2) {
    const long mapped =
        sys::Mmap(0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (sys::Failed(mapped)) {
      return Complain("stats_json", path.text(), mapped);
    }
    auto* text = reinterpret_cast<char*>(mapped);
    const size_t bytes = WriteJsonStats(text, room);
    if (bytes <= room) {
      text[bytes - 1] = '\n';
      Append("stats_json", path.text(), text, bytes);
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
