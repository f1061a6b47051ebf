// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The assembly of monitor.S, domain_gate.S and signal.S as C++ sees it.

#ifndef BULKHEAD_ISOLATION_ARCH_MONITOR_H_
#define BULKHEAD_ISOLATION_ARCH_MONITOR_H_

#include <cstddef>
#include <cstdint>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/layout.h"

namespace bulkhead {

struct ThreadRecord;

// Numbers of the monitor's calls.
enum class MonitorCall : uint32_t {
#define BH_MONITOR_CALL(name, who, arguments) k##name,
#include "isolation/arch/monitor_calls.inc"
#undef BH_MONITOR_CALL
};

}  // namespace bulkhead

extern "C" {

// See monitor.S. REQUIRES: the GS base is the calling thread's record.
bh_result bulkhead_monitor_pku(uint64_t call, uint64_t a0, uint64_t a1,
                               uint64_t a2, uint64_t a3);
bh_result bulkhead_monitor_plain(uint64_t call, uint64_t a0, uint64_t a1,
                                 uint64_t a2, uint64_t a3);

// Within the monitor: makes the memory of row `row` readable, and no other's.
void bulkhead_monitor_read_pku(uint32_t row);
void bulkhead_monitor_write_root_pku(void* to, const void* from, size_t bytes);

// The calling thread's record, found or made; the thread is in the root domain.
// REQUIRES: all signals are blocked.
bulkhead::ThreadRecord* bulkhead_attach_pku(void);
bulkhead::ThreadRecord* bulkhead_attach_plain(uintptr_t fs_base);

// What the kernel is told to start for a signal, and to return by.
void bulkhead_signal_entry_pku(void);
void bulkhead_signal_entry_plain(void);
void bulkhead_signal_return(void);
[[noreturn]] void bulkhead_leave_handler(const void* context);

// See domain_gate.S. REQUIRES: as above.
bh_result bulkhead_domain_call(uint64_t call, uint64_t handle,
                               const bh_gate* gate,
                               const uint64_t arguments[6]);

// The bounds of all this code.
extern const unsigned char bulkhead_domain_gate_begin[];
extern const unsigned char bulkhead_domain_gate_end[];
extern const unsigned char bulkhead_monitor_begin[];
extern const unsigned char bulkhead_monitor_end[];
extern const unsigned char bulkhead_signals_begin[];
extern const unsigned char bulkhead_signals_end[];

// Owned PKRU bits within the monitor, no row readable; while a signal is being
// put down on a stack of the program's; and while a frame is being copied to
// one.
extern uint32_t bulkhead_monitor_pkru;
extern uint32_t bulkhead_deferring_pkru;
extern uint32_t bulkhead_delivering_pkru;

// One thread at a time attaches.
extern uint32_t bulkhead_attach_lock;
extern uintptr_t bulkhead_attach_stack;
extern uintptr_t bulkhead_attach_caller_stack;

// What assembly calls: the table of the monitor's calls, by number; and the
// functions of isolation/thread.
using bulkhead_monitor_call = bh_result (*)(bulkhead::ThreadRecord& record,
                                            uint64_t a0, uint64_t a1,
                                            uint64_t a2, uint64_t a3);
extern const bulkhead_monitor_call bulkhead_monitor_calls[BH_MONITOR_CALLS];
// The same for a thread in a sandbox, which may not make all of them.
extern const bulkhead_monitor_call
    bulkhead_monitor_calls_of_sandboxes[BH_MONITOR_CALLS];
bulkhead::ThreadRecord* bulkhead_find_or_make_record(uintptr_t fs_base);
void bulkhead_deliver_pending(void);
// `has_left_domain`: 1 if the handler has left the interrupted domain for the
// root's.
void bulkhead_handle_signal(int signal, void* info, void* context,
                            uint64_t has_left_domain);
[[noreturn]] void bulkhead_fault_in_monitor(int signal, const void* info,
                                            const void* context);

}  // extern "C"

#endif  // BULKHEAD_ISOLATION_ARCH_MONITOR_H_
