// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What Bulkhead knows of a thread. The record is found through the GS base and
// lives in the metadata region.
//
// A thread has one from its first call into Bulkhead on. A new thread inherits
// its creator's GS base; the FS base in the record tells that it is not its
// own. A record outlives its thread and is adopted, with its jemalloc state and
// its stacks, by a later one: at once by a thread that gets the same thread
// control block, which proves that the former is gone.

#ifndef BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_
#define BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_

#include <cstddef>
#include <cstdint>

#include "isolation/arch/cpu.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/monitor.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/domain/compartment_table.h"

namespace bulkhead {

inline constexpr size_t kMostFrames = 16;
// One more is for a signal's handler: it leaves whatever there is for the
// root's domain, from which no handler leaves.
inline constexpr size_t kAllFrames = kMostFrames + 1;

// The allocator's own state of a thread: as large as jemalloc's needs.
inline constexpr size_t kBackendStateBytes = 2688;

// How a thread left a domain: the way back must be of the same kind.
enum class FrameKind : uint32_t {
  kDomain,   // PushFrame, BeginScope
  kHandler,  // EnterHandler
  kGate,     // EnterVault, EnterSandbox
  kCallback  // CallRoot
};

// A domain that the thread left for another and will return to.
struct Frame {
  Pkru pkru;
  CompartmentId current;
  CompartmentId left;    // whose stack it stood on
  CompartmentId beyond;  // the same if it was beyond `current`'s domain
  uintptr_t stack;       // where the next gate into `left` would have started
  FrameKind kind;
  uintptr_t fs_base;
  uintptr_t gate_fs;
  uintptr_t caller_stack;  // of kGate and kCallback: where the gate stands
};

// What a signal interrupted that its handler may not change, or in other rights
// than the record told of: a compartment, or a gate on its way.
struct Interrupted {
  uintptr_t context = 0;  // where the handler finds it
  Pkru pkru{0};           // owned bits
  Pkru domain_pkru{0};    // the record's
  CompartmentId domain = kRoot;
  uint64_t refreshes = 0;   // as the handler began
  bool has_pushed = false;  // the handler left `domain` for the root's
  bool is_kept = false;     // the frame, by the monitor
  // Whose stack the code stood on, and where the next gate to there would have
  // started.
  CompartmentId stood_on = kRoot;
  uintptr_t stack = 0;
};
inline constexpr uint32_t kMostInterrupted = 8;

// An alternate signal stack as sigaltstack() takes it; the flags are the
// kernel's (include/uapi/linux/signal.h).
struct SignalStack {
  static constexpr int kDisabled = 2;
  static constexpr int kAutoDisarm = static_cast<int>(uint32_t{1} << 31);

  // A frame may tell of none by its size alone.
  bool IsThere() const { return (flags & kDisabled) == 0 && memory.bytes != 0; }
  // For as long as a handler runs on it.
  bool DisarmsItself() const { return (flags & kAutoDisarm) != 0; }

  PageRange memory = {};
  int flags = kDisabled;
};

// A violation that was found by code that runs in a sandbox itself, where
// nothing can be reported. The numbers are ViolationPlace's.
struct Accusation {
  bool made = false;
  uint64_t kind = 0;
  uintptr_t address = 0;
  uintptr_t program_counter = 0;
};

// The heap's own (allocator/heap/thread_cache.h), under its compartment's key.
struct ThreadCache;

// Of a record whose thread must take the long way of free(). No compartment's
// tag in the page map.
inline constexpr uint32_t kNoTag = 0x3ff;

// The parts that an explanation comes in: see MonitorExplain().
inline constexpr size_t kExplainedParts = 10;
inline constexpr size_t kExplainedWords = 3;

// Blocks that one refill brings at most.
inline constexpr size_t kMostBatch = 64;

struct alignas(BH_RECORD_BYTES) ThreadRecord {
  // Read by assembly; see layout.h.
  ThreadRecord* self = nullptr;
  uintptr_t fs_base = 0;          // in this domain
  Pkru pkru{0};                   // owned bits in this domain
  CompartmentId current = kRoot;  // whose domain that is

