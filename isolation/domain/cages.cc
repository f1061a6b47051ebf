// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/cages.h"

#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/grants.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// Not in every libc's header: linux/mman.h.
constexpr int kMlockOnFault = 1;
constexpr int kDontNeedLocked = 24;

constinit BULKHEAD_SEALED Lock cage_lock;

bool IsRoot(const CompartmentRow& row) { return IdOf(row) == kRoot; }

bool ProtectByKey(PageRange pages, HardwareKey key) {
  return sys::PkeyMprotect(pages.begin, pages.bytes, PROT_READ | PROT_WRITE,
                           Number(key)) == 0;
}

// Gives pages the protection that the compartment has now, where keys do not:
// closed ones are as they were reserved.
bool ProtectByState(PageRange pages, int protection) {
  return protection == PROT_NONE ||
         sys::Mprotect(pages.begin, pages.bytes, protection) == 0;
}

int StackProtection(const CompartmentRow& row) {
  return row.threads_inside != 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
}

// Gives fresh heap pages the protection that the compartment has now. Their
// part of the live map goes with them where there are caches to use it.
bool ProtectHeap(const CompartmentRow& row, PageRange pages) {
  if (!OpenMapsOf(pages)) return false;
  const PageRange live = reservation.LiveMapOf(pages);
  if (IsRoot(row)) {
    return OpenForGood(pages, root_pages_key) &&
           OpenForGood(live, root_pages_key);
  }
  if (enforcement == Enforcement::kPku) {
    return ProtectByKey(pages, row.heap_key) &&
           ProtectByKey(live, row.heap_key);
  }
  return ProtectByState(pages, HeapProtection(row));
}

bool ProtectStack(const CompartmentRow& row, PageRange pages) {
  return enforcement == Enforcement::kPku
             ? ProtectByKey(pages, row.key)
             : ProtectByState(pages, StackProtection(row));
}

// Says what the kernel shall do with a compartment's fresh cages.
bool Advise(const CompartmentRow& row, PageRange cages, bool heap) {
  if (IsRoot(row)) return true;
  if (sys::Madvise(cages.begin, cages.bytes, MADV_DONTDUMP) != 0) return false;
  // A stack is left alone: the forking thread may stand on it.
  return !heap || !row.traits.wipe_on_fork ||
         sys::Madvise(cages.begin, cages.bytes, MADV_WIPEONFORK) == 0;
}

bool TakeCages(CompartmentRow& row, size_t bytes, uintptr_t adjoining,
               bool heap, PageRange& taken) {
  LockHolder hold(cage_lock);
  taken = reservation.Take(OwnerOf(IdOf(row)), bytes, adjoining, IsRoot(row));
  if (taken.bytes == 0) return false;
  if (Advise(row, taken, heap)) return true;
  reservation.GiveBack(taken);
  return false;
}

bool LockPages(const CompartmentRow& row, PageRange pages) {
  return !row.traits.lock ||
         sys::Mlock2(pages.begin, pages.bytes, kMlockOnFault) == 0;
}

// The part of `run` that an allocation of `bytes` would take, or nothing.
PageRange Fit(const HeapRun& run, size_t bytes, size_t alignment) {
  const uintptr_t begin = RoundUp(run.cages.begin + run.committed, alignment);
  if (bytes > run.cages.bytes || begin > run.cages.end() - bytes) return {};
  return {begin, bytes};
}

// The last run in use, grown or followed by a new one so that it fits.
HeapRun* RunFor(CompartmentRow& row, size_t bytes, size_t alignment) {
  size_t last = 0;
  while (last + 1 < kMostRuns && row.runs[last + 1].cages.bytes != 0) ++last;
  HeapRun& run = row.runs[last];
  if (Fit(run, bytes, alignment).bytes != 0) return &run;
  // What a cage offers is aligned to a cage; anything beyond may need slack.
  const size_t slack = alignment > reservation.cage_bytes() ? alignment : 0;
  PageRange taken;
  if (!TakeCages(row, bytes + slack, run.cages.end(), true, taken)) {
    return nullptr;
  }
  if (run.cages.bytes != 0 && taken.begin == run.cages.end()) {
    run.cages.bytes += taken.bytes;
    return Fit(run, bytes, alignment).bytes != 0 ? &run : nullptr;
  }
  if (run.cages.bytes == 0) {
    run.cages = taken;
    return &run;
  }
  if (last + 1 == kMostRuns) {
    LockHolder hold(cage_lock);
    reservation.GiveBack(taken);
    return nullptr;
  }
  row.runs[last + 1] = {taken, 0};
  return &row.runs[last + 1];
}

