/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What malloc() and free() do nearly always: a look at the thread's record, a
 * block from or to its cache. No lock, no change of rights, no call. Everything
 * else is the long way (heap.h), reached by a jump with all arguments in place.
 *
 * API, with the contracts of the functions of these names:
 *   malloc(size), free(pointer), free_sized(pointer, size)
 *   operator new(size), new[], delete(pointer), delete[], and those with a size
 *     For a process in which the record tells the domain: no compartment but
 *     the root has ever been, or there are no keys. The record of any other
 *     closes this way (root_fs), and the calls go on in bulkhead_heap_entries.
 *   bulkhead_malloc_in_domain and its kin
 *     The same, asking PKRU whose domain this is.
 *
 * A hit, malloc():
 *   the size is in the table; the record is this thread's, with a cache, and
 *   the domain is the record's; the cache need not be looked after yet; the bin
 *   has a block: it leaves, and is live.
 * A hit, free():
 *   the address is a multiple of 16 in the reservation; record and domain as
 *   above; the page map names the current compartment and a class; the bin has
 *   room; the block is live: it is not any more, and enters.
 *
 * The ways for a process without compartments write nothing up to their labels
 * .Lfirst_*: a thread that a signal found before them can begin again
 * (bulkhead_root_ways).
 *
 * tests/fast_path counts the instructions.
 */

#include "allocator/heap/fast_path_layout.h"
#include "isolation/arch/pkru_asm.h"

	.text

/* Goes on if the record is this thread's, allows this short way, and its domain
 * is the thread's. Clobbers rdx, and with `keys` rax and rcx. */
.macro CHECK_HOME keys, long_way
	mov	rdx, fs:0
	.if	\keys
	cmp	rdx, gs:[BH_RECORD_DOMAIN_FS]
	jne	\long_way
	READ_PKRU
	cmp	eax, gs:[BH_RECORD_WHOLE_PKRU]
	.else
	cmp	rdx, gs:[BH_RECORD_ROOT_FS]
	.endif
	jne	\long_way
.endm

/* An instruction on a register and the current compartment's cache. */
.macro WITH_CACHE instruction, keys, register
	.if	\keys
	\instruction	\register, gs:[BH_RECORD_CACHE]
	.else
	\instruction	\register, gs:[BH_RECORD_ROOT_CACHE]
	.endif
.endm

.macro ALLOCATE keys, long_way, first
	cmp	rdi, [rip + bulkhead_heap_maps + BH_MAPS_TABLED]
	jae	\long_way
	CHECK_HOME \keys, \long_way
	lea	rdx, [rip + bulkhead_bin_offsets]
	movzx	edx, word ptr [rdx + rdi * 2]
	WITH_CACHE mov, \keys, rcx
	.ifnb	\first
\first:
	.endif
	sub	dword ptr [rcx + BH_CACHE_CREDIT], 1
	jb	\long_way
	add	rdx, rcx
	sub	dword ptr [rdx + BH_BIN_COUNT], 1
	jb	1f
	mov	eax, [rdx + BH_BIN_COUNT]
	mov	rax, [rdx + rax * 8 + BH_BIN_SLOTS]
	mov	rdx, rax
	shr	rdx, BH_GRANULE_SHIFT
	mov	rcx, [rip + bulkhead_heap_maps + BH_MAPS_LIVE_BIAS]
	mov	byte ptr [rcx + rdx], 1
	ret
1:	mov	dword ptr [rdx + BH_BIN_COUNT], 0
	jmp	\long_way
.endm

/* r8 := the granule of rdi. What is not aligned becomes far too much; before
 * the start everything is. */
.macro FIND_GRANULE long_way
	mov	r8, rdi
	sub	r8, [rip + bulkhead_heap_maps + BH_MAPS_BEGIN]
	ror	r8, BH_GRANULE_SHIFT
	cmp	r8, [rip + bulkhead_heap_maps + BH_MAPS_GRANULES]
	jae	\long_way
.endm

/* rcx := the bin for the block of granule r8, if the block is the current
 * compartment's: bins lie at multiples of their size, from which the record has
 * taken the compartment's tag. Clobbers rdx. */
.macro FIND_BIN_OF_BLOCK keys, long_way
	mov	rcx, r8
	shr	rcx, BH_PAGE_SHIFT - BH_GRANULE_SHIFT
	mov	rdx, [rip + bulkhead_heap_maps + BH_MAPS_PAGES]
	mov	ecx, [rdx + rcx * 4]
	.if	\keys
	add	rcx, gs:[BH_RECORD_BINS]
	.else
	add	rcx, gs:[BH_RECORD_ROOT_BINS]
	.endif
	test	ecx, BH_TAG_MASK
	jne	\long_way
