/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ways into the monitor and out of it.
 *
 * API
 *   bh_result bulkhead_monitor_pku(call, a0, a1, a2, a3)
 *     call = number | row << 32. Runs the monitor call of that number on the
 *     thread's monitor stack. `row` is the compartment that the thread is in
 *     beyond its record's domain, 0 if none: it stays readable meanwhile.
 *     Returns what the call returns. Ends the process if the row is untrue.
 *   bh_result bulkhead_monitor_plain(call, a0, a1, a2, a3)
 *     The same without keys.
 *   void bulkhead_monitor_read_pku(row)
 *     Within the monitor: makes one row's memory readable in place of another's.
 *   void bulkhead_monitor_write_root_pku(to, from, bytes)
 *     Within the monitor, in a call without a row: copies to the root's memory,
 *     with the root's rights; frames are readable meanwhile, nothing of the
 *     monitor's is writable.
 *   ThreadRecord* bulkhead_attach_pku(), bulkhead_attach_plain(fs_base)
 *     Finds or makes the calling thread's record, and leaves the thread in the
 *     root domain. REQUIRES: all signals are blocked.
 *
 * A thread's rights within: metadata and frames read-write, the one row's
 * memory read-only, everything else write-disabled.
 *
 * States of a record, by BUSY and the stack in use:
 *
 *   busy  stack    rights     where
 *   0     caller's domain's   outside
 *   0     caller's monitor's  on the way in or out: a signal is served as
 *                             outside, and the way goes on after it
 *   1     caller's monitor's  likewise, but signals are deferred
 *   1     monitor  monitor's  in a monitor call; signals are deferred
 *
 * Invariants, each with a test that jumps or writes against it:
 *   M1  After every WRPKRU, eax is compared with a value computed from the
 *       record and the tables alone: a jump to any WRPKRU lands there.
 *   M2  A row is believed only if its memory holds the caller's stack pointer,
 *       at a place that the record tells: only who is in it can write that.
 *       Both ways ask, and the way out clears it.
 *   M3  BUSY is set by an exchange: a second thread with the same record, which
 *       only clone() can make, ends the process.
 *   M4  The rights on the way out are the record's, and the row's if M2 holds.
 *   M5  What makes another domain the record's is called by a gate, or by the way
 *       out of a handler: here it ends the process.
 */

#include "isolation/arch/monitor_asm.h"

	.text

	.globl	bulkhead_monitor_begin
	.hidden	bulkhead_monitor_begin
bulkhead_monitor_begin:

/* The calls of gates and handlers change the domain, and these ways return to
 * their caller: they would bring it the rights. Clobbers rax. */
.macro REFUSE_GATES
	lea	eax, [rdi - BH_CALL_ENTER_VAULT]
	cmp	eax, BH_CALL_LEAVE_HANDLER - BH_CALL_ENTER_VAULT
	jbe	bulkhead_gate_violated
.endm

	.globl	bulkhead_monitor_pku
	.hidden	bulkhead_monitor_pku
	.type	bulkhead_monitor_pku, @function
	.p2align 6
bulkhead_monitor_pku:
	.cfi_startproc
	endbr64
	PUSH_CALLEE_SAVED
	mov	r10, rdx
	mov	r11, rcx
	ENTER_MONITOR
	REFUSE_GATES
	CALL_MONITOR
	LEAVE_MONITOR
	RETURN_RESULT
	.cfi_endproc
	.size	bulkhead_monitor_pku, . - bulkhead_monitor_pku

	.globl	bulkhead_monitor_plain
	.hidden	bulkhead_monitor_plain
	.type	bulkhead_monitor_plain, @function
	.p2align 6
bulkhead_monitor_plain:
	.cfi_startproc
	endbr64
	PUSH_CALLEE_SAVED
	mov	r10, rdx
	mov	r11, rcx
	mov	rbx, gs:[BH_RECORD_SELF]
	xor	r12d, r12d
	REFUSE_GATES
	CALL_MONITOR
	RETURN_RESULT
	.cfi_endproc
	.size	bulkhead_monitor_plain, . - bulkhead_monitor_plain

/* Ends the process unless this thread is in a call of the monitor, on its stack
 * there. After: rbx = the record. Clobbers rax, rcx. */
.macro MUST_BE_IN_MONITOR
	FIND_RECORD bulkhead_gate_violated
	cmp	dword ptr [rbx + BH_RECORD_BUSY], 1
	jne	bulkhead_gate_violated
	mov	rax, [rbx + BH_RECORD_MONITOR_STACK]
	sub	rax, rsp
	cmp	rax, BH_MONITOR_STACK_BYTES
	jae	bulkhead_gate_violated
