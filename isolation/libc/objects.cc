// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/libc/objects.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

#include "isolation/base/ids.h"
#include "isolation/libc/forward.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

// Lies on key 0, read-only.
struct Objects {
  unsigned long long loaded;  // ever
  unsigned long long unloaded;
  size_t count;
  size_t room;
  struct dl_find_object object[1];
};

// Who changes it makes exceptions in sandboxes go astray, and in no other
// domain. Those that were replaced stay: a sandbox may be reading them.
constinit const Objects* objects = nullptr;

size_t BytesFor(size_t count) {
  return RoundUp(sizeof(Objects) + count * sizeof(struct dl_find_object),
                 kPageBytes);
}

int Count(dl_phdr_info* info, size_t, void* raw) {
  auto& counted = *static_cast<Objects*>(raw);
  counted.loaded = info->dlpi_adds;
  counted.unloaded = info->dlpi_subs;
  ++counted.count;
  return 0;
}

int Add(dl_phdr_info* info, size_t, void* raw) {
  auto& taken = *static_cast<Objects*>(raw);
  if (taken.count == taken.room) return 1;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    void* const begin =
        reinterpret_cast<void*>(info->dlpi_addr + header.p_vaddr);
    if (BULKHEAD_LIBCS(_dl_find_object)(begin, &taken.object[taken.count]) ==
        0) {
      ++taken.count;
    }
    return 0;
  }
  return 0;
}

int FindTaken(uintptr_t address, struct dl_find_object& found) {
  const Objects* taken = __atomic_load_n(&objects, __ATOMIC_ACQUIRE);
  if (taken == nullptr) return -1;
  for (size_t i = 0; i < taken->count; ++i) {
    const struct dl_find_object& object = taken->object[i];
    if (address < reinterpret_cast<uintptr_t>(object.dlfo_map_start) ||
        address >= reinterpret_cast<uintptr_t>(object.dlfo_map_end)) {
      continue;
    }
    found = object;
    return 0;
  }
  return -1;
}

}  // namespace

bool TakeObjects() {
  Objects counted = {};
  dl_iterate_phdr(Count, &counted);
  const Objects* before = __atomic_load_n(&objects, __ATOMIC_ACQUIRE);
  if (before != nullptr && before->loaded == counted.loaded &&
      before->unloaded == counted.unloaded) {
    return true;
  }
  const size_t bytes = BytesFor(counted.count);
  const long mapped =
      sys::Mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (sys::Failed(mapped)) return false;
  auto* taken = reinterpret_cast<Objects*>(mapped);
  taken->loaded = counted.loaded;
  taken->unloaded = counted.unloaded;
  taken->room = counted.count;
  dl_iterate_phdr(Add, taken);
  if (sys::Mprotect(static_cast<uintptr_t>(mapped), bytes, PROT_READ) != 0) {
    return false;
  }
  __atomic_store_n(&objects, taken, __ATOMIC_RELEASE);
  return true;
}

}  // namespace bulkhead

BULKHEAD_SERVES int _dl_find_object(void* address,
                                    struct dl_find_object* found) {
  if (bulkhead::RunsInSandbox()) {
    return bulkhead::FindTaken(reinterpret_cast<uintptr_t>(address), *found);
  }
  return BULKHEAD_LIBCS(_dl_find_object)(address, found);
}
