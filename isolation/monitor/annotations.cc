// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/annotations.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>

#include "isolation/base/raw_log.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/sys/lock.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

constexpr char kNoteName[] = "Bulkhead";
constexpr uint32_t kVariablesNote = 1;

// The description in a note: where the section begins and ends, seen from each
// field; the compartment's name follows.
struct Description {
  int32_t begin;
  int32_t end;
  char name[1];
};

// What is done with variables that were found; false ends the search.
struct Search {
  bool (*take)(Search& search, const char* name, PageRange pages);
  const char* name = nullptr;
  bh_compartment compartment = {0, 0};
  bh_status status = BH_OK;
  bool found = false;
};

uintptr_t From(const int32_t& field) {
  return reinterpret_cast<uintptr_t>(&field) + static_cast<intptr_t>(field);
}

bool TakeNote(const ElfW(Nhdr) & note, const char* name,
              const unsigned char* raw, Search& search) {
  if (note.n_type != kVariablesNote || note.n_namesz != sizeof(kNoteName) ||
      std::memcmp(name, kNoteName, sizeof(kNoteName)) != 0 ||
      note.n_descsz < sizeof(Description)) {
    return true;
  }
  const auto& found = *reinterpret_cast<const Description*>(raw);
  const uintptr_t begin = From(found.begin);
  const uintptr_t end = From(found.end);
  // A file's annotations may outlive its variables.
  if (begin == end) return true;
  return search.take(search, found.name, {begin, end - begin});
}

bool SearchSegment(const unsigned char* at, size_t bytes, size_t alignment,
                   Search& search) {
  const unsigned char* const end = at + bytes;
  while (static_cast<size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof(note));
    const size_t name_bytes = RoundUp(note.n_namesz, alignment);
    const size_t description_bytes = RoundUp(note.n_descsz, alignment);
    const auto left = static_cast<size_t>(end - at) - sizeof(note);
    if (name_bytes > left || description_bytes > left - name_bytes) break;
    const unsigned char* const name = at + sizeof(note);
    if (!TakeNote(note, reinterpret_cast<const char*>(name), name + name_bytes,
                  search)) {
      return false;
    }
    at = name + name_bytes + description_bytes;
  }
  return true;
}

int SearchObject(dl_phdr_info* object, size_t, void* raw_search) {
  auto& search = *static_cast<Search*>(raw_search);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = object->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* const at = reinterpret_cast<const unsigned char*>(
        object->dlpi_addr + header.p_vaddr);
    const size_t alignment = header.p_align == 8 ? 8 : 4;
    if (!SearchSegment(at, header.p_memsz, alignment, search)) return 1;
  }
  return 0;
}

// The loader's lock of its list would be held for good in a child of fork()
// that another thread makes meanwhile; glibc frees it in no child. On key 0:
// who writes to it can make a creation or a fork wait.
constinit Lock searching;

void SearchObjects(Search& search) {
  LockHolder hold(searching);
  dl_iterate_phdr(SearchObject, &search);
}

bh_status Adopt(bh_compartment compartment, PageRange pages) {
  return static_cast<bh_status>(
      CallMonitor(*CurrentRecord(), MonitorCall::kAdoptVariables,
                  AsNumber(compartment), pages.begin, pages.bytes)
          .status);
}

}  // namespace

void LockSearches() ABSL_NO_THREAD_SAFETY_ANALYSIS { searching.Acquire(); }
void UnlockSearches() ABSL_NO_THREAD_SAFETY_ANALYSIS { searching.Release(); }

bool HasVariablesOf(const char* name) {
  Search search;
  search.name = name;
  search.take = [](Search& own, const char* found, PageRange) {
    own.found = std::strcmp(found, own.name) == 0;
    return !own.found;
  };
  SearchObjects(search);
  return search.found;
}

bh_status TagVariablesOf(const char* name, bh_compartment compartment) {
  Search search;
  search.name = name;
  search.compartment = compartment;
  search.take = [](Search& own, const char* found, PageRange pages) {
    if (std::strcmp(found, own.name) != 0) return true;
    own.status = Adopt(own.compartment, pages);
    return own.status == BH_OK;
  };
  SearchObjects(search);
  return search.status;
}

void TagAllVariables() {
  if (!HasHadCompartments()) return;
  Search search;
  search.take = [](Search& own, const char* found, PageRange pages) {
    const CompartmentRow* row = FindByName(found);
    if (row == nullptr || IdOf(*row) == kRoot) return true;
    own.status = Adopt(HandleOf(*row), pages);
    return own.status == BH_OK;
  };
  SearchObjects(search);
  BULKHEAD_CHECK(search.status == BH_OK,
                 "the annotated variables of a loaded object cannot become "
                 "their compartment's: see BH_ERR_VARIABLES");
}

}  // namespace bulkhead
