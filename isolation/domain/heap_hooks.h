// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the isolation layers ask of the allocator, which they never include. The
// allocator fills this in before the first compartment can exist; from then on
// it is constant. What is not said to run elsewhere runs in the monitor.

#ifndef BULKHEAD_ISOLATION_DOMAIN_HEAP_HOOKS_H_
#define BULKHEAD_ISOLATION_DOMAIN_HEAP_HOOKS_H_

#include <cstddef>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/ids.h"

namespace bulkhead {

struct HeapHooks {
  // Makes the heap of a row that is about to live. False: no memory.
  bool (*create)(CompartmentId id) = nullptr;
  // Whether the heap of such a row has memory for one block.
  bool (*probe)(CompartmentId id) = nullptr;
  // Forgets every block of the heap. Nobody uses it; its cages go afterwards.
  void (*discard)(CompartmentId id) = nullptr;
  // Empties the caches of a thread that is about to end. Another status than 0:
  // what stood in one of them was not put there by Bulkhead.
  bh_result (*leave)(ThreadRecord& record) = nullptr;
  // In a forked child: gives up the caches of all threads but `own`'s.
  void (*abandon)(ThreadRecord& own) = nullptr;
  // Around fork(), on the forking thread, in this order.
  void (*before_fork)() = nullptr;
  void (*after_fork_in_parent)() = nullptr;
  void (*after_fork_in_child)() = nullptr;
  // The monitor's calls that are the heap's; arguments in monitor_calls.inc.
  struct Calls {
    bulkhead_monitor_call make_cache = nullptr;
    bulkhead_monitor_call refill = nullptr;
    bulkhead_monitor_call flush = nullptr;
    bulkhead_monitor_call allocate = nullptr;
    bulkhead_monitor_call free = nullptr;
    bulkhead_monitor_call resize = nullptr;
    bulkhead_monitor_call inspect = nullptr;
    bulkhead_monitor_call tick = nullptr;
    bulkhead_monitor_call purge = nullptr;
    bulkhead_monitor_call measure = nullptr;
  } calls;

  // The rest runs outside the monitor.

  // Allocates for bh_malloc(): nullptr when there is no memory.
  void* (*allocate)(CompartmentId id, size_t size, size_t alignment) = nullptr;
  // If code at this address has begun what it must not go on with in a changed
  // record, and has changed nothing yet, where it begins; else the address.
  uintptr_t (*begin_again)(uintptr_t program_counter) = nullptr;
  // False: there is no such compartment (any more).
  bool (*statistics)(bh_compartment compartment,
                     bh_heap_stats& stats) = nullptr;
  // Reports what leave() answered, if its status is not 0, and aborts.
  void (*report_bad_leave)(bh_result result,
                           const void* return_address) = nullptr;
};

// All nullptr until the allocator is linked and running.
extern HeapHooks heap_hooks;

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_HEAP_HOOKS_H_
