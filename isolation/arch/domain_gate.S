/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The gate between any two domains. It leads through the monitor, there and back:
 * four WRPKRU.
 *
 * API
 *   bh_result bulkhead_domain_call(call, handle, gate, const uint64_t args[6])
 *     call = number | row << 32, as for bulkhead_monitor_pku(). The call of the
 *     monitor, EnterVault, EnterSandbox or CallRoot, makes another domain the
 *     record's; then what it chose is run with the arguments, on the thread's
 *     stack in that domain and with its TLS there. Returns rax = its value,
 *     rdx = 0; or rdx = a status or a BH_GATE_ code, and nothing has run; or rdx =
 *     a status that says how else the callee ended.
 *
 * Invariants, each with a test that jumps or writes against it:
 *   D1  As M1 of monitor.S: what is compared after a WRPKRU comes from the record
 *       alone.
 *   D2  The way back stands in the record: stack pointer, rights, FS base. What
 *       the callee can write is neither read nor followed.
 *   D3  No register but those of the arguments brings anything in, none but the
 *       result anything out. Whatever the callee leaves in registers, the
 *       caller's callee-saved ones, its MXCSR, its x87 control word and the
 *       direction flag are as they were.
 *   D4  What unwinds a thread leaves a vault by the gate, as by bh_call() (G5 of
 *       gate.S). From a sandbox it does not pass: what the unwinder goes on with
 *       is a function pointer in memory of the callee's choice. The monitor says
 *       which it is, from the record. For unwinders alone the caller's stack
 *       pointer lies on the callee's stack, too.
 */

#include "isolation/arch/monitor_asm.h"

	.text

	.globl	bulkhead_domain_gate_begin
	.hidden	bulkhead_domain_gate_begin
bulkhead_domain_gate_begin:

	.globl	bulkhead_domain_call
	.hidden	bulkhead_domain_call
	.type	bulkhead_domain_call, @function
	.p2align 6
bulkhead_domain_call:
	.cfi_startproc
	UNWINDS_BY .Lunwound, .Lcaught
	endbr64
	PUSH_CALLEE_SAVED
	sub	rsp, 16
	stmxcsr	[rsp]
	fnstcw	[rsp + 8]
	movups	xmm0, [rcx]
	movups	xmm1, [rcx + 16]
	movups	xmm2, [rcx + 32]
	mov	r10, rdx
	xor	r11d, r11d
	xor	r8d, r8d
	ENTER_MONITOR
	CALL_MONITOR carries=1
	test	r15, r15
	jnz	.Lrefused
	mov	ecx, [rbx + BH_RECORD_PKRU]
	SET_OWNED
	/* From here on eax alone is known; the rest may be an attacker's. */
	FIND_RECORD bulkhead_gate_violated
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rbx + BH_RECORD_PKRU]
	jne	bulkhead_gate_violated
	cmp	qword ptr [rbx + BH_RECORD_CALLEE], 0
	je	bulkhead_gate_violated
	mov	ecx, [rbx + BH_RECORD_CURRENT]
	mov	rsp, [rbx + BH_RECORD_STACKS + rcx * 8]
	sub	rsp, BH_FRAME_BYTES
	mov	rax, [rbx + BH_RECORD_CALLER_STACK]
	mov	[rsp + BH_FRAME_BYTES - BH_FRAME_CALLER_SP], rax
	.cfi_remember_state
	/* breg7 (rsp) + 56, deref, plus_uconst 80: what was pushed, and the return
	 * address. */
	.cfi_escape 0x0f, 5, 0x77, BH_FRAME_BYTES - BH_FRAME_CALLER_SP, 0x06, 0x23, 80
	movq	rdi, xmm0
	pextrq	rsi, xmm0, 1
	movq	rdx, xmm1
	pextrq	rcx, xmm1, 1
	movq	r8, xmm2
	pextrq	r9, xmm2, 1
	cmp	dword ptr [rbx + BH_RECORD_PENDING_SIGNAL], 0
	jne	.Ldeliver
.Ldelivered:
	mov	rax, [rbx + BH_RECORD_CALLEE]
	CLEAR_VECTORS
	fninit
	ldmxcsr	[rip + bulkhead_mxcsr_at_start]
	xor	ebx, ebx
	xor	ebp, ebp
	.irp n, 10, 11, 12, 13, 14, 15
	xor	r\n\()d, r\n\()d
	.endr
	cld
	call	rax
	mov	rsi, rax
	xor	r10d, r10d
.Lleave:
	xor	r11d, r11d
	xor	r8d, r8d
	xor	r12d, r12d
	lea	r13, [rip + bulkhead_compartments]
	MONITOR_RIGHTS
	SET_OWNED
	/* As above. */
	FIND_RECORD bulkhead_gate_violated
	test	r12d, r12d
	jnz	bulkhead_gate_violated
	xor	r12d, r12d
	lea	r13, [rip + bulkhead_compartments]
	MONITOR_RIGHTS
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	mov	edi, BH_CALL_LEAVE_GATE
	CALL_MONITOR
	LEAVE_MONITOR
	.cfi_restore_state
	CLEAR_VECTORS
	fninit
	fldcw	[rsp + 8]
	ldmxcsr	[rsp]
	/* As it was before it was cleared, for the frame: nothing else needs it. */
	lea	rbp, [rsp + 64]
	cmp	r15, BH_GATE_UNWOUND
	je	.Lunwind_on
	add	rsp, 16
	RETURN_RESULT

	.cfi_escape 0x0f, 5, 0x77, BH_FRAME_BYTES - BH_FRAME_CALLER_SP, 0x06, 0x23, 80
.Lunwound:
	mov	rsi, rax
	mov	r10d, BH_LEFT_UNWOUND
	jmp	.Lleave
.Lcaught:
	DROP_EXCEPTION
	xor	esi, esi
	mov	r10d, BH_LEFT_BY_EXCEPTION
	jmp	.Lleave
	/* Behind it, by which bulkhead_personality() tells the two. */
	.cfi_def_cfa rbp, 16
.Lunwind_on:
	mov	rdi, r14
	UNWIND_ON

	.cfi_def_cfa rbp, 16
.Lrefused:
	LEAVE_MONITOR
	add	rsp, 16
	RETURN_RESULT

	/* Signals that came meanwhile. */
.Ldeliver:
	.irp r, rdi, rsi, rdx, rcx, r8, r9
	push	\r
	.endr
	cld
	call	bulkhead_deliver_pending
	.irp r, r9, r8, rcx, rdx, rsi, rdi
	pop	\r
	.endr
	jmp	.Ldelivered
	.cfi_endproc
	.size	bulkhead_domain_call, . - bulkhead_domain_call

	.globl	bulkhead_domain_gate_end
	.hidden	bulkhead_domain_gate_end
bulkhead_domain_gate_end:

	.section .rodata
	.balign 4
	.globl	bulkhead_mxcsr_at_start
	.hidden	bulkhead_mxcsr_at_start
bulkhead_mxcsr_at_start:
	.long	0x1f80

	.section .note.GNU-stack, "", @progbits
