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
 */

#include "isolation/arch/frame_asm.h"
#include "isolation/arch/pkru_asm.h"

	.text

	.globl	bulkhead_monitor_begin
	.hidden	bulkhead_monitor_begin
bulkhead_monitor_begin:

/* ecx := owned bits of the rights within, row r13 readable. */
.macro MONITOR_RIGHTS
	mov	ecx, [rip + bulkhead_monitor_pkru]
	and	ecx, [r13 + BH_ROW_OPEN_MASK]
	or	ecx, [r13 + BH_ROW_READ_BITS]
.endm

/* PKRU := (PKRU & ~owned) | ecx. Clobbers rax, rcx, rdx. */
.macro SET_OWNED
	mov	r9d, ecx
	READ_PKRU
	mov	ecx, [rip + bulkhead_owned_pkru]
	not	ecx
	and	eax, ecx
	or	eax, r9d
	WRITE_PKRU
.endm

/* M2: rax := the address of the word that proves that the thread is in row r12.
 * Clobbers nothing else. */
.macro FIND_PROOF
	mov	rax, [rbx + BH_RECORD_STACK_ENDS + r12 * 8]
	test	rax, rax
	jz	bulkhead_gate_violated
.endm

/* From the caller's stack to the monitor's, the call, and back. Before: rbx =
 * the record, r12 = the row, edi = the call's number, rsi, r10, r11, r8 = its
 * arguments. After: rsp as before; r14, r15 = the result; r12 = the row. */
.macro CALL_MONITOR
	mov	[rbx + BH_RECORD_CLAIMED], r12d
	mov	eax, 1
	xchg	[rbx + BH_RECORD_BUSY], eax
	test	eax, eax
	jnz	bulkhead_gate_violated
	mov	[rbx + BH_RECORD_CALLER_STACK], rsp
	mov	eax, r12d
	test	eax, eax
	cmovz	eax, [rbx + BH_RECORD_CURRENT]
	mov	[rbx + BH_RECORD_CALLER], eax
#ifndef BULKHEAD_UNCOUNTED
	inc	qword ptr [rbx + rax * 8 + BH_RECORD_ENTRIES]
#endif
	mov	rsp, [rbx + BH_RECORD_MONITOR_STACK]
	mov	eax, edi
	cmp	eax, BH_MONITOR_CALLS
	jae	bulkhead_gate_violated
	mov	rdi, rbx
	mov	rdx, r10
	mov	rcx, r11
	lea	r9, [rip + bulkhead_monitor_calls]
	cld
	call	[r9 + rax * 8]
	mov	r14, rax
	mov	r15, rdx
	mov	r12d, [rbx + BH_RECORD_CLAIMED]
	mov	rsp, [rbx + BH_RECORD_CALLER_STACK]
	mov	dword ptr [rbx + BH_RECORD_BUSY], 0
.endm

/* The result to the caller, after the signals that came meanwhile. */
.macro RETURN_RESULT
	cmp	dword ptr [rbx + BH_RECORD_PENDING_SIGNAL], 0
	je	1f
	call	bulkhead_deliver_pending
1:	mov	rax, r14
	mov	rdx, r15
	xor	ecx, ecx
	xor	esi, esi
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	POP_CALLEE_SAVED
	ret
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
	mov	r12, rdi
	shr	r12, 32
	FIND_RECORD bulkhead_gate_violated
	FIND_ROW r12d, r12, bulkhead_gate_violated
	test	r12d, r12d
	jz	1f
	FIND_PROOF
	mov	[rax - BH_FRAME_PROOF], rsp
1:	MONITOR_RIGHTS
	SET_OWNED
	/* From here on eax alone is known; the rest may be an attacker's. */
	FIND_RECORD bulkhead_gate_violated
	mov	r12d, r12d
	FIND_ROW r12d, r12, bulkhead_gate_violated
	MONITOR_RIGHTS
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	test	r12d, r12d
	jz	2f
	FIND_PROOF
	cmp	[rax - BH_FRAME_PROOF], rsp
	jne	bulkhead_gate_violated
2:	CALL_MONITOR
	FIND_ROW r12d, r12, bulkhead_gate_violated
	mov	ecx, [rbx + BH_RECORD_PKRU]
	and	ecx, [r13 + BH_ROW_OPEN_MASK]
	SET_OWNED
	/* As above. */
	FIND_RECORD bulkhead_gate_violated
	mov	r12d, r12d
	FIND_ROW r12d, r12, bulkhead_gate_violated
	mov	ecx, [rbx + BH_RECORD_PKRU]
	and	ecx, [r13 + BH_ROW_OPEN_MASK]
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	test	r12d, r12d
	jz	3f
	FIND_PROOF
	cmp	[rax - BH_FRAME_PROOF], rsp
	jne	bulkhead_gate_violated
	mov	qword ptr [rax - BH_FRAME_PROOF], 0
3:	RETURN_RESULT
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
	CALL_MONITOR
	RETURN_RESULT
	.cfi_endproc
	.size	bulkhead_monitor_plain, . - bulkhead_monitor_plain

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
	FIND_RECORD bulkhead_gate_violated
	mov	edi, edi
	FIND_ROW edi, rdi, bulkhead_gate_violated
	MONITOR_RIGHTS
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	cmp	dword ptr [rbx + BH_RECORD_BUSY], 1
	jne	bulkhead_gate_violated
	mov	rax, [rbx + BH_RECORD_MONITOR_STACK]
	sub	rax, rsp
	cmp	rax, BH_MONITOR_STACK_BYTES
	jae	bulkhead_gate_violated
	pop	r13
	.cfi_adjust_cfa_offset -8
	pop	rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	bulkhead_monitor_read_pku, . - bulkhead_monitor_read_pku

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