  // For malloc()'s and free()'s short ways (allocator/heap/fast_path.S). The FS
  // base, or 0 where the way is closed: of the one for a process without
  // compartments, where every domain is the root's; and of the one that asks
  // PKRU. Then the whole of PKRU as it was last seen in this domain.
  uintptr_t root_fs = 0;
  uintptr_t domain_fs = 0;
  uint32_t whole_pkru = 0;
  uint32_t busy = 0;  // written by the ways into the monitor
  // The current compartment's cache; and its address less that compartment's
  // tag in the page map, or less kNoTag.
  ThreadCache* cache = nullptr;
  uintptr_t bins = 0;

  void* backend_state = nullptr;
  uintptr_t caller_stack = 0;  // written by the ways into the monitor

  // The upper end of the thread's stack in each compartment, free part; 0:
  // none. The root's is known while a sandbox runs.
  uintptr_t stacks[BH_MAX_COMPARTMENTS] = {};
  // The upper end of the whole stack.
  uintptr_t stack_ends[BH_MAX_COMPARTMENTS] = {};
  uintptr_t monitor_stack = 0;
  CompartmentId caller = kRoot;   // in whose domain the thread called
  CompartmentId claimed = kRoot;  // the same, if beyond the record's domain
  // A signal that came while the thread was busy, and the mask to go back to.
  uint32_t pending_signal = 0;
  uint32_t modelled_pkru = 0;  // the register, where the build models it
  uint64_t pending_mask = 0;
  uint64_t pending_info[BH_SIGINFO_BYTES / 8] = {};
  // Calls of the monitor, by the compartment that the thread was in.
  uint64_t monitor_entries[BH_MAX_COMPARTMENTS] = {};
  // The FS base, or 0 where gates by keys are shut: see OpenGates().
  uintptr_t gate_fs = 0;
  // What the way out of the monitor makes the FS base; the same as fs_base
  // outside of it.
  uintptr_t fs_next = 0;
  // What gates start from: `pkru`, or a value that no thread has where the
  // domain may call nobody.
  Pkru gate_pkru{0};
  const bulkhead_monitor_call* calls = bulkhead_monitor_calls;
  uint64_t callee = 0;  // what the gate that the thread is in leads to, or 0
  // `cache` and `bins` for the way that asks the record alone; none once the
  // thread may be in compartments: what that way compares with root_fs is read
  // from memory that others may have written to.
  ThreadCache* root_cache = nullptr;
  uintptr_t root_bins = 0;
  // Where the kernel writes the frames of signals, from when the thread has
  // been in a compartment on: BH_KERNEL_STACK_BYTES that nobody else writes,
  // and above it room for the frames of kMostInterrupted. 0: not yet, or the
  // kernel cannot write where the thread may not.
  uintptr_t kernel_stack = 0;
  // What was found in a sandbox, for a report from outside; see Accusation.
  Accusation accusation = {};

  // That of the grants (isolation/domain/grants.h) from which the rights of
  // this thread's domains were made.
  uint64_t rights_generation = 0;
  uint64_t refreshes = 0;  // how often they were made anew

  // What the exception that left an entry of this thread was said to be.
  uint64_t explanation[kExplainedParts][kExplainedWords] = {};

  uintptr_t thread_fs = 0;  // the FS base outside of sandboxes
  // The FS base in each sandbox; 0: the thread has no TLS there.
  uintptr_t sandbox_fs[BH_MAX_COMPARTMENTS] = {};

  int tid = 0;
  uint32_t number = 0;   // how many records were made before
  bool exiting = false;  // its thread said goodbye, and may still run a little
  ThreadRecord* next = nullptr;
  uint32_t depth = 0;  // of frames
  // Above 0, malloc serves the root's heap whatever the domain: libc is making
  // what every domain will use.
  uint32_t serving_libc = 0;
  // Whose heap the monitor is at work on for this thread, which is not inside;
  // the root: nobody's. See HeapVisit.
  uint32_t visited = Index(kRoot);
  // By compartment: how many scopes the thread is in, and gates that lead
  // through the monitor.
  uint16_t scopes[BH_MAX_COMPARTMENTS] = {};
  // Bulkhead's own for the thread's handlers, and what the program said in its
  // place, from when the kernel uses the thread's kernel stack on.
  void* signal_stack = nullptr;
  SignalStack alternate = {};
  bool uses_kernel_stack = false;
  // The alternate stack that a handler of the thread last ran on, whoever's.
  PageRange handler_stack = {};
  uint32_t interruptions = 0;  // see InterruptedIn()
  // Of a compartment to create.
  char name[kNameBytes] = {};
  Quotas quotas = {};