size_t StackStride(const CompartmentRow& row) {
  return row.traits.stack_bytes + kStackGuardBytes;
}

PageRange StackPages(const CompartmentRow& row, size_t index) {
  return {row.stack_cages.begin + index * StackStride(row) + kStackGuardBytes,
          row.traits.stack_bytes};
}

}  // namespace

constinit BULKHEAD_CONSTANT_AFTER_START Enforcement enforcement =
    Enforcement::kNone;
constinit BULKHEAD_CONSTANT_AFTER_START HardwareKey metadata_key = kUntagged;
constinit BULKHEAD_CONSTANT_AFTER_START HardwareKey frames_key = kUntagged;
constinit BULKHEAD_CONSTANT_AFTER_START HardwareKey signal_frames_key =
    kUntagged;
constinit BULKHEAD_CONSTANT_AFTER_START HardwareKey root_heap_key = kUntagged;
constinit BULKHEAD_SEALED HardwareKey root_pages_key = kUntagged;
constinit BULKHEAD_SEALED bool is_root_closed = false;

bool CloseRootHeap() {
  CompartmentRow& root = RowOf(kRoot);
  LockHolder hold(root.heap_lock);
  root_pages_key = root_heap_key;
  for (const HeapRun& run : root.runs) {
    if (run.committed == 0) continue;
    const PageRange heap = {run.cages.begin, run.committed};
    if (!OpenForGood(heap, root_pages_key) ||
        !OpenForGood(reservation.LiveMapOf(heap), root_pages_key)) {
      return false;
    }
  }
  return true;
}

uintptr_t CommitHeap(CompartmentRow& row, size_t bytes, size_t alignment) {
  LockHolder hold(row.heap_lock);
  const uint64_t most = row.traits.quotas.bytes;
  if (most != 0 && CommittedBytes(row) + bytes > most) return 0;
  HeapRun* run = RunFor(row, bytes, alignment);
  if (run == nullptr) return 0;
  const PageRange pages = Fit(*run, bytes, alignment);
  if (pages.bytes == 0 || !ProtectHeap(row, pages)) return 0;
  if (!LockPages(row, pages)) {
    // Still empty and zero: closed again, it is as before.
    BULKHEAD_CHECK(sys::Mprotect(pages.begin, pages.bytes, PROT_NONE) == 0,
                   "pages that could not be locked could not be closed");
    return 0;
  }
  run->committed = pages.end() - run->cages.begin;
  return pages.begin;
}

long PurgeHeapPages(PageRange pages) {
  // The maps say nothing of pages that are free.
  if (!ClearMapsOf(pages)) return -1;
  const PageRange live = reservation.LiveMapWithin(pages);
  if (live.bytes != 0) {
    const long result = sys::Madvise(live.begin, live.bytes, MADV_DONTNEED);
    if (result != 0) return result;
  }
  return sys::Madvise(pages.begin, pages.bytes, MADV_DONTNEED);
}

uintptr_t CommitStack(CompartmentRow& row) {
  LockHolder hold(row.heap_lock);
  if (row.stack_cages.bytes == 0 &&
      !TakeCages(row, StackStride(row), 0, false, row.stack_cages)) {
    return 0;
  }
  if ((row.stacks_made + 1) * StackStride(row) > row.stack_cages.bytes) {
    return 0;
  }
  const PageRange pages = StackPages(row, row.stacks_made);
  if (!ProtectStack(row, pages) || !LockPages(row, pages)) return 0;
  ++row.stacks_made;
  return pages.end();
}

bool EmptyStack(CompartmentRow& row, uintptr_t end) {
  LockHolder hold(row.heap_lock);
  if (end <= row.stack_cages.begin || end > row.stack_cages.end()) return true;
  const size_t index = (end - row.stack_cages.begin) / StackStride(row) - 1;
  if (index >= row.stacks_made || StackPages(row, index).end() != end) {
    return true;
  }
  const PageRange pages = StackPages(row, index);
  if (!row.traits.lock) {
    return sys::Madvise(pages.begin, pages.bytes, MADV_DONTNEED) == 0;
  }
  // From Linux 5.18 on.
  if (sys::Madvise(pages.begin, pages.bytes, kDontNeedLocked) == 0) return true;
  return sys::Munlock(pages.begin, pages.bytes) == 0 &&
         sys::Madvise(pages.begin, pages.bytes, MADV_DONTNEED) == 0 &&
         LockPages(row, pages);
}

