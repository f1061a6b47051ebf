/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What C++ cannot say: a jump with every register chosen, and a look at every
 * register after a call.
 *
 *   void JumpWithRegisters(const uint64_t registers[16], const void *target)
 *     Loads rax, rbx, rcx, rdx, rsi, rdi, rbp, r8..r15 from the array in this
 *     order (element 15 is rsp) and jumps.
 *   void CallAndCapture(const void *function, const uint64_t arguments[8],
 *                       uint64_t after[8 + 32])
 *     Calls function(arguments...) and stores rcx, rsi, rdi, r8..r11, rdx and
 *     xmm0..xmm15 as the call left them.
 *   uint64_t FillRegisters(...)
 *     Fills every register that a function may, with 0x5a5a5a5a5a5a5a5a, but for
 *     its result, which is 1.
 *   uint64_t StoreRegisters(uint64_t seen[6 + 32])
 *     Stores rbx, rbp, r12..r15 and xmm0..xmm15 as it was called with. Always 1.
 *   uint64_t SpoilRegisters(...)
 *     Leaves 0x5a5a5a5a5a5a5a5a in those that a function must not change, the
 *     direction flag set, an x87 stack in use, and other control words of x87
 *     and SSE. Always 1.
 *   uint64_t CallKeeping(const void *function, const uint64_t arguments[8],
 *                        uint64_t after[8])
 *     Calls function(arguments...) with known values in rbx, rbp, r12..r15; stores
 *     these as they are afterwards, MXCSR, and the x87 control word with the
 *     direction flag in bit 32 and the x87 tag word above. Returns the result.
 */
	.intel_syntax noprefix
/* The eight arguments at rsi, two of them on the stack. Clobbers rax. */
.macro LOAD_ARGUMENTS
	mov	rax, rsi
	mov	rdi, [rax]
	mov	rsi, [rax + 8]
	mov	rdx, [rax + 16]
	mov	rcx, [rax + 24]
	mov	r8, [rax + 32]
	mov	r9, [rax + 40]
	push	[rax + 56]
	push	[rax + 48]
.endm

	.text

	.globl	JumpWithRegisters
	.type	JumpWithRegisters, @function
JumpWithRegisters:
	mov	rsp, [rdi + 15 * 8]
	push	rsi
	mov	rax, [rdi]
	mov	rbx, [rdi + 1 * 8]
	mov	rcx, [rdi + 2 * 8]
	mov	rdx, [rdi + 3 * 8]
	mov	rsi, [rdi + 4 * 8]
	mov	rbp, [rdi + 6 * 8]
	mov	r8, [rdi + 7 * 8]
	mov	r9, [rdi + 8 * 8]
	mov	r10, [rdi + 9 * 8]
	mov	r11, [rdi + 10 * 8]
	mov	r12, [rdi + 11 * 8]
	mov	r13, [rdi + 12 * 8]
	mov	r14, [rdi + 13 * 8]
	mov	r15, [rdi + 14 * 8]
	mov	rdi, [rdi + 5 * 8]
	ret

	.globl	CallAndCapture
	.type	CallAndCapture, @function
CallAndCapture:
	push	rbp
	push	rbx
	push	r12
	mov	rbx, rdx
	mov	r12, rdi
	LOAD_ARGUMENTS
	call	r12
	add	rsp, 16
	mov	[rbx], rcx
	mov	[rbx + 1 * 8], rsi
	mov	[rbx + 2 * 8], rdi
	mov	[rbx + 3 * 8], r8
	mov	[rbx + 4 * 8], r9
	mov	[rbx + 5 * 8], r10
	mov	[rbx + 6 * 8], r11
	mov	[rbx + 7 * 8], rdx
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movups	[rbx + 8 * 8 + \n * 16], xmm\n
	.endr
	pop	r12
	pop	rbx
	pop	rbp
	ret

	.globl	FillRegisters
	.type	FillRegisters, @function
FillRegisters:
	movabs	rax, 0x5a5a5a5a5a5a5a5a
	movq	xmm0, rax
	punpcklqdq xmm0, xmm0
	.irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movaps	xmm\n, xmm0
	.endr
	.irp r, rcx,rdx,rsi,rdi,r8,r9,r10,r11
	mov	\r, rax
	.endr
	mov	eax, 1
	ret

	.globl	StoreRegisters
	.type	StoreRegisters, @function
StoreRegisters:
	mov	[rdi], rbx
	mov	[rdi + 1 * 8], rbp
	mov	[rdi + 2 * 8], r12
	mov	[rdi + 3 * 8], r13
	mov	[rdi + 4 * 8], r14
	mov	[rdi + 5 * 8], r15
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movups	[rdi + 6 * 8 + \n * 16], xmm\n
	.endr
	mov	eax, 1
	ret

	.globl	SpoilRegisters
	.type	SpoilRegisters, @function
SpoilRegisters:
	movabs	rax, 0x5a5a5a5a5a5a5a5a
	.irp r, rbx,rbp,r12,r13,r14,r15
	mov	\r, rax
	.endr
	fld1
	push	0x0c7f
	fldcw	[rsp]
	mov	dword ptr [rsp], 0x7f80
	ldmxcsr	[rsp]
	pop	rax
	std
	mov	eax, 1
	ret

	.globl	CallKeeping
	.type	CallKeeping, @function
CallKeeping:
	.irp r, rbp,rbx,r12,r13,r14,r15
	push	\r
	.endr
	push	rdx
	mov	r10, rdi
	LOAD_ARGUMENTS
	mov	ebx, 101
	mov	ebp, 102
	mov	r12d, 103
	mov	r13d, 104
	mov	r14d, 105
	mov	r15d, 106
	call	r10
	add	rsp, 16
	pop	rdx
	mov	[rdx], rbx
	mov	[rdx + 1 * 8], rbp
	mov	[rdx + 2 * 8], r12
	mov	[rdx + 3 * 8], r13
	mov	[rdx + 4 * 8], r14
	mov	[rdx + 5 * 8], r15
	mov	qword ptr [rdx + 6 * 8], 0
	stmxcsr	[rdx + 6 * 8]
	pushf
	pop	rcx
	cld
	shr	rcx, 10
	and	ecx, 1
	sub	rsp, 32
	fnstenv	[rsp]
	movzx	edi, word ptr [rsp + 8]
	fldenv	[rsp]
	add	rsp, 32
	shl	rdi, 33
	shl	rcx, 32
	or	rcx, rdi
	sub	rsp, 8
	fnstcw	[rsp]
	movzx	edi, word ptr [rsp]
	add	rsp, 8
	or	rcx, rdi
	mov	[rdx + 7 * 8], rcx
	.irp r, r15,r14,r13,r12,rbx,rbp
	pop	\r
	.endr
	ret

	.section .note.GNU-stack, "", @progbits
