/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Offsets and codes that assembly and C++ share. The C++ structures assert
 * them; nothing else defines them.
 */
#ifndef BULKHEAD_ISOLATION_ARCH_LAYOUT_H_
#define BULKHEAD_ISOLATION_ARCH_LAYOUT_H_

/* Rows of the compartment table, the root's included. */
#define BH_MAX_COMPARTMENTS 64
/* Rows of the entry table. */
#define BH_MAX_ENTRIES 1024

/* Rows of the monitor's table of calls. */
#define BH_MONITOR_CALLS 64
/* The numbers of those that only gates make, from the first one on, and the
 * ways into handlers and out of them: the last. */
#define BH_CALL_ENTER_VAULT 25
#define BH_CALL_LEAVE_GATE 28
#define BH_CALL_ENTER_HANDLER 29
#define BH_CALL_LEAVE_HANDLER 30
#define BH_MONITOR_STACK_BYTES 32768
/* Above it: where the frame is made that a handler returns by, and at the upper
 * end what handlers interrupted. */
#define BH_SIGNAL_FRAME_BYTES 16384
/* On which the kernel starts the handlers of a thread that has been in a
 * compartment, where it may be closed to them. */
#define BH_KERNEL_STACK_BYTES 16384

/* ThreadRecord, reached through the GS base. Records lie at multiples of their
 * size, so that no part of one is taken for another. */
#define BH_RECORD_BYTES 8192
#define BH_RECORD_SELF 0
#define BH_RECORD_FS_BASE 8
#define BH_RECORD_PKRU 16
#define BH_RECORD_CURRENT 20
#define BH_RECORD_ROOT_FS 24
#define BH_RECORD_DOMAIN_FS 32
#define BH_RECORD_WHOLE_PKRU 40
#define BH_RECORD_BUSY 44
#define BH_RECORD_CACHE 48
#define BH_RECORD_BINS 56
#define BH_RECORD_BACKEND_STATE 64
#define BH_RECORD_CALLER_STACK 72
#define BH_RECORD_STACKS 80
#define BH_RECORD_STACK_ENDS 592
#define BH_RECORD_MONITOR_STACK 1104
#define BH_RECORD_CALLER 1112
#define BH_RECORD_CLAIMED 1116
#define BH_RECORD_PENDING_SIGNAL 1120
#define BH_RECORD_MODELLED_PKRU 1124
#define BH_RECORD_PENDING_MASK 1128
#define BH_RECORD_PENDING_INFO 1136
#define BH_RECORD_ENTRIES 1264
#define BH_RECORD_GATE_FS 1776
#define BH_RECORD_FS_NEXT 1784
#define BH_RECORD_GATE_PKRU 1792
#define BH_RECORD_CALLS 1800
#define BH_RECORD_CALLEE 1808
#define BH_RECORD_ROOT_CACHE 1816
#define BH_RECORD_ROOT_BINS 1824
#define BH_RECORD_KERNEL_STACK 1832

/* What the kernel puts on a handler's stack (struct rt_sigframe): an address to
 * return to, its ucontext_t (which is not glibc's; arch/x86/include/uapi/asm),
 * of which the signal mask is the last, and its siginfo_t. */
#define BH_FRAME_CONTEXT 8
#define BH_CONTEXT_SIGMASK 296
#define BH_CONTEXT_BYTES 304
#define BH_SIGINFO_BYTES 128

#define BH_SIGILL 4
#define BH_SIGBUS 7
#define BH_SIGFPE 8
#define BH_SIGSEGV 11

#define BH_SYS_RT_SIGRETURN 15
#define BH_SYS_SCHED_YIELD 24
#define BH_SYS_ARCH_PRCTL 158
#define BH_ARCH_SET_FS 0x1002

/* CompartmentRow. */
#define BH_ROW_OPEN_MASK 0
#define BH_ROW_STATE 4
#define BH_ROW_KEY_BITS 24
#define BH_ROW_READ_BITS 28
#define BH_ROW_GATE_DELTA 32
#define BH_ROW_SHIFT 9

/* EntryRow; a declaration of a gate is as large. */
#define BH_ENTRY_FUNCTION 0
#define BH_ENTRY_HANDLE 8
#define BH_ENTRY_OPEN_MASK 16
#define BH_ENTRY_STACK_OFFSET 20
#define BH_ENTRY_SHIFT 5

/* States of a compartment's row. Gates pass only at BH_STATE_LIVE. */
#define BH_STATE_FREE 0
#define BH_STATE_LIVE 1
#define BH_STATE_CLOSING 2

/* The frame at the top of a thread's stack in a compartment, below the address
 * that the record holds: the caller's stack pointer, and whether the gate of
 * this frame is in use. In the uppermost frame, the stack pointer of a call of
 * the monitor that is under way from this compartment, or 0. */
#define BH_FRAME_BYTES 64
#define BH_FRAME_CALLER_SP 8
#define BH_FRAME_INSIDE 16
#define BH_FRAME_PROOF 24

/* Fields of a bulkhead_landing (gate.h). */
#define BH_LANDING_COUNTER 0
#define BH_LANDING_STACK 8
#define BH_LANDING_RAX 16
#define BH_LANDING_RBX 24
#define BH_LANDING_RBP 32
#define BH_LANDING_R12 40

/* Why a gate cannot be passed as things are; isolation/gate/call.cc answers
 * each. */
#define BH_GATE_NO_STACK 0x1001
#define BH_GATE_OTHER_DOMAIN 0x1002
#define BH_GATE_NOT_LIVE 0x1004
#define BH_GATE_NO_ENTRY 0x1005
#define BH_GATE_ALREADY_OPEN 0x1006
#define BH_GATE_SHUT 0x1007
/* Nothing is to be answered: the gate itself goes on unwinding. */
#define BH_GATE_UNWOUND 0x1008

/* How a gate was left: as a function returns, or one of these. The second is
 * BH_ERR_EXCEPTION. */
#define BH_LEFT_UNWOUND 1
#define BH_LEFT_BY_EXCEPTION 15

/* Vector state that a gate clears on its way out. */
#define BH_VECTOR_SSE 0
#define BH_VECTOR_AVX 1
#define BH_VECTOR_AVX512 2

#endif /* BULKHEAD_ISOLATION_ARCH_LAYOUT_H_ */
