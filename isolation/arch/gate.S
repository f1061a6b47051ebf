/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The gate from a domain to one that has a key more.
 *
 * API
 *   bh_result bh_call(compartment, gate, a0, a1, a2, a3, a4, a5)
 *     The contract is bulkhead.h's. With keys: runs the entry with the
 *     compartment's key open, on the thread's stack in the compartment. Where
 *     that cannot be done as things are, and without keys,
 *     bulkhead_answer_gate() of isolation/gate answers with the same arguments.
 *   void bulkhead_drop_rights(void)
 *     Closes every owned key in this thread.
 *
 * Invariants, each with a test that jumps or writes against it:
 *   G1  After every WRPKRU, eax is compared with a value computed from the
 *       record and the tables alone, whatever the registers held before: a jump
 *       to any WRPKRU lands in that comparison.
 *   G2  Between the two WRPKRU of a call nothing is loaded from memory that the
 *       caller can write: arguments are in registers, the caller's stack
 *       pointer is saved on the compartment's stack.
 *   G3  Only PKRU bits of owned keys are changed or compared.
 *   G4  No register but rax brings anything out of a compartment: what may have
 *       held its data is cleared or holds what the gate put there, wide vectors
 *       too. Callee-saved registers hold the caller's values, as compiled entries
 *       leave them: a vault is trusted with its caller's domain.
 *   G5  What unwinds a thread (pthread_exit, cancellation, longjmp) leaves by the
 *       gate, too: bulkhead_personality (unwind.cc) sends it there. An exception
 *       ends inside; the caller gets a status.
 */

#include "isolation/arch/frame_asm.h"
#include "isolation/arch/pkru_asm.h"

	.text

	.globl	bulkhead_gates_begin
	.hidden	bulkhead_gates_begin
bulkhead_gates_begin:

/* r11 := the place of a record to which the GS base leads, or jumps to
 * bulkhead_gate_violated if there is no record. It is this thread's unless
 * somebody changed the base, which READ_FS_BASE tells if he did not change both. */
.macro FORCE_RECORD
	mov	r11, gs:[BH_RECORD_SELF]
	and	r11, [rip + bulkhead_records_mask]
	or	r11, [rip + bulkhead_records_begin]
	cmp	[r11 + BH_RECORD_SELF], r11
	jne	bulkhead_gate_violated
.endm

/* The rights of the record's domain, whatever is open: to be written when a
 * gate is left. PKRU := (PKRU & ~owned) | record.pkru, then compared. After:
 * r11 = the record; ecx, edx = 0. Clobbers rax. */
.macro CLOSE_GATE
	READ_PKRU
	and	eax, [rip + bulkhead_others_pkru]
	or	eax, gs:[BH_RECORD_PKRU]
	WRITE_PKRU_AS_IT_IS
	FORCE_RECORD
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [r11 + BH_RECORD_PKRU]
	jne	bulkhead_gate_violated
.endm

/* From here on the stack is the compartment's: the caller's frame lies where its
 * stack pointer was saved, of which unwinders know by
 *   DW_CFA_def_cfa_expression: breg7 (rsp) + 56, deref, plus_uconst 8. */
.macro CFA_BY_SAVED_STACK
	.cfi_escape 0x0f, 5, 0x77, BH_FRAME_BYTES - BH_FRAME_CALLER_SP, 0x06, 0x23, 8
.endm

/* Leaves the compartment. Before: on its stack, where the entry started. After:
 * on the caller's, r10 = what was in rax, r8 = rsp; ecx, edx = 0; what else may
 * have held the compartment's data is cleared. Clobbers rax, r11. */
.macro LEAVE
	mov	r8, [rsp + BH_FRAME_BYTES - BH_FRAME_CALLER_SP]
	mov	r10, rax
	mov	qword ptr [rsp + BH_FRAME_BYTES - BH_FRAME_INSIDE], 0
	CLOSE_GATE
	mov	rsp, r8
	.cfi_def_cfa rsp, 8
	CLEAR_VECTORS
	xor	esi, esi
	xor	edi, edi
	xor	r9d, r9d
.endm

	.globl	bh_call
	.type	bh_call, @function
	.p2align 6
bh_call:
	.cfi_startproc
	UNWINDS_BY .Lgate_unwound, .Lgate_caught
	endbr64
	/* r11 := the row; the root's is nobody's to call. */
	imul	r11d, edi, 1 << BH_ROW_SHIFT
	and	r11d, (BH_MAX_COMPARTMENTS - 1) << BH_ROW_SHIFT
	jz	.Lgate_shut
	mov	rax, fs:0
	cmp	rax, gs:[BH_RECORD_GATE_FS]
	jne	.Lgate_shut
	add	r11, [rip + bulkhead_rows]
	add	rsi, [r11 + BH_ROW_GATE_DELTA]
	/* Out of the way of WRPKRU, which takes ecx and edx. */
	mov	r10, rdx
	movq	xmm2, rcx
	movups	xmm0, [rsp + 8]
	READ_PKRU
	cmp	eax, gs:[BH_RECORD_WHOLE_PKRU]
	jne	.Lgate_other_domain
	test	eax, [r11 + BH_ROW_KEY_BITS]
	jz	.Lgate_key_open
