/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 *   void* dlopen(const char* name, int flags)
 *     libc's dlopen looks at its return address for the library that calls it,
 *     whose search path it takes. So this asks bulkhead_find_dlopen(return
 *     address) for it and jumps.
 */

	.intel_syntax noprefix
	.text

	.weak	dlopen
	.type	dlopen, @function
	.p2align 4
dlopen:
	.cfi_startproc
	endbr64
	push	rdi
	.cfi_adjust_cfa_offset 8
	push	rsi
	.cfi_adjust_cfa_offset 8
	sub	rsp, 8
	.cfi_adjust_cfa_offset 8
	mov	rdi, [rsp + 24]
	call	bulkhead_find_dlopen
	add	rsp, 8
	.cfi_adjust_cfa_offset -8
	pop	rsi
	.cfi_adjust_cfa_offset -8
	pop	rdi
	.cfi_adjust_cfa_offset -8
	jmp	rax
	.cfi_endproc
	.size	dlopen, . - dlopen

	.section .note.GNU-stack, "", @progbits
