// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Memory of a compartment: heap runs and stacks in its cages, with the
// protection that the compartment's state calls for.
//
// Thread safety: every function takes the row's heap_lock itself, and the lock
// of the cage table where cages change hands.

#ifndef BULKHEAD_ISOLATION_DOMAIN_CAGES_H_
#define BULKHEAD_ISOLATION_DOMAIN_CAGES_H_

#include <cstddef>
#include <cstdint>

#include "isolation/domain/compartment_table.h"

namespace bulkhead {

// What enforces compartments in this process; set once at start.
enum class Enforcement { kNone, kMprotect, kPku };
extern Enforcement enforcement;

// Whether this build models protection keys, and enforces nothing.
constexpr bool IsModelled() {
#ifdef BULKHEAD_MODELLED
  return true;
#else
  return false;
#endif
}

// The keys of metadata and of frames; untagged without keys. Set once at start.
extern HardwareKey metadata_key;
extern HardwareKey frames_key;

// That of the frames by which handlers return. Before Linux 6.12 the kernel
// reads on there once it has restored PKRU (rt_sigreturn, restore_altstack()),
// so that everyone must be able to.
extern HardwareKey signal_frames_key;

// The key that closes the root's memory to sandboxes. Set once at start;
// untagged without keys. The root's pages carry `root_pages_key`: none until
// there is a sandbox, that one from then on.
extern HardwareKey root_heap_key;
extern HardwareKey root_pages_key;
// Whether all of the root's memory does.
extern bool is_root_closed;

// Gives the root's heap its key, now and for all pages to come. False: the
// kernel refused, and some pages may have it. Runs in: the monitor.
[[nodiscard]] bool CloseRootHeap();

// Fresh zeroed pages for a heap, a multiple of the page size at a multiple of
// `alignment`. 0: no memory. The pages carry the compartment's key; without
// keys they are accessible only while the compartment is open.
uintptr_t CommitHeap(CompartmentRow& row, size_t bytes, size_t alignment);

// The upper end of a new stack with a guard below, or 0.
uintptr_t CommitStack(CompartmentRow& row);

// Gives the memory of a stack that nobody is on back to the kernel: it reads as
// zeros. Does nothing where the row has no stack with this upper end. False:
// the kernel refused.
[[nodiscard]] bool EmptyStack(CompartmentRow& row, uintptr_t end);

// Without keys: makes the compartment, or its heap alone, accessible to the
// whole process or closes it, by who is inside and what is granted. False: the
// kernel refused, and nothing may rely on either.
// REQUIRES: row.heap_lock is held.
[[nodiscard]] bool UpdateProtection(CompartmentRow& row);
[[nodiscard]] bool UpdateHeapProtection(CompartmentRow& row);

// Without keys: does the second for every heap that was granted to `visited`,
// in which the number of threads has changed from or to none. REQUIRES: no
// heap_lock is held.
[[nodiscard]] bool UpdateWhatIsGrantedTo(CompartmentId visited);

// Returns the heap's cages and empties the stacks, which stay: a thread that
// has begun to enter may write to its own once more before it finds the
// compartment gone. False: the kernel refused; some of it may be left.
[[nodiscard]] bool ReleaseMemory(CompartmentRow& row);

// Makes stacks of an earlier compartment in this row fit the row's traits:
// stacks of another size are given up, and their address space with them.
// `forget` is called if so. False: the kernel does not lock them in memory.
[[nodiscard]] bool AdoptStacks(CompartmentRow& row,
                               void (*forget)(CompartmentId id));

// Gives pages of a heap that hold no block back to the kernel, with their part
// of the live map: they read as zeros. The kernel's result.
long PurgeHeapPages(PageRange pages);

// Whether all of the pages were handed to the heap, in one run. Takes no lock.
// REQUIRES: the compartment is not destroyed meanwhile. Runs in: any domain.
bool HoldsHeapPages(const CompartmentRow& row, PageRange pages);

// Bytes handed to the heap, as of some moment. Takes no lock. Runs in: any
// domain.
uint64_t CommittedBytes(const CompartmentRow& row);

// Where a compartment's memory lies: what was handed to the heap, run by run,
// and its threads' stacks with the guards between them.
struct CompartmentPages {
  PageRange heap[kMostRuns] = {};
  PageRange stacks = {};
};
CompartmentPages PagesOf(CompartmentRow& row);

// Without keys: the protection that the compartment's heap has now.
int HeapProtection(const CompartmentRow& row);

// Held around fork().
void LockCages();
void UnlockCages();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_CAGES_H_
