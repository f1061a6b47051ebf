/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ways into the monitor and out of it, as monitor.S tells of them, for all
 * that goes through it.
 */
// clang-format off
#ifndef BULKHEAD_ISOLATION_ARCH_MONITOR_ASM_H_
#define BULKHEAD_ISOLATION_ARCH_MONITOR_ASM_H_

#include "isolation/arch/frame_asm.h"
#include "isolation/arch/pkru_asm.h"

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

/* The rights within, for a call of the monitor. Before: rdi = number | row << 32
 * of the call. After: rbx = the record, r12 = the row. Clobbers rax, rcx, rdx,
 * r9, r13. */
.macro ENTER_MONITOR
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
2:
.endm

/* The rights of the record's domain and of row r12, which the thread is in
 * beyond it, on the way out. Before: rbx = the record. Clobbers rax, rcx, rdx,
 * r9, r13. */
.macro LEAVE_MONITOR
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
3:
.endm

/* From the caller's stack to the monitor's, the call, and back. Before: rbx =
 * the record, r12 = the row, edi = the call's number, rsi, r10, r11, r8 = its
 * arguments; xmm0 to xmm2, with `carries`, what shall be there afterwards, too.
 * After: rsp as before, or what the call made of it; r14, r15 = the result;
 * r12 = the row, likewise; the FS base is the record's domain's.
 * Clobbers rax, rcx, rdx, r9, r13. */
.macro CALL_MONITOR carries=0
	/* A handler that runs before the thread is busy may make calls of its own. */
	mov	r13d, [rbx + BH_RECORD_CLAIMED]
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
	mov	r9, [rbx + BH_RECORD_CALLS]
	cld
	.if	\carries
	sub	rsp, 48
	movups	[rsp], xmm0
	movups	[rsp + 16], xmm1
	movups	[rsp + 32], xmm2
	.endif
	call	[r9 + rax * 8]
	.if	\carries
	movups	xmm0, [rsp]
	movups	xmm1, [rsp + 16]
	movups	xmm2, [rsp + 32]
	.endif
	mov	r14, rax
	mov	r15, rdx
	mov	r12d, [rbx + BH_RECORD_CLAIMED]
	mov	rax, [rbx + BH_RECORD_FS_NEXT]
	cmp	rax, [rbx + BH_RECORD_FS_BASE]
	je	8f
	/* Between the two the thread has the base that is told as the next. */
	WRITE_FS_BASE
	mov	[rbx + BH_RECORD_FS_BASE], rax
8:	mov	rsp, [rbx + BH_RECORD_CALLER_STACK]
	mov	dword ptr [rbx + BH_RECORD_BUSY], 0
	mov	[rbx + BH_RECORD_CLAIMED], r13d
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

#endif /* BULKHEAD_ISOLATION_ARCH_MONITOR_ASM_H_ */
