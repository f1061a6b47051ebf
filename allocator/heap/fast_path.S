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
 *   bulkhead_malloc_without_keys and its kin: the same for machines without
 *   protection keys, where the record alone tells the domain; the functions
 *   above go there by way of heap_entries.
 *
 * A hit, malloc():
 *   the size is in the table; the record is this thread's, with a cache, and
 *   PKRU its domain's; the cache need not be looked after yet; the bin has a
 *   block: it leaves, and is live.
 * A hit, free():
 *   the address is a multiple of 16 in the reservation; record and PKRU as
 *   above; the page map names the current compartment and a class; the bin has
 *   room; the block is live: it is not any more, and enters.
 *
 * tests/fast_path counts the instructions.
 */

#include "allocator/heap/fast_path_layout.h"
#include "isolation/arch/pkru_asm.h"

	.text

/* Goes on if the record allows the short way, is this thread's, and PKRU is its
 * domain's. Clobbers rax, rcx, rdx. */
.macro CHECK_HOME keys, long_way
	mov	rdx, fs:0
	cmp	rdx, gs:[BH_RECORD_SHORT_FS]
	jne	\long_way
	.if	\keys
	READ_PKRU
	cmp	eax, gs:[BH_RECORD_WHOLE_PKRU]
	jne	\long_way
	.endif
.endm

/* rdx := the offset of the bin for rdi bytes. Clobbers rax. */
.macro FIND_BIN_OF_SIZE
	lea	rax, [rdi + 15]
	shr	rax, 4
	lea	rdx, [rip + bulkhead_bin_offsets]
	movzx	edx, word ptr [rdx + rax * 2]
.endm

.macro ALLOCATE keys, limit, long_way
	cmp	rdi, \limit
	jae	\long_way
	CHECK_HOME \keys, \long_way
	FIND_BIN_OF_SIZE
	mov	rcx, gs:[BH_RECORD_CACHE]
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

/* r8 := the granule of rdi. What is not aligned becomes far too much. */
.macro FIND_GRANULE limit, long_way
	mov	r8, rdi
	sub	r8, [rip + bulkhead_heap_maps + BH_MAPS_BEGIN]
	ror	r8, BH_GRANULE_SHIFT
	cmp	r8, [rip + bulkhead_heap_maps + \limit]
	jae	\long_way
.endm

/* rcx := the offset of the bin for the block of granule r8, if the block is the
 * current compartment's. Clobbers rdx. */
.macro FIND_BIN_OF_BLOCK long_way
	mov	rcx, r8
	shr	rcx, BH_PAGE_SHIFT - BH_GRANULE_SHIFT
	mov	rdx, [rip + bulkhead_heap_maps + BH_MAPS_PAGES]
	movzx	ecx, word ptr [rdx + rcx * 2]
	xor	ecx, gs:[BH_RECORD_HEAP_TAG]
	test	ecx, BH_TAG_MASK
	jne	\long_way
.endm

/* The block rdi of granule r8 into the bin at offset rcx. */
.macro PUSH_BLOCK long_way
	add	rcx, gs:[BH_RECORD_CACHE]
	mov	edx, [rcx + BH_BIN_COUNT]
	cmp	edx, [rcx + BH_BIN_ROOM]
	je	\long_way
	add	r8, [rip + bulkhead_heap_maps + BH_MAPS_LIVE]
	dec	byte ptr [r8]
	jne	1f
	mov	[rcx + rdx * 8 + BH_BIN_SLOTS], rdi
	inc	dword ptr [rcx + BH_BIN_COUNT]
	ret
1:	inc	byte ptr [r8]
	jmp	\long_way
.endm

.macro RELEASE keys, limit, long_way
	FIND_GRANULE \limit, \long_way
	CHECK_HOME \keys, \long_way
	FIND_BIN_OF_BLOCK \long_way
	PUSH_BLOCK \long_way
.endm

.macro RELEASE_SIZED keys, limit, long_way
	FIND_GRANULE \limit, \long_way
	CHECK_HOME \keys, \long_way
	FIND_BIN_OF_BLOCK \long_way
	cmp	rsi, BH_MOST_TABLED
	ja	\long_way
	lea	rax, [rsi + 15]
	shr	rax, 4
	lea	rdx, [rip + bulkhead_bin_offsets]
	cmp	cx, [rdx + rax * 2]
	jne	\long_way
	PUSH_BLOCK \long_way
.endm

.macro FUNCTION name
	.globl	\name
	.type	\name, @function
	.p2align 6
\name:
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
	ALLOCATE 1, [rip + bulkhead_heap_maps + BH_MAPS_TABLED], .Llong_malloc
.Llong_malloc:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_ALLOCATE]
END_FUNCTION malloc
ALSO __libc_malloc, malloc

FUNCTION _Znwm
	ALLOCATE 1, [rip + bulkhead_heap_maps + BH_MAPS_TABLED], bulkhead_new
END_FUNCTION _Znwm
ALSO _Znam, _Znwm

FUNCTION free
	RELEASE 1, BH_MAPS_SHORT_GRANULES, .Llong_free
.Llong_free:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_FREE]
END_FUNCTION free
ALSO __libc_free, free
ALSO cfree, free
ALSO __libc_cfree, free
ALSO _ZdlPv, free
ALSO _ZdaPv, free

FUNCTION free_sized
	RELEASE_SIZED 1, BH_MAPS_SHORT_GRANULES, .Llong_free_sized
.Llong_free_sized:
	jmp	[rip + bulkhead_heap_entries + BH_ENTRIES_FREE_SIZED]
END_FUNCTION free_sized
ALSO _ZdlPvm, free_sized
ALSO _ZdaPvm, free_sized

	.hidden	bulkhead_malloc_without_keys
FUNCTION bulkhead_malloc_without_keys
	ALLOCATE 0, BH_MOST_TABLED + 1, bulkhead_allocate_long
END_FUNCTION bulkhead_malloc_without_keys

	.hidden	bulkhead_free_without_keys
FUNCTION bulkhead_free_without_keys
	RELEASE 0, BH_MAPS_GRANULES, bulkhead_free_long
END_FUNCTION bulkhead_free_without_keys

	.hidden	bulkhead_free_sized_without_keys
FUNCTION bulkhead_free_sized_without_keys
	RELEASE_SIZED 0, BH_MAPS_GRANULES, bulkhead_free_sized_long
END_FUNCTION bulkhead_free_sized_without_keys

	.section .note.GNU-stack, "", @progbits