  Frame frames[kAllFrames] = {};

  ThreadCache* caches[BH_MAX_COMPARTMENTS] = {};  // by owner
  // Of a thread that has ended: empty, as fresh pages are, for the next one.
  ThreadCache* idle_caches[BH_MAX_COMPARTMENTS] = {};

  // What a refill brought or a measurement found, until the caller has copied
  // it.
  uintptr_t batch[kMostBatch] = {};

  alignas(64) unsigned char backend_storage[kBackendStateBytes] = {};
};
static_assert(sizeof(ThreadRecord) == BH_RECORD_BYTES);
static_assert(offsetof(ThreadRecord, self) == BH_RECORD_SELF);
static_assert(offsetof(ThreadRecord, fs_base) == BH_RECORD_FS_BASE);
static_assert(offsetof(ThreadRecord, backend_state) == BH_RECORD_BACKEND_STATE);
static_assert(offsetof(ThreadRecord, pkru) == BH_RECORD_PKRU);
static_assert(offsetof(ThreadRecord, current) == BH_RECORD_CURRENT);
static_assert(offsetof(ThreadRecord, cache) == BH_RECORD_CACHE);
static_assert(offsetof(ThreadRecord, whole_pkru) == BH_RECORD_WHOLE_PKRU);
static_assert(offsetof(ThreadRecord, bins) == BH_RECORD_BINS);
static_assert(offsetof(ThreadRecord, busy) == BH_RECORD_BUSY);
static_assert(offsetof(ThreadRecord, caller) == BH_RECORD_CALLER);
static_assert(offsetof(ThreadRecord, caller_stack) == BH_RECORD_CALLER_STACK);
static_assert(offsetof(ThreadRecord, stacks) == BH_RECORD_STACKS);
static_assert(offsetof(ThreadRecord, stack_ends) == BH_RECORD_STACK_ENDS);
static_assert(offsetof(ThreadRecord, monitor_stack) == BH_RECORD_MONITOR_STACK);
static_assert(offsetof(ThreadRecord, claimed) == BH_RECORD_CLAIMED);
static_assert(offsetof(ThreadRecord, pending_signal) ==
              BH_RECORD_PENDING_SIGNAL);
static_assert(offsetof(ThreadRecord, pending_mask) == BH_RECORD_PENDING_MASK);
static_assert(offsetof(ThreadRecord, pending_info) == BH_RECORD_PENDING_INFO);
static_assert(offsetof(ThreadRecord, modelled_pkru) == BH_RECORD_MODELLED_PKRU);
static_assert(offsetof(ThreadRecord, monitor_entries) == BH_RECORD_ENTRIES);
static_assert(offsetof(ThreadRecord, gate_fs) == BH_RECORD_GATE_FS);
static_assert(offsetof(ThreadRecord, fs_next) == BH_RECORD_FS_NEXT);
static_assert(offsetof(ThreadRecord, gate_pkru) == BH_RECORD_GATE_PKRU);
static_assert(offsetof(ThreadRecord, calls) == BH_RECORD_CALLS);
static_assert(offsetof(ThreadRecord, callee) == BH_RECORD_CALLEE);
static_assert(offsetof(ThreadRecord, root_cache) == BH_RECORD_ROOT_CACHE);
static_assert(offsetof(ThreadRecord, root_bins) == BH_RECORD_ROOT_BINS);
static_assert(offsetof(ThreadRecord, kernel_stack) == BH_RECORD_KERNEL_STACK);
static_assert(offsetof(ThreadRecord, root_fs) == BH_RECORD_ROOT_FS);
static_assert(offsetof(ThreadRecord, domain_fs) == BH_RECORD_DOMAIN_FS);

// What the handlers of the thread interrupted that have not returned yet, the
// innermost last; record.interruptions tells how many. Runs in: the monitor.
inline Interrupted* InterruptedIn(const ThreadRecord& record) {
  return reinterpret_cast<Interrupted*>(record.monitor_stack +
                                        BH_SIGNAL_FRAME_BYTES) -
         kMostInterrupted;
}
static_assert(BH_SIGNAL_FRAME_BYTES % alignof(Interrupted) == 0);

// The tag of a compartment's pages in the page map: never 0, never kNoTag.
constexpr uint32_t HeapTag(CompartmentId id) { return Index(id) + 1; }

// The record that the GS base points at. REQUIRES: the library is initialised.
inline ThreadRecord* RecordAtGs() {
  ThreadRecord* record;
  __asm__("mov %%gs:%c1, %0" : "=r"(record) : "i"(BH_RECORD_SELF));
  return record;
}

// Finds or makes the calling thread's record and puts the thread into the root
// domain. errno is kept. Runs in: any domain.
ThreadRecord* AttachThread();

// The same for the first thread of the process, before metadata is sealed.
ThreadRecord* AttachFirstThread();

// Puts down what the whole of PKRU is in the domain of the record, the
// caller's: bits of keys that others own are in the monitor as they are
// outside. REQUIRES: protection keys. Runs in: the monitor.
inline void NoteWholePkru(ThreadRecord& record) {
#ifdef BULKHEAD_MODELLED
  // Of a thread that is about to get this record.
  const Pkru now{record.modelled_pkru};
#else
  const Pkru now = ReadPkru();
#endif
  const Pkru others = now & ~Pkru{bulkhead_owned_pkru};
  record.whole_pkru = Bits(others | record.pkru);
}

// Whether the record's domain is a sandbox's, or that of what was called from
// one: the root's heap is closed.
bool IsConfined(const ThreadRecord& record);

// Whether the thread of the record is in what a sandbox called.
bool WasCalledBack(const ThreadRecord& record);

// Makes these rights the record's, and `id` its current compartment.
// Runs in: the monitor.
void SetDomain(ThreadRecord& record, Pkru pkru, CompartmentId id);

// Makes `id` the current compartment of the record. Runs in: the monitor.
void SetCurrent(ThreadRecord& record, CompartmentId id);

// Lets bh_call() pass without being asked again, from the root's domain: from
// any other the record must say where a stack is in use. Shut where there are
// no keys, and from a handler's start on an alternate stack on, until somebody
// has looked whether it still runs. Runs in: the monitor.
void OpenGates(ThreadRecord& record);

// Takes the cache out of the way that asks the record alone.
// REQUIRES: the record's thread is not on it. Runs in: the monitor.
void CloseRootWay(ThreadRecord& record);

// Said before the first compartment beside the root can be entered: from then
// on a record alone does not tell whose domain its thread is in, where there
// are keys. Runs in: the monitor.
void ExpectCompartments();

// Without keys: how many of the thread's visits under way are to the
// compartment.
uint32_t VisitsOf(const ThreadRecord& record, CompartmentId id);

// Takes the record's thread out of every compartment, whichever way it went in,
// and into the root domain: its thread ends, or has ended. Its caches and
// stacks stay for a later visit. Runs in: the monitor.
void LeaveCompartments(ThreadRecord& record);

// Whether the kernel knows the record's thread no more.
bool ThreadIsGone(const ThreadRecord& record);

// The calling thread's record. REQUIRES: the library is initialised.
inline ThreadRecord* CurrentRecord() {
  ThreadRecord* record = RecordAtGs();
  if (__builtin_expect(record->fs_base == ThreadControlBlock(), true)) {
    return record;
  }
  return AttachThread();
}

// The calling thread's record, or nullptr if it has none yet; asks nothing of
// the GS base. Signal-safe.
ThreadRecord* FindOwnRecord();

// How fresh records' allocator state is set up; set by the allocator before the
// first record is made.
using StateInitialiser = void (*)(void* state);
extern StateInitialiser initialise_backend_state;

// The first of all records; the rest through `next`. Records are never freed.
ThreadRecord* FirstRecord();

// Calls of the monitor that threads made while they were in the compartment, or
// in any since the process began, as of some moment; and the start from 0 for
// the next compartment in a row that nobody is in.
// Runs in: the monitor. REQUIRES: no compartment is being destroyed meanwhile.
uint64_t MonitorEntriesOf(CompartmentId id);
uint64_t MonitorEntries();
void ForgetMonitorEntriesOf(CompartmentId id);

// Held around fork(). In the child, all records but the caller's are free.
// Run in: the monitor.
void LockThreadRecords();
void UnlockThreadRecords();
void ForgetOtherThreads(const ThreadRecord& own);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_
