// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/root_memory.h"

#include <link.h>
#include <pthread.h>

#include "isolation/arch/gate.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/memory_map.h"
#include "isolation/thread/root_pages.h"

namespace bulkhead {
namespace {

constexpr int kMostPasses = 100;

bool StartsWith(const char* text, const char* with) {
  while (*with != '\0' && *text == *with) {
    ++text;
    ++with;
  }
  return *with == '\0';
}

bool IsAnonymous(const sys::Mapping& mapping) {
  return mapping.is_private &&
         (mapping.name[0] == '\0' || StartsWith(mapping.name, "[heap]") ||
          StartsWith(mapping.name, "[stack]") ||
          StartsWith(mapping.name, "[anon"));
}

// Pages that carry a key which Bulkhead has not taken are as open in a sandbox
// as whoever took the key has it.
bool HasKeyOfOthers(const sys::Mapping& mapping) {
  const Pkru bits = BothBits(HardwareKey{mapping.key});
  return (Pkru{bulkhead_owned_pkru} & bits) != bits;
}

// The first pages at `from` or above that the program or a library has globals
// in, or none.
struct Search {
  uintptr_t from;
  PageRange found;
};

int LookIn(dl_phdr_info* info, size_t, void* raw) {
  auto& search = *static_cast<Search*>(raw);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const uintptr_t address = info->dlpi_addr + header.p_vaddr;
    const uintptr_t begin = RoundDown(address, kPageBytes);
    const uintptr_t end = RoundUp(address + header.p_memsz, kPageBytes);
    if (end > search.from &&
        (search.found.bytes == 0 || begin < search.found.begin)) {
      search.found = {begin, end - begin};
    }
  }
  return 0;
}

PageRange NextGlobals(uintptr_t from) {
  Search search = {from, {}};
  dl_iterate_phdr(LookIn, &search);
  return search.found;
}

// False: some of it was unmapped meanwhile.
bool CloseIfThere(PageRange pages, int protection) {
  const long result = TryCloseRootPages(pages, protection);
  BULKHEAD_CHECK(result == 0 || result == -ENOMEM,
                 "the kernel refused to close the root's memory");
  return result == 0;
}

bool CloseOnce() {
  sys::MemoryMap map(sys::MemoryMap::Keys::kRead);
  BULKHEAD_CHECK(map.ok(), "/proc is needed to close the root's memory");
  sys::Mapping mapping;
  bool all = true;
  while (map.Next(mapping)) {
    if (!IsAnonymous(mapping) || HasKeyOfOthers(mapping) ||
        reservation.Contains(mapping.begin)) {
      continue;
    }
    uintptr_t from = mapping.begin;
    while (from < mapping.end) {
      const PageRange globals = NextGlobals(from);
      const bool has_globals =
          globals.bytes != 0 && globals.begin < mapping.end;
      const uintptr_t end = has_globals ? globals.begin : mapping.end;
      if (end > from) {
        all &= CloseIfThere({from, end - from}, mapping.protection);
      }
      from = has_globals ? globals.end() : mapping.end;
    }
  }
  return all;
}

}  // namespace

void CloseRootMappings() {
  int passes = 0;
  while (!CloseOnce()) {
    BULKHEAD_CHECK(++passes < kMostPasses,
                   "the root's memory does not stand still to be closed");
  }
}

void CloseOwnStack() {
  if (!IsClosingRoot()) return;
  pthread_attr_t attributes;
  BULKHEAD_CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0,
                 "libc does not know a thread's stack");
  void* address = nullptr;
  size_t bytes = 0;
  pthread_attr_getstack(&attributes, &address, &bytes);
  pthread_attr_destroy(&attributes);
  const uintptr_t begin =
      RoundUp(reinterpret_cast<uintptr_t>(address), kPageBytes);
  const uintptr_t end =
      RoundDown(reinterpret_cast<uintptr_t>(address) + bytes, kPageBytes);
  if (begin < end) CloseRootPages({begin, end - begin}, PROT_READ | PROT_WRITE);
}

}  // namespace bulkhead