.Lgate_open:
	and	eax, [r11 + BH_ROW_OPEN_MASK]
	WRITE_PKRU_AS_IT_IS
	/* From here on eax alone is known; the rest may be an attacker's. */
	FORCE_RECORD
	READ_FS_BASE rcx
	cmp	rcx, [r11 + BH_RECORD_FS_BASE]
	jne	bulkhead_gate_violated
	mov	rcx, rsi
	sub	rcx, [rip + bulkhead_entry_rows]
	test	rcx, ~((BH_MAX_ENTRIES - 1) << BH_ENTRY_SHIFT)
	jnz	bulkhead_gate_turns_back
	mov	ecx, [rsi + BH_ENTRY_STACK_OFFSET]
	mov	rdx, [r11 + rcx]
	mov	r11d, [r11 + BH_RECORD_GATE_PKRU]
	and	r11d, [rsi + BH_ENTRY_OPEN_MASK]
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, r11d
	jne	bulkhead_gate_turns_back	/* another compartment's entry, too */
	test	rdx, rdx
	jz	.Lgate_no_stack
	/* Said before the handle is read: whoever closes the compartment takes the
	 * handle away first, fences this thread by membarrier, then reads this
	 * word. */
	mov	qword ptr [rdx - BH_FRAME_INSIDE], 1
	cmp	rdi, [rsi + BH_ENTRY_HANDLE]
	jne	.Lgate_not_live
	mov	rax, [rsi + BH_ENTRY_FUNCTION]
	mov	[rdx - BH_FRAME_CALLER_SP], rsp
	lea	rsp, [rdx - BH_FRAME_BYTES]
	.cfi_remember_state
	CFA_BY_SAVED_STACK
	mov	rdi, r10
	movq	rsi, xmm2
	mov	rdx, r8
	mov	rcx, r9
	movq	r8, xmm0
	pextrq	r9, xmm0, 1
	cld
	call	rax
	LEAVE
	mov	rax, r10
	ret

	CFA_BY_SAVED_STACK
.Lgate_unwound:
	LEAVE
	sub	rsp, 8
	.cfi_adjust_cfa_offset 8
	mov	rdi, r10
	UNWIND_ON
	.cfi_adjust_cfa_offset -8

	CFA_BY_SAVED_STACK
.Lgate_caught:
	DROP_EXCEPTION
	LEAVE
	xor	eax, eax
	mov	edx, BH_LEFT_BY_EXCEPTION
	ret
	.cfi_restore_state

	/* The key is open already: PKRU will not tell who runs. */
.Lgate_key_open:
	mov	eax, BH_GATE_ALREADY_OPEN
	jmp	.Lgate_as_it_was
.Lgate_other_domain:
	mov	eax, BH_GATE_OTHER_DOMAIN
.Lgate_as_it_was:
	sub	rsi, [r11 + BH_ROW_GATE_DELTA]
	mov	rdx, r10
	movq	rcx, xmm2
	jmp	.Lgate_answer

	/* Rights are given back before anything else. */
.Lgate_not_live:
	mov	qword ptr [rdx - BH_FRAME_INSIDE], 0
	mov	eax, BH_GATE_NOT_LIVE
	jmp	1f
.Lgate_no_stack:
	mov	eax, BH_GATE_NO_STACK
	jmp	1f
	.globl	bulkhead_gate_turns_back
	.hidden	bulkhead_gate_turns_back
bulkhead_gate_turns_back:
	mov	eax, BH_GATE_NO_ENTRY
1:	movd	xmm1, eax
	CLOSE_GATE
	movd	eax, xmm1
	imul	r11d, edi, 1 << BH_ROW_SHIFT
	and	r11d, (BH_MAX_COMPARTMENTS - 1) << BH_ROW_SHIFT
	add	r11, [rip + bulkhead_rows]
	jmp	.Lgate_as_it_was

.Lgate_shut:
	mov	eax, BH_GATE_SHUT
	/* bulkhead_answer_gate(compartment, gate, the arguments, why). */
.Lgate_answer:
	.irp	from, [rsp + 16], [rsp + 16], r9, r8, rcx, rdx
	push	\from
	.cfi_adjust_cfa_offset 8
	.endr
	mov	rdx, rsp
	mov	ecx, eax
	sub	rsp, 8
	.cfi_adjust_cfa_offset 8
	call	bulkhead_answer_gate
	add	rsp, 56
	.cfi_adjust_cfa_offset -56
	ret
	.cfi_endproc
	.size	bh_call, . - bh_call

	.globl	bulkhead_drop_rights
	.hidden	bulkhead_drop_rights
	.type	bulkhead_drop_rights, @function
	.p2align 6
bulkhead_drop_rights:
	.cfi_startproc
	endbr64
	READ_PKRU
	mov	ecx, [rip + bulkhead_owned_pkru]
	not	ecx
	and	eax, ecx
	or	eax, [rip + bulkhead_root_pkru]
	WRITE_PKRU
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_root_pkru]
	jne	bulkhead_gate_violated
	ret
	.cfi_endproc
	.size	bulkhead_drop_rights, . - bulkhead_drop_rights

/* A comparison failed: someone jumped into a gate, or a table is damaged. No
 * stack can be trusted here, so there is no message; and no right is left to a
 * handler of the signal that ends the process. */
	.globl	bulkhead_gate_violated
	.hidden	bulkhead_gate_violated
	.type	bulkhead_gate_violated, @function
bulkhead_gate_violated:
	READ_PKRU
	mov	ecx, [rip + bulkhead_owned_pkru]
	not	ecx
	and	eax, ecx
	or	eax, [rip + bulkhead_root_pkru]
	WRITE_PKRU
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_root_pkru]
	jne	bulkhead_gate_violated
	ud2
	.size	bulkhead_gate_violated, . - bulkhead_gate_violated

	.globl	bulkhead_gates_end
	.hidden	bulkhead_gates_end
bulkhead_gates_end:

/* Where the tables are: what an instruction with an index cannot say. */
	.section .data.rel.ro, "aw", @progbits
	.balign 8
bulkhead_rows:
	.quad	bulkhead_compartments
bulkhead_entry_rows:
	.quad	bulkhead_entries

	.section .note.GNU-stack, "", @progbits