int HeapProtection(const CompartmentRow& row) {
  if (row.threads_inside != 0) return PROT_READ | PROT_WRITE;
  switch (GrantedToWhoRuns(row)) {
    case BH_ACCESS_NONE:
      return PROT_NONE;
    case BH_ACCESS_READ:
      return PROT_READ;
    case BH_ACCESS_READ_WRITE:
      return PROT_READ | PROT_WRITE;
  }
  Die("unknown kind of access");
}

bool UpdateHeapProtection(CompartmentRow& row) {
  const int protection = HeapProtection(row);
  bool done = ProtectVariables(row, protection);
  for (const HeapRun& run : row.runs) {
    if (run.committed == 0) continue;
    done &= sys::Mprotect(run.cages.begin, run.committed, protection) == 0;
  }
  return done;
}

bool UpdateWhatIsGrantedTo(CompartmentId visited) {
  if (!IsGrantedSomething(visited)) return true;
  bool done = true;
  for (CompartmentRow& owner : bulkhead_compartments) {
    if (!owner.grants.any()) continue;
    LockHolder hold(owner.heap_lock);
    done &= UpdateHeapProtection(owner);
  }
  return done;
}

bool UpdateProtection(CompartmentRow& row) {
  bool done = UpdateHeapProtection(row);
  for (size_t i = 0; i < row.stacks_made; ++i) {
    const PageRange pages = StackPages(row, i);
    done &= sys::Mprotect(pages.begin, pages.bytes, StackProtection(row)) == 0;
  }
  return done;
}

bool ReleaseMemory(CompartmentRow& row) {
  LockHolder hold(row.heap_lock);
  bool done = true;
  {
    LockHolder cages(cage_lock);
    for (HeapRun& run : row.runs) {
      if (run.cages.bytes == 0) continue;
      done &= reservation.GiveBack(run.cages);
      run = {};
    }
  }
  for (size_t i = 0; i < row.stacks_made; ++i) {
    const PageRange pages = StackPages(row, i);
    if (row.traits.lock) done &= sys::Munlock(pages.begin, pages.bytes) == 0;
    done &= sys::Madvise(pages.begin, pages.bytes, MADV_DONTNEED) == 0;
  }
  return done;
}

bool AdoptStacks(CompartmentRow& row, void (*forget)(CompartmentId id)) {
  LockHolder hold(row.heap_lock);
  if (row.stacks_made != 0 && row.made_stack_bytes != row.traits.stack_bytes) {
    row.stack_cages = {};
    row.stacks_made = 0;
    forget(IdOf(row));
  }
  row.made_stack_bytes = row.traits.stack_bytes;
  for (size_t i = 0; i < row.stacks_made; ++i) {
    if (!LockPages(row, StackPages(row, i))) return false;
  }
  return true;
}

bool HoldsHeapPages(const CompartmentRow& row, PageRange pages) {
  for (const HeapRun& run : row.runs) {
    const size_t committed = __atomic_load_n(&run.committed, __ATOMIC_ACQUIRE);
    const uintptr_t offset = pages.begin - run.cages.begin;
    if (offset < committed && pages.bytes <= committed - offset) return true;
  }
  return false;
}

uint64_t CommittedBytes(const CompartmentRow& row) {
  uint64_t bytes = 0;
  for (const HeapRun& run : row.runs) {
    bytes += __atomic_load_n(&run.committed, __ATOMIC_RELAXED);
  }
  return bytes;
}

CompartmentPages PagesOf(CompartmentRow& row) {
  LockHolder hold(row.heap_lock);
  CompartmentPages pages;
  for (size_t i = 0; i < kMostRuns; ++i) {
    pages.heap[i] = {row.runs[i].cages.begin, row.runs[i].committed};
  }
  pages.stacks = {row.stack_cages.begin, row.stacks_made * StackStride(row)};
  return pages;
}

void LockCages() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (CompartmentRow& row : bulkhead_compartments) row.heap_lock.Acquire();
  cage_lock.Acquire();
}

void UnlockCages() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  cage_lock.Release();
  for (CompartmentRow& row : bulkhead_compartments) row.heap_lock.Release();
}

}  // namespace bulkhead
