// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/thread_record.h"

#include <new>

#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/restartable.h"

constinit BULKHEAD_SEALED uint32_t bulkhead_attach_lock = 0;
constinit BULKHEAD_SEALED uintptr_t bulkhead_attach_stack = 0;
constinit BULKHEAD_SEALED uintptr_t bulkhead_attach_caller_stack = 0;

namespace bulkhead {
namespace {

constinit BULKHEAD_SEALED ThreadRecord* first = nullptr;
constinit BULKHEAD_SEALED bool compartments_expected = false;

// Calls of the monitor from compartments that were destroyed.
constinit BULKHEAD_SEALED uint64_t past_monitor_entries = 0;

// A record whose thread is gone: of a thread with this thread control block, or
// of one that said goodbye.
ThreadRecord* FindAbandoned(uintptr_t fs_base) {
  for (ThreadRecord* record = first; record != nullptr; record = record->next) {
    if (record->thread_fs == fs_base) return record;
  }
  for (ThreadRecord* record = first; record != nullptr; record = record->next) {
    if (record->exiting && ThreadIsGone(*record)) return record;
  }
  return nullptr;
}

ThreadRecord* Make() {
  void* memory = AllocateRecord(sizeof(ThreadRecord), alignof(ThreadRecord));
  BULKHEAD_CHECK(memory != nullptr, "no memory for a thread's record");
  auto* record = new (memory) ThreadRecord;
  record->self = record;
  record->backend_state = record->backend_storage;
  record->monitor_stack = AllocateMonitorStack();
  BULKHEAD_CHECK(record->monitor_stack != 0,
                 "no memory for a thread's stack in the monitor");
  if (initialise_backend_state != nullptr) {
    initialise_backend_state(record->backend_state);
  }
  record->number = first == nullptr ? 0 : first->number + 1;
  record->next = first;
  __atomic_store_n(&first, record, __ATOMIC_RELEASE);
  return record;
}

// Whether the FS base is a sandbox's: who has one is a thread with a record,
// and gets no other, whatever it has made of its TLS.
bool IsOfSandbox(uintptr_t fs_base) {
  CompartmentId owner;
  return FindOwner(fs_base, owner) && owner != kRoot;
}

ThreadRecord* FindOrMake(uintptr_t fs_base) {
  BULKHEAD_CHECK(!IsOfSandbox(fs_base),
                 "a thread in a sandbox does not find its record: its TLS is "
                 "damaged");
  ThreadRecord* record = FindAbandoned(fs_base);
  if (record == nullptr) record = Make();
  BULKHEAD_CHECK(record->busy == 0 || ThreadIsGone(*record),
                 "a thread wants the record of one that is in the monitor");
  record->fs_base = fs_base;
  record->fs_next = fs_base;
  record->thread_fs = fs_base;
  record->tid = sys::GetTid();
  record->exiting = false;
  record->busy = 0;
  record->pending_signal = 0;
  record->alternate = {};
  record->uses_kernel_stack = false;
  record->visited = Index(kRoot);
  record->modelled_pkru = bulkhead_root_pkru;
  record->rights_generation = grants_generation;
  if (!signals_wait) OpenGates(*record);
  LeaveCompartments(*record);
  if (compartments_expected) CloseRootWay(*record);
  return record;
}

// Without keys: ends the visits that the record tells of.
void EndVisits(const ThreadRecord& record) {
  for (CompartmentRow& row : bulkhead_compartments) {
    const uint32_t visits = VisitsOf(record, IdOf(row));
    if (visits == 0) continue;
    {
      LockHolder hold(row.heap_lock);
      BULKHEAD_CHECK(row.threads_inside >= visits,
                     "the end of a visit that nobody began");
      row.threads_inside -= visits;
      BULKHEAD_CHECK(row.threads_inside != 0 || UpdateProtection(row),
                     "the kernel refused to close a compartment");
    }
    BULKHEAD_CHECK(UpdateWhatIsGrantedTo(IdOf(row)),
                   "the kernel refused to close what is granted");
  }
}

// What was said of the thread's way through domains is no more.
void ForgetDomains(ThreadRecord& record) {
  record.depth = 0;
  record.interruptions = 0;
  record.serving_libc = 0;
  record.callee = 0;
  // Its stacks wait in stack_ends until its next entry has given the thread,
  // which may be a new one, a signal stack.
  for (uintptr_t& stack : record.stacks) stack = 0;
  for (uint16_t& scopes : record.scopes) scopes = 0;
  SetDomain(record, RootRights(), kRoot);
  record.whole_pkru = 0;
}

void Adopt(ThreadRecord* record) {
  BULKHEAD_CHECK(sys::SetGsBase(record) == 0,
                 "the kernel refused arch_prctl(ARCH_SET_GS)");
}

}  // namespace

constinit BULKHEAD_CONSTANT_AFTER_START StateInitialiser
    initialise_backend_state = nullptr;

ThreadRecord* AttachFirstThread() {
  bulkhead_attach_stack = AllocateMonitorStack();
  BULKHEAD_CHECK(bulkhead_attach_stack != 0, "no memory to start");
  ThreadRecord* record = FindOrMake(ThreadControlBlock());
  UnregisterRestartableSequences();
  Adopt(record);
  return record;
}

ThreadRecord* AttachThread() {
  const uint64_t all = ~uint64_t{0};
  uint64_t mask = 0;
  sys::SetSignalMask(&all, &mask);
  UnregisterRestartableSequences();
  ThreadRecord* record;
#ifdef BULKHEAD_MODELLED
  // The modelled register is the record's, which this thread has none of yet.
  record = bulkhead_attach_plain(ThreadControlBlock());
#else
  record = enforcement == Enforcement::kPku
               ? bulkhead_attach_pku()
               : bulkhead_attach_plain(ThreadControlBlock());
#endif
  Adopt(record);
  // The way in has given the thread the root's rights without what is granted
  // to the root; a way out of the monitor gives those of the record.
  if (enforcement == Enforcement::kPku &&
      record->pkru != Pkru{bulkhead_root_pkru}) {
    bulkhead_monitor_pku(static_cast<uint64_t>(MonitorCall::kSeePkru), 0, 0, 0,
                         0);
  }
  sys::SetSignalMask(&mask, nullptr);
  return record;
}

ThreadRecord* FindOwnRecord() {
  uintptr_t base = 0;
  if (UsesFsGsBase()) {
    __asm__ volatile("rdgsbase %0" : "=r"(base));
  } else if (sys::GetGsBase(&base) != 0) {
    return nullptr;
  }
  const uintptr_t offset = base - bulkhead_records_begin;
  if (offset >= bulkhead_records_bytes || offset % sizeof(ThreadRecord) != 0) {
    return nullptr;
  }
  auto* record = reinterpret_cast<ThreadRecord*>(base);
  if (record->self != record) return nullptr;
  // The base itself: what it points to may be closed to who asks.
  const uintptr_t fs_base = UsesFsGsBase() ? FsBase() : ThreadControlBlock();
  const bool own = record->fs_base == fs_base || record->fs_next == fs_base;
  return own ? record : nullptr;
}

bool ThreadIsGone(const ThreadRecord& record) {
  return record.tid == 0 || sys::TgKill(sys::GetPid(), record.tid, 0) == -ESRCH;
}

uint32_t VisitsOf(const ThreadRecord& record, CompartmentId id) {
  if (enforcement != Enforcement::kMprotect || id == kRoot) return 0;
  uint32_t visits = record.current == id ? 1 : 0;
  for (uint32_t i = 0; i < record.depth; ++i) {
    if (record.frames[i].current == id) ++visits;
  }
  return visits;
}

void LeaveCompartments(ThreadRecord& record) {
  EndVisits(record);
  ForgetDomains(record);
}

bool IsConfined(const ThreadRecord& record) {
  return enforcement == Enforcement::kPku &&
         Bits(record.pkru & BothBits(root_heap_key)) != 0;
}

bool WasCalledBack(const ThreadRecord& record) {
  for (uint32_t i = 0; i < record.depth; ++i) {
    if (record.frames[i].kind == FrameKind::kCallback) return true;
  }
  return false;
}

void SetDomain(ThreadRecord& record, Pkru pkru, CompartmentId id) {
  record.pkru = pkru;
  const bool confined = IsConfined(record);
  record.gate_pkru = confined ? ~Pkru{0} : pkru;
  record.calls =
      confined ? bulkhead_monitor_calls_of_sandboxes : bulkhead_monitor_calls;
  if (id != kRoot) record.gate_fs = 0;
  if (enforcement == Enforcement::kPku) NoteWholePkru(record);
  SetCurrent(record, id);
}

void SetCurrent(ThreadRecord& record, CompartmentId id) {
  record.current = id;
  // libc makes in a compartment what every domain will use.
  const bool serves_root = id != kRoot && record.serving_libc != 0;
  ThreadCache* cache = serves_root ? nullptr : record.caches[Index(id)];
  record.cache = cache;
  record.domain_fs = cache != nullptr ? record.fs_next : 0;
  // What must be wiped as it is freed takes the long way.
  const bool short_way = cache != nullptr && !RowOf(id).traits.wipe;
  record.bins =
      reinterpret_cast<uintptr_t>(cache) - (short_way ? HeapTag(id) : kNoTag);
  // Said before it is asked whether it may be: see ExpectCompartments().
  __atomic_store_n(&record.root_fs, record.domain_fs, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&compartments_expected, __ATOMIC_SEQ_CST)) {
    record.root_fs = 0;
    return;
  }
  record.root_cache = record.cache;
  record.root_bins = record.bins;
}

