/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls that change no rights.
 *
 *   bh_result bulkhead_stack_call(function, stack, const uint64_t args[6])
 *     Runs function(args...) on `stack`. For the backend that has no keys.
 *   uint64_t bulkhead_guarded(body, undo, context)
 *     Runs body(context), and then undo(context), also where the thread is
 *     unwound from within the former.
 *   void bulkhead_land(const bulkhead_landing* landing)
 *     Goes on at the landing, on this thread and in this domain. Does not return.
 * The first two end what is thrown, and have BH_ERR_EXCEPTION for it as their status.
 */

#include "isolation/arch/frame_asm.h"

	.text

	.globl	bulkhead_stack_calls_begin
	.hidden	bulkhead_stack_calls_begin
bulkhead_stack_calls_begin:

	.globl	bulkhead_stack_call
	.hidden	bulkhead_stack_call
	.type	bulkhead_stack_call, @function
	.p2align 6
bulkhead_stack_call:
	.cfi_startproc
	UNWINDS_BY .Lstack_call_unwound, .Lstack_call_caught
	endbr64
	PUSH_CALLEE_SAVED
	mov	r14, rdi
	mov	r15, rsi
	mov	[r15 - BH_FRAME_CALLER_SP], rsp
	mov	rax, rdx
	mov	rdi, [rax]
	mov	rsi, [rax + 8]
	mov	rdx, [rax + 16]
	mov	rcx, [rax + 24]
	mov	r8, [rax + 32]
	mov	r9, [rax + 40]
	lea	rsp, [r15 - BH_FRAME_BYTES]
	cld
	call	r14
	mov	rsp, [rsp + BH_FRAME_BYTES - BH_FRAME_CALLER_SP]
	CLEAR_REGISTERS
	POP_CALLEE_SAVED
	ret
	.cfi_def_cfa rbp, 16
.Lstack_call_unwound:
	mov	rsp, [rsp + BH_FRAME_BYTES - BH_FRAME_CALLER_SP]
	CLEAR_REGISTERS
	mov	rdi, rax
	UNWIND_ON
.Lstack_call_caught:
	DROP_EXCEPTION
	mov	rsp, [rsp + BH_FRAME_BYTES - BH_FRAME_CALLER_SP]
	CLEAR_REGISTERS
	xor	eax, eax
	mov	edx, BH_LEFT_BY_EXCEPTION
	POP_CALLEE_SAVED
	ret
	.cfi_endproc
	.size	bulkhead_stack_call, . - bulkhead_stack_call

	.globl	bulkhead_guarded
	.hidden	bulkhead_guarded
	.type	bulkhead_guarded, @function
	.p2align 6
bulkhead_guarded:
	.cfi_startproc
	UNWINDS_BY .Lguarded_unwound, .Lguarded_caught
	endbr64
	PUSH_CALLEE_SAVED
	mov	r14, rsi
	mov	r12, rdx
	mov	rax, rdi
	mov	rdi, rdx
	call	rax
	xor	r13d, r13d
.Lguarded_undo:
	mov	rdi, r12
	call	r14
	mov	rax, r13
	POP_CALLEE_SAVED
	ret
	.cfi_def_cfa rbp, 16
.Lguarded_unwound:
	mov	r13, rax
	mov	rdi, r12
	call	r14
	mov	rdi, r13
	UNWIND_ON
.Lguarded_caught:
	DROP_EXCEPTION
	mov	r13d, BH_LEFT_BY_EXCEPTION
	jmp	.Lguarded_undo
	.cfi_endproc
	.size	bulkhead_guarded, . - bulkhead_guarded

	.globl	bulkhead_land
	.hidden	bulkhead_land
	.type	bulkhead_land, @function
	.p2align 4
bulkhead_land:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	mov	rax, [rdi + BH_LANDING_RAX]
	mov	rcx, [rdi + BH_LANDING_COUNTER]
	mov	rbx, [rdi + BH_LANDING_RBX]
	mov	rbp, [rdi + BH_LANDING_RBP]
	mov	r12, [rdi + BH_LANDING_R12]
	mov	r13, [rdi + BH_LANDING_R12 + 8]
	mov	r14, [rdi + BH_LANDING_R12 + 16]
	mov	r15, [rdi + BH_LANDING_R12 + 24]
	mov	rsp, [rdi + BH_LANDING_STACK]
	jmp	rcx
	.cfi_endproc
	.size	bulkhead_land, . - bulkhead_land

	.globl	bulkhead_stack_calls_end
	.hidden	bulkhead_stack_calls_end
bulkhead_stack_calls_end:

	.section .note.GNU-stack, "", @progbits