.endm

/* The block rdi of granule r8 into the bin rcx. */
.macro PUSH_BLOCK long_way, first
	mov	edx, [rcx + BH_BIN_COUNT]
	cmp	edx, [rcx + BH_BIN_ROOM]
	je	\long_way
	add	r8, [rip + bulkhead_heap_maps + BH_MAPS_LIVE]
	.ifnb	\first
\first:
	.endif
	dec	byte ptr [r8]
	jne	1f
	mov	[rcx + rdx * 8 + BH_BIN_SLOTS], rdi
	inc	dword ptr [rcx + BH_BIN_COUNT]
	ret
1:	inc	byte ptr [r8]
	jmp	\long_way
.endm

.macro RELEASE keys, long_way, first
	FIND_GRANULE \long_way
	CHECK_HOME \keys, \long_way
	FIND_BIN_OF_BLOCK \keys, \long_way
	PUSH_BLOCK \long_way, \first
.endm

.macro RELEASE_SIZED keys, long_way, first
	FIND_GRANULE \long_way
	CHECK_HOME \keys, \long_way
	FIND_BIN_OF_BLOCK \keys, \long_way
	cmp	rsi, BH_MOST_TABLED
	ja	\long_way
	lea	rdx, [rip + bulkhead_bin_offsets]
	movzx	edx, word ptr [rdx + rsi * 2]
	WITH_CACHE add, \keys, rdx
	cmp	rcx, rdx
	jne	\long_way
	PUSH_BLOCK \long_way, \first
.endm

.macro FUNCTION name
	.globl	\name
	.type	\name, @function
	.p2align 6
\name:
.Lstart_\name:
	.cfi_startproc
.endm

.macro END_FUNCTION name
	.cfi_endproc
	.size	\name, . - \name
.endm

.macro ALSO name, target
	.globl	\name
	.type	\name, @function
	.set	\name, \target
.endm

FUNCTION malloc
	ALLOCATE 0, .Llong_malloc, .Lfirst_malloc
.Llong_malloc:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_ALLOCATE]
END_FUNCTION malloc
ALSO __libc_malloc, malloc

FUNCTION _Znwm
	ALLOCATE 0, .Llong_new, .Lfirst_new
.Llong_new:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_NEW]
END_FUNCTION _Znwm
ALSO _Znam, _Znwm

FUNCTION free
	RELEASE 0, .Llong_free, .Lfirst_free
.Llong_free:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_FREE]
END_FUNCTION free
ALSO __libc_free, free
ALSO cfree, free
ALSO __libc_cfree, free
ALSO _ZdlPv, free
ALSO _ZdaPv, free

FUNCTION free_sized
	RELEASE_SIZED 0, .Llong_free_sized, .Lfirst_free_sized
.Llong_free_sized:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_FREE_SIZED]
END_FUNCTION free_sized
ALSO _ZdlPvm, free_sized
ALSO _ZdaPvm, free_sized

	.hidden	bulkhead_malloc_in_domain
FUNCTION bulkhead_malloc_in_domain
	ALLOCATE 1, bulkhead_allocate_long
END_FUNCTION bulkhead_malloc_in_domain

	.hidden	bulkhead_new_in_domain
FUNCTION bulkhead_new_in_domain
	ALLOCATE 1, bulkhead_new
END_FUNCTION bulkhead_new_in_domain

	.hidden	bulkhead_free_in_domain
FUNCTION bulkhead_free_in_domain
	RELEASE 1, bulkhead_free_long
END_FUNCTION bulkhead_free_in_domain

	.hidden	bulkhead_free_sized_in_domain
FUNCTION bulkhead_free_sized_in_domain
	RELEASE_SIZED 1, bulkhead_free_sized_long
END_FUNCTION bulkhead_free_sized_in_domain

	.section .data.rel.ro, "aw", @progbits
	.balign	8
	.globl	bulkhead_root_ways
	.hidden	bulkhead_root_ways
	.type	bulkhead_root_ways, @object
bulkhead_root_ways:
	.quad	.Lstart_malloc, .Lfirst_malloc
	.quad	.Lstart__Znwm, .Lfirst_new
	.quad	.Lstart_free, .Lfirst_free
	.quad	.Lstart_free_sized, .Lfirst_free_sized
	.size	bulkhead_root_ways, . - bulkhead_root_ways

	.section .note.GNU-stack, "", @progbits