void CloseRootWay(ThreadRecord& record) {
  record.root_cache = nullptr;
  record.root_bins = uintptr_t{0} - kNoTag;
}

void OpenGates(ThreadRecord& record) {
  const bool may_pass =
      enforcement == Enforcement::kPku && record.current == kRoot;
  record.gate_fs = may_pass ? record.fs_next : 0;
}

void ExpectCompartments() {
  if (enforcement != Enforcement::kPku || compartments_expected) return;
  __atomic_store_n(&compartments_expected, true, __ATOMIC_SEQ_CST);
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    __atomic_store_n(&record->root_fs, 0, __ATOMIC_SEQ_CST);
  }
}

ThreadRecord* FirstRecord() {
  return __atomic_load_n(&first, __ATOMIC_ACQUIRE);
}

uint64_t MonitorEntriesOf(CompartmentId id) {
  uint64_t entries = 0;
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    entries +=
        __atomic_load_n(&record->monitor_entries[Index(id)], __ATOMIC_RELAXED);
  }
  return entries;
}

uint64_t MonitorEntries() {
  uint64_t entries = past_monitor_entries;
  for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
    entries += MonitorEntriesOf(CompartmentId{row});
  }
  return entries;
}

void ForgetMonitorEntriesOf(CompartmentId id) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    past_monitor_entries += record->monitor_entries[Index(id)];
    record->monitor_entries[Index(id)] = 0;
  }
}

// Whoever makes a record holds the lock of the way in.
void LockThreadRecords() {
  while (__atomic_exchange_n(&bulkhead_attach_lock, 1, __ATOMIC_ACQUIRE) != 0) {
    sys::Call(SYS_sched_yield);
  }
}
void UnlockThreadRecords() {
  __atomic_store_n(&bulkhead_attach_lock, 0, __ATOMIC_RELEASE);
}

void ForgetOtherThreads(const ThreadRecord& own) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    if (record == &own) {
      record->tid = sys::GetTid();
    } else {
      record->tid = 0;
      record->busy = 0;
      record->visited = Index(kRoot);
      record->exiting = true;
      ForgetDomains(*record);
      // The thread may have been in a hook of jemalloc's.
      initialise_backend_state(record->backend_state);
    }
  }
}

}  // namespace bulkhead

extern "C" bulkhead::ThreadRecord* bulkhead_find_or_make_record(
    uintptr_t fs_base) {
  return bulkhead::FindOrMake(fs_base);
}
