/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * void LandWithRights()
 *   Where attackers would go on: Landed() if the rights are the root's, else the
 *   end of the process with status 2. Without a stack, to which one with the
 *   monitor's rights could not write.
 */
	.intel_syntax noprefix
	.text

	.globl	LandWithRights
	.type	LandWithRights, @function
LandWithRights:
	xor	ecx, ecx
	rdpkru
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_root_pkru]
	je	Landed
	mov	edi, 2
	mov	eax, 231	/* exit_group */
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
