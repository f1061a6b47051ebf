/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 */
// clang-format off

/* Frames and registers, for assembly that runs other code in between. */
#ifndef BULKHEAD_ISOLATION_ARCH_FRAME_ASM_H_
#define BULKHEAD_ISOLATION_ARCH_FRAME_ASM_H_

#include "isolation/arch/layout.h"

.intel_syntax noprefix

/* A frame that holds the caller's callee-saved registers. */
.macro PUSH_CALLEE_SAVED
	push	rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	mov	rbp, rsp
	.cfi_def_cfa_register rbp
	push	rbx
	.cfi_rel_offset rbx, -8
	push	r12
	.cfi_rel_offset r12, -16
	push	r13
	.cfi_rel_offset r13, -24
	push	r14
	.cfi_rel_offset r14, -32
	push	r15
	.cfi_rel_offset r15, -40
	sub	rsp, 8
.endm

.macro POP_CALLEE_SAVED
	add	rsp, 8
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	.cfi_def_cfa rsp, 8
.endm

/* Where the unwinder goes with a frame of the function that is being defined, with
 * the stack pointer of the call that was unwound, the callee-saved registers as
 * they were then, and rax = what it goes on with: to `unwound` where the thread is
 * unwound by force, to `caught` with an exception. There is nothing behind
 * `unwound` that is unwound to it again. */
.macro UNWINDS_BY unwound, caught
	.cfi_personality 0x1b, bulkhead_personality
	.cfi_lsda 0x1b, .Lways_\@
	.pushsection .rodata
	.balign 4
.Lways_\@:
	.long	\unwound - .
	.long	\caught - .
	.popsection
.endm

/* Ends the exception that rax holds, in the domain that it came from. */
.macro DROP_EXCEPTION
	mov	rdi, rax
	cld
	call	bulkhead_drop_exception
.endm

/* Goes on unwinding with what rdi holds, from the frame of this function. */
.macro UNWIND_ON
	call	bulkhead_unwind_on
	ud2
.endm

/* Clears the vector state. */
.macro CLEAR_VECTORS
	cmp	dword ptr [rip + bulkhead_vector_state], BH_VECTOR_AVX
	jb	1f
	je	2f
	.irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	vpxorq	zmm\n, zmm\n, zmm\n
	.endr
	.irp n, 0,1,2,3,4,5,6,7
	kxorw	k\n, k\n, k\n
	.endr
2:	vzeroall
	jmp	3f
1:	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	pxor	xmm\n, xmm\n
	.endr
3:
.endm

/* Clears it and all caller-saved registers but rax. */
.macro CLEAR_REGISTERS
	CLEAR_VECTORS
	xor	ecx, ecx
	xor	edx, edx
	xor	esi, esi
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
.endm

#endif /* BULKHEAD_ISOLATION_ARCH_FRAME_ASM_H_ */
