/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls that change no rights.
 *
 *   uint64_t bulkhead_stack_call(function, stack, const uint64_t args[6])
 *     Runs function(args...) on `stack`. For the backend that has no keys.
 *   void bulkhead_guarded(body, undo, context)
 *     Runs body(context), and then undo(context), also where the thread ends
 *     within the former.
 */

#include "isolation/arch/frame_asm.h"

	.text

	.globl	bulkhead_stack_call
	.hidden	bulkhead_stack_call
	.type	bulkhead_stack_call, @function
	.p2align 6
bulkhead_stack_call:
	.cfi_startproc
	UNWINDS_BY .Lstack_call_unwound
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
	.cfi_endproc
	.size	bulkhead_stack_call, . - bulkhead_stack_call

	.globl	bulkhead_guarded
	.hidden	bulkhead_guarded
	.type	bulkhead_guarded, @function
	.p2align 6
bulkhead_guarded:
	.cfi_startproc
	UNWINDS_BY .Lguarded_unwound
	endbr64
	PUSH_CALLEE_SAVED
	mov	r14, rsi
	mov	r12, rdx
	mov	rax, rdi
	mov	rdi, rdx
	call	rax
	mov	rdi, r12
	call	r14
	POP_CALLEE_SAVED
	ret
	.cfi_def_cfa rbp, 16
.Lguarded_unwound:
	mov	r13, rax
	mov	rdi, r12
	call	r14
	mov	rdi, r13
	UNWIND_ON
	.cfi_endproc
	.size	bulkhead_guarded, . - bulkhead_guarded

	.section .note.GNU-stack, "", @progbits
