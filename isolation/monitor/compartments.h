// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The life of compartments, as the rest of Bulkhead asks for it. What changes
// rows runs in the monitor (compartments.cc).

#ifndef BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_
#define BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_

#include "bulkhead/bulkhead.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The contracts of bh_create_with_gates() and bh_destroy().
// Thread-safe. REQUIRES: the library is initialised.
bh_status CreateCompartment(const char* name, const bh_options& options,
                            const bh_gate* gates, const bh_gate* gates_end,
                            bh_compartment& created);
bh_status DestroyCompartment(bh_compartment compartment);

// The heap that sandboxes share with the root, made if need be.
inline constexpr const char* kSharedName = "shared";
bh_status FindShared(bh_compartment& shared);

// Makes what a thread needs to enter the compartment: its stack there, and a
// signal stack to report faults on. BH_OK, BH_ERR_NO_MEMORY or BH_ERR_KERNEL.
bh_status PrepareThread(ThreadRecord& record, CompartmentId id);

// The same for a sandbox, with room for the thread's TLS above that stack:
// below and above where the FS base will point. `is_new`: it is empty, or an
// earlier thread's.
bh_status PrepareSandboxThread(ThreadRecord& record, CompartmentId id,
                               size_t bytes_below, size_t bytes_above,
                               bool& is_new);

// Returns when no creation or destruction that is under way now is.
void AwaitCompartments(ThreadRecord& record);

// Keeps a compartment, whose thread need not be inside, from being destroyed
// as long as the object lives: the monitor is at work on its heap. Waits for a
// destruction that is under way. Runs in: the monitor.
class HeapVisit {
 public:
  HeapVisit(ThreadRecord& record, CompartmentId id);
  ~HeapVisit();
  HeapVisit(const HeapVisit&) = delete;
  HeapVisit& operator=(const HeapVisit&) = delete;

  // False: there is no such compartment.
  bool ok() const { return ok_; }

 private:
  ThreadRecord& record_;
  bool ok_;
};

// In place of a handle, for MonitorGrant(): every domain.
inline constexpr uint64_t kEveryone = ~uint64_t{0};

// Held around fork(), and while no compartment must be created or destroyed.
// Run in: the monitor.
void LockCompartments();
void UnlockCompartments();

// The kind and the switches of bh_options, as they go to the monitor in one
// word.
struct Switches {
  Kind kind = Kind::kVault;
  uint32_t wipe = 0;
  uint32_t lock = 0;
  uint32_t wipe_on_fork = 0;
  uint32_t scopes = 0;
  uint32_t grants = 0;
};
uint64_t PackSwitches(const Switches& switches);
// False: not one of the values of bh_switch, or no kind.
[[nodiscard]] bool UnpackSwitches(uint64_t word, Switches& switches);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_
