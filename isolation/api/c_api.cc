// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// bulkhead.h, with no logic of its own. bh_call() is in isolation/arch/gate.S.

#include <errno.h>

#include "bulkhead/bulkhead.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/gate/call.h"
#include "isolation/gate/domain_gate.h"
#include "isolation/grants/change.h"
#include "isolation/libc/prepare.h"
#include "isolation/monitor/annotations.h"
#include "isolation/monitor/compartments.h"
#include "isolation/thread/current.h"
#include "isolation/thread/libc_signals.h"
#include "isolation/thread/signal_action.h"
#include "isolation/unwind/exception.h"

namespace {

constexpr const char* kTexts[] = {
#define BH_STATUS(name, code, text) text,
#include "bulkhead/status.inc"
#undef BH_STATUS
};

bool Running() { return bulkhead::heap_hooks.create != nullptr; }

}  // namespace

extern "C" {

const char* bh_status_text(bh_status status) {
  const auto index = static_cast<size_t>(status);
  return index < sizeof(kTexts) / sizeof(kTexts[0]) ? kTexts[index]
                                                    : "unknown status";
}

bh_level bh_get_level(void) {
  if (bulkhead::IsModelled()) return BH_LEVEL_NONE;
  switch (bulkhead::enforcement) {
    case bulkhead::Enforcement::kNone:
      return BH_LEVEL_NONE;
    case bulkhead::Enforcement::kMprotect:
      return BH_LEVEL_MPROTECT;
    case bulkhead::Enforcement::kPku:
      return BH_LEVEL_PKU;
  }
  return BH_LEVEL_NONE;
}

bh_status bh_create_with_gates(const char* name, const bh_options* options,
                               const bh_gate* gates, const bh_gate* gates_end,
                               bh_compartment* created) {
  const bh_options defaults = {};
  const bh_options& wanted = options != nullptr ? *options : defaults;
  if (Running() && (wanted.kind == BH_KIND_SANDBOX ||
                    wanted.kind == BH_KIND_RELAXED_SANDBOX)) {
    const bh_status prepared = bulkhead::PrepareForSandboxes();
    if (prepared != BH_OK) return prepared;
    if (!bulkhead::PrepareLibc()) return BH_ERR_NO_MEMORY;
    bh_compartment shared = {0, 0};
    if (bulkhead::HasVariablesOf(bulkhead::kSharedName)) {
      const bh_status found = bulkhead::FindShared(shared);
      if (found != BH_OK) return found;
    }
  }
  const bool is_first = !bulkhead::HasHadCompartments();
  const bh_status status =
      bulkhead::CreateCompartment(name, wanted, gates, gates_end, *created);
  if (status == BH_OK) {
    if (is_first) bulkhead::RequireHandlerStacks();
    bulkhead::AdoptCancelHandler();
    bulkhead::FindCxxLibrary();
  }
  return status;
}

bh_status bh_allow(bh_compartment sandbox, const bh_gate* gate) {
  if (!Running()) return BH_ERR_NO_ALLOCATOR;
  return bulkhead::AllowCallback(sandbox, gate);
}

bh_status bh_shared(bh_compartment* shared) {
  return bulkhead::FindShared(*shared);
}

void bh_tag_variables(void) {
  if (Running()) bulkhead::TagAllVariables();
}

bh_status bh_find(const char* name, bh_compartment* found) {
  const bulkhead::CompartmentRow* row = bulkhead::FindByName(name);
  if (row == nullptr || bulkhead::IdOf(*row) == bulkhead::kRoot) {
    return BH_ERR_NOT_FOUND;
  }
  *found = bulkhead::HandleOf(*row);
  return BH_OK;
}

bh_status bh_destroy(bh_compartment compartment) {
  if (!Running()) return BH_ERR_NO_ALLOCATOR;
  return bulkhead::DestroyWithGrants(compartment);
}

bh_status bh_grant(bh_compartment owner, bh_compartment to, bh_access access) {
  if (!Running()) return BH_ERR_NO_ALLOCATOR;
  return bulkhead::ChangeGrant(owner, bulkhead::AsNumber(to), access);
}

bh_status bh_grant_everyone(bh_compartment owner, bh_access access) {
  if (!Running()) return BH_ERR_NO_ALLOCATOR;
  return bulkhead::ChangeGrant(owner, bulkhead::kEveryone, access);
}

bh_status bh_with_scope(bh_compartment compartment, void (*function)(void*),
                        void* context) {
  return bulkhead::CallInScope(compartment, function, context);
}

void* bh_malloc(bh_compartment compartment, size_t size) {
  return bh_aligned_alloc(compartment, 16, size);
}

void* bh_aligned_alloc(bh_compartment compartment, size_t alignment,
                       size_t size) {
  const bulkhead::CompartmentRow* row = bulkhead::FindLive(compartment);
  if (row == nullptr || !Running() || alignment == 0 ||
      (alignment & (alignment - 1)) != 0) {
    errno = EINVAL;
    return nullptr;
  }
  return bulkhead::heap_hooks.allocate(bulkhead::IdOf(*row), size, alignment);
}

bh_compartment bh_current(void) {
  if (!Running()) return {0, 0};
  return bulkhead::HandleOf(bulkhead::RowOf(
      bulkhead::CurrentCompartment(*bulkhead::CurrentRecord())));
}

bh_compartment bh_owner(const void* pointer) {
  bulkhead::CompartmentId id = bulkhead::kRoot;
  if (!bulkhead::FindAnyOwner(reinterpret_cast<uintptr_t>(pointer), id)) {
    return {0, 0};
  }
  return bulkhead::HandleOf(bulkhead::RowOf(id));
}

int bh_is_outside(bh_compartment compartment, const void* pointer,
                  size_t size) {
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  if (begin + size < begin) return 0;
  const auto owner = bulkhead::OwnerOf(bulkhead::CompartmentId{compartment.id});
  const uintptr_t cage = bulkhead::reservation.cage_bytes();
  // A range has few cages, but for one that spans the address space: what lies
  // beyond the reservation needs no look.
  const uintptr_t low = bulkhead::reservation.begin();
  const uintptr_t high = low + bulkhead::reservation.bytes();
  const uintptr_t first = begin > low ? begin : low;
  const uintptr_t end = begin + size < high ? begin + size : high;
  for (uintptr_t at = bulkhead::RoundDown(first, cage); at < end; at += cage) {
    if (bulkhead::reservation.Owner(at) == owner) return 0;
  }
  return 1;
}

int bh_is_inside(bh_compartment compartment, const void* pointer, size_t size) {
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  if (begin + size < begin || compartment.id == 0 ||
      bulkhead::FindLive(compartment) == nullptr) {
    return 0;
  }
  const auto owner = bulkhead::OwnerOf(bulkhead::CompartmentId{compartment.id});
  const uintptr_t cage = bulkhead::reservation.cage_bytes();
  // The first cage that is another's ends the search.
  for (uintptr_t at = bulkhead::RoundDown(begin, cage);; at += cage) {
    if (bulkhead::reservation.Owner(at) != owner) return 0;
    if (at + cage >= begin + size) return 1;
  }
}

void bh_explain(const char* type, const char* text) {
  if (Running()) bulkhead::Explain(type, text);
}

bh_exception bh_explanation(void) {
  return Running() ? bulkhead::Explanation() : bh_exception{};
}

const char* bh_name(bh_compartment compartment) {
  const bulkhead::CompartmentRow* row = bulkhead::FindLive(compartment);
  return row != nullptr ? row->name : nullptr;
}

bh_status bh_get_heap_stats(bh_compartment compartment, bh_heap_stats* stats) {
  if (!Running()) return BH_ERR_NO_ALLOCATOR;
  return bulkhead::heap_hooks.statistics(compartment, *stats)
             ? BH_OK
             : BH_ERR_DESTROYED;
}

}  // extern "C"