.endm

	.globl	bulkhead_monitor_read_pku
	.hidden	bulkhead_monitor_read_pku
	.type	bulkhead_monitor_read_pku, @function
	.p2align 6
bulkhead_monitor_read_pku:
	.cfi_startproc
	endbr64
	push	rbx
	.cfi_adjust_cfa_offset 8
	push	r13
	.cfi_adjust_cfa_offset 8
	mov	edi, edi
	FIND_ROW edi, rdi, bulkhead_gate_violated
	MONITOR_RIGHTS
	SET_OWNED
	/* From here on eax alone is known; the rest may be an attacker's, unless
	 * this thread is in the monitor. */
	mov	edi, edi
	FIND_ROW edi, rdi, bulkhead_gate_violated
	MONITOR_RIGHTS
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	MUST_BE_IN_MONITOR
	pop	r13
	.cfi_adjust_cfa_offset -8
	pop	rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	bulkhead_monitor_read_pku, . - bulkhead_monitor_read_pku

	.globl	bulkhead_monitor_write_root_pku
	.hidden	bulkhead_monitor_write_root_pku
	.type	bulkhead_monitor_write_root_pku, @function
	.p2align 6
bulkhead_monitor_write_root_pku:
	.cfi_startproc
	endbr64
	push	rbx
	.cfi_adjust_cfa_offset 8
	push	r12
	.cfi_adjust_cfa_offset 8
	push	r13
	.cfi_adjust_cfa_offset 8
	mov	r8, rdx
	mov	ecx, [rip + bulkhead_delivering_pkru]
	SET_OWNED
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_delivering_pkru]
	jne	bulkhead_gate_violated
	MUST_BE_IN_MONITOR
	mov	rcx, r8
	cld
	rep movsb
	xor	r12d, r12d
	FIND_ROW r12d, r12, bulkhead_gate_violated
	MONITOR_RIGHTS
	SET_OWNED
	/* As in bulkhead_monitor_read_pku. */
	xor	r12d, r12d
	FIND_ROW r12d, r12, bulkhead_gate_violated
	MONITOR_RIGHTS
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	MUST_BE_IN_MONITOR
	pop	r13
	.cfi_adjust_cfa_offset -8
	pop	r12
	.cfi_adjust_cfa_offset -8
	pop	rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	bulkhead_monitor_write_root_pku, . - bulkhead_monitor_write_root_pku

/* One thread at a time, on the stack kept for it. Before: rdi = the FS base.
 * After: r14 = the record. */
.macro ATTACH
1:	mov	eax, 1
	xchg	[rip + bulkhead_attach_lock], eax
	test	eax, eax
	jz	2f
	mov	eax, BH_SYS_SCHED_YIELD
	syscall
	jmp	1b
2:	mov	[rip + bulkhead_attach_caller_stack], rsp
	mov	rsp, [rip + bulkhead_attach_stack]
	cld
	call	bulkhead_find_or_make_record
	mov	r14, rax
	mov	rsp, [rip + bulkhead_attach_caller_stack]
	mov	dword ptr [rip + bulkhead_attach_lock], 0
.endm

	.globl	bulkhead_attach_pku
	.hidden	bulkhead_attach_pku
	.type	bulkhead_attach_pku, @function
	.p2align 6
bulkhead_attach_pku:
	.cfi_startproc
	endbr64
	PUSH_CALLEE_SAVED
	mov	ecx, [rip + bulkhead_monitor_pkru]
	SET_OWNED
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_monitor_pkru]
	jne	bulkhead_gate_violated
	READ_FS_BASE rdi
	ATTACH
	mov	ecx, [rip + bulkhead_root_pkru]
	SET_OWNED
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_root_pkru]
	jne	bulkhead_gate_violated
	mov	rax, r14
	POP_CALLEE_SAVED
	ret
	.cfi_endproc
	.size	bulkhead_attach_pku, . - bulkhead_attach_pku

	.globl	bulkhead_attach_plain
	.hidden	bulkhead_attach_plain
	.type	bulkhead_attach_plain, @function
	.p2align 6
bulkhead_attach_plain:
	.cfi_startproc
	endbr64
	PUSH_CALLEE_SAVED
	ATTACH
	mov	rax, r14
	POP_CALLEE_SAVED
	ret
	.cfi_endproc
	.size	bulkhead_attach_plain, . - bulkhead_attach_plain

	.globl	bulkhead_monitor_end
	.hidden	bulkhead_monitor_end
bulkhead_monitor_end:

	.section .note.GNU-stack, "", @progbits
