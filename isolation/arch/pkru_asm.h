/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Assembly that gates, monitor and signal entry share.
 */
#ifndef BULKHEAD_ISOLATION_ARCH_PKRU_ASM_H_
#define BULKHEAD_ISOLATION_ARCH_PKRU_ASM_H_

#include "isolation/arch/layout.h"

.intel_syntax noprefix

/* eax := PKRU; ecx, edx := 0. */
.macro READ_PKRU
#ifdef BULKHEAD_MODELLED
	mov	eax, gs:[BH_RECORD_MODELLED_PKRU]
	xor	edx, edx
#else
	xor	ecx, ecx
	rdpkru
#endif
.endm

#ifdef BULKHEAD_MODELLED
/* 28 dependent cycles between fences: the published cost. */
.macro MODELLED_WRITE
	lfence
	mov	edx, eax
	.rept 28
	add	edx, 1
	.endr
	lfence
	mov	gs:[BH_RECORD_MODELLED_PKRU], eax
.endm
#endif

/* Writes eax to PKRU; clobbers ecx, edx. */
.macro WRITE_PKRU
#ifdef BULKHEAD_MODELLED
	MODELLED_WRITE
#else
	xor	ecx, ecx
	xor	edx, edx
	wrpkru
#endif
.endm

/* The same where ecx and edx are 0, and stay so. */
.macro WRITE_PKRU_AS_IT_IS
#ifdef BULKHEAD_MODELLED
	MODELLED_WRITE
	xor	edx, edx
#else
	wrpkru
#endif
.endm

/* \to := the FS base. */
.macro READ_FS_BASE to
#ifdef BULKHEAD_MODELLED
	/* For valgrind, which counts instructions and does not know the other. Not
	 * from TLS: a thread's first way into a sandbox leads to fill it. */
	mov	\to, gs:[BH_RECORD_FS_BASE]
#else
	rdfsbase \to
#endif
.endm

/* The FS base := rax. Clobbers rcx, r11. */
.macro WRITE_FS_BASE
#ifdef BULKHEAD_MODELLED
	/* As above. */
	mov	rsi, rax
	mov	edi, BH_ARCH_SET_FS
	mov	eax, BH_SYS_ARCH_PRCTL
	syscall
	mov	rax, rsi
#else
	wrfsbase rax
#endif
.endm

/* rbx := what the GS base leads to, if it lies where records begin and names
 * itself; jumps to `bad` otherwise. Clobbers rcx. */
.macro FIND_ANY_RECORD bad
	mov	rbx, gs:[BH_RECORD_SELF]
	mov	rcx, rbx
	sub	rcx, [rip + bulkhead_records_begin]
	cmp	rcx, [rip + bulkhead_records_bytes]
	jae	\bad
	test	ecx, BH_RECORD_BYTES - 1
	jnz	\bad
	cmp	[rbx + BH_RECORD_SELF], rbx
	jne	\bad
.endm

/* rbx := this thread's record, or jumps to `bad`: it names this FS base, too.
 * Clobbers rcx. */
.macro FIND_RECORD bad
	FIND_ANY_RECORD \bad
	READ_FS_BASE rcx
	cmp	rcx, [rbx + BH_RECORD_FS_BASE]
	jne	\bad
.endm

/* The same at any instruction of the monitor, where the FS base may be the one
 * that comes next. */
.macro FIND_RECORD_ANYWHERE bad
	FIND_ANY_RECORD \bad
	READ_FS_BASE rcx
	cmp	rcx, [rbx + BH_RECORD_FS_BASE]
	cmove	rcx, [rbx + BH_RECORD_FS_NEXT]
	cmp	rcx, [rbx + BH_RECORD_FS_NEXT]
	jne	\bad
.endm

/* r13 := the row of the compartment in \id, a 32-bit register whose upper half
 * is clear in \id64, or jumps to `no_row`. Clobbers rcx. */
.macro FIND_ROW id, id64, no_row
	cmp	\id, BH_MAX_COMPARTMENTS
	jae	\no_row
	mov	rcx, \id64
	shl	rcx, BH_ROW_SHIFT
	lea	r13, [rip + bulkhead_compartments]
	add	r13, rcx
.endm

#endif /* BULKHEAD_ISOLATION_ARCH_PKRU_ASM_H_ */
