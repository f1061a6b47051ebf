/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the kernel starts every handler that the program installed through
 * libc. It starts them with key 0 alone open.
 *
 *   bulkhead_signal_entry_pku(signal, siginfo, context)
 *     Has the monitor note what was interrupted, leave it for the root's domain,
 *     in whose rights handlers run, and copy the kernel's frame to where the
 *     handler may read it; goes on there to bulkhead_handle_signal(). A signal
 *     that came while the thread was in the monitor is put down in the record
 *     instead, with all signals blocked until the monitor is left: the way out
 *     delivers it (bulkhead_deliver_pending). A fault of the monitor's own goes
 *     to bulkhead_fault_in_monitor(), which ends the process. A thread without a
 *     record, which is the root's, gets the root's rights and nothing else.
 *   bulkhead_signal_entry_plain(signal, siginfo, context)
 *     Without keys: bulkhead_handle_signal() does all of it.
 *   bulkhead_signal_return
 *     Returns from a handler, as libc's restorer does.
 *   bulkhead_leave_handler(context)
 *     Ends a handler of a thread with a record: has the monitor go back to the
 *     interrupted domain, if the handler left it, and return by a frame that
 *     nobody else writes: the kernel's own where the handler was not to change
 *     it, else one made of what `context` says but for rights. REQUIRES: all
 *     signals that can wait are blocked.
 *
 * No stack is touched before the rights to do so are there.
 *
 * Invariant S1: as M1 of monitor.S; and the rights to write to the record are
 * had only while the record is busy, and end with a return from the signal.
 * S2: a frame on the stack that the kernel alone writes is taken once: what was
 * read of it is marked as such.
 */

#include "isolation/arch/monitor_asm.h"

	.text

	.globl	bulkhead_signals_begin
	.hidden	bulkhead_signals_begin
bulkhead_signals_begin:

/* Jumps to \on if the frame of context r8 lies on the stack of record rbx that
 * the kernel alone writes. Clobbers rax. */
.macro IF_ON_KERNEL_STACK on
	mov	rax, r8
	sub	rax, [rbx + BH_RECORD_KERNEL_STACK]
	cmp	rax, BH_KERNEL_STACK_BYTES
	jb	\on
.endm

/* Puts the signal down in record rbx and ends the handler. Before: rdi, rsi, r8
 * = signal, siginfo, context. */
.macro DEFER
	mov	rax, [r8 + BH_CONTEXT_SIGMASK]
	mov	[rbx + BH_RECORD_PENDING_MASK], rax
	mov	qword ptr [r8 + BH_CONTEXT_SIGMASK], -1
	mov	edx, edi
	lea	rdi, [rbx + BH_RECORD_PENDING_INFO]
	mov	ecx, BH_SIGINFO_BYTES / 8
	cld
	rep movsq
	mov	[rbx + BH_RECORD_PENDING_SIGNAL], edx
	mov	rsp, r8
	mov	eax, BH_SYS_RT_SIGRETURN
	syscall
	ud2
.endm

/* Ends the process unless the signal can wait. */
.macro REFUSE_FAULTS
	.irp	fault, BH_SIGSEGV, BH_SIGBUS, BH_SIGILL, BH_SIGFPE
	cmp	edi, \fault
	je	.Lfault
	.endr
.endm

	.globl	bulkhead_signal_entry_pku
	.hidden	bulkhead_signal_entry_pku
	.type	bulkhead_signal_entry_pku, @function
	.p2align 6
bulkhead_signal_entry_pku:
	endbr64
	mov	r8, rdx
	mov	ecx, [rip + bulkhead_monitor_pkru]
	SET_OWNED
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_monitor_pkru]
	jne	bulkhead_gate_violated
	/* A thread without a record may have no GS base at all. */
	rdgsbase rbx
	mov	rcx, rbx
	sub	rcx, [rip + bulkhead_records_begin]
	cmp	rcx, [rip + bulkhead_records_bytes]
	jae	.Lstranger
	FIND_RECORD_ANYWHERE .Lstranger
	cmp	dword ptr [rbx + BH_RECORD_BUSY], 0
	jne	.Ldefer
	mov	rsi, r8
	xor	edi, edi
	ENTER_MONITOR
	mov	edi, BH_CALL_ENTER_HANDLER
	CALL_MONITOR
	LEAVE_MONITOR
	/* Where the handler's frame is. */
	mov	rsp, r14
	lea	rdx, [rsp + BH_FRAME_CONTEXT]
	lea	rsi, [rdx + BH_CONTEXT_BYTES]
	mov	edi, [rsi]
	mov	ecx, r15d
	jmp	bulkhead_handle_signal

.Lstranger:
	mov	ecx, [rip + bulkhead_root_pkru]
	SET_OWNED
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, [rip + bulkhead_root_pkru]
	jne	bulkhead_gate_violated
	mov	rdx, r8
	xor	ecx, ecx
	jmp	bulkhead_handle_signal

.Ldefer:
	IF_ON_KERNEL_STACK .Ldefer_unseen
	/* What the frame lies on may be written as well: the stack that the
	 * signal came on is key 0's, the monitor's or the caller's. */
	mov	r9d, [rbx + BH_RECORD_CLAIMED]
	FIND_ROW r9d, r9, bulkhead_gate_violated
	READ_PKRU
	mov	ecx, [rip + bulkhead_owned_pkru]
	not	ecx
	and	eax, ecx
	mov	ecx, [rip + bulkhead_deferring_pkru]
	and	ecx, [r13 + BH_ROW_OPEN_MASK]
	or	eax, ecx
	WRITE_PKRU
	FIND_RECORD_ANYWHERE bulkhead_gate_violated
	cmp	dword ptr [rbx + BH_RECORD_BUSY], 1
	jne	bulkhead_gate_violated
	mov	r9d, [rbx + BH_RECORD_CLAIMED]
	FIND_ROW r9d, r9, bulkhead_gate_violated
	mov	ecx, [rip + bulkhead_deferring_pkru]
	and	ecx, [r13 + BH_ROW_OPEN_MASK]
	and	eax, [rip + bulkhead_owned_pkru]
	cmp	eax, ecx
	jne	bulkhead_gate_violated
	REFUSE_FAULTS
	DEFER

.Ldefer_unseen:
	REFUSE_FAULTS
	xor	eax, eax
	xchg	eax, [r8 + BH_CONTEXT_BYTES]
	test	eax, eax
	jz	bulkhead_gate_violated
	DEFER
	/* On whatever stack it came on: the thread goes no further. */
.Lfault:
	mov	rdx, r8
	and	rsp, -16
	call	bulkhead_fault_in_monitor
	ud2
	.size	bulkhead_signal_entry_pku, . - bulkhead_signal_entry_pku

	.globl	bulkhead_signal_entry_plain
	.hidden	bulkhead_signal_entry_plain
	.type	bulkhead_signal_entry_plain, @function
	.p2align 6
bulkhead_signal_entry_plain:
	endbr64
	xor	ecx, ecx
	jmp	bulkhead_handle_signal
	.size	bulkhead_signal_entry_plain, . - bulkhead_signal_entry_plain

	.globl	bulkhead_signal_return
	.hidden	bulkhead_signal_return
	.type	bulkhead_signal_return, @function
	.p2align 4
bulkhead_signal_return:
	/* In nine bytes, by which unwinders and debuggers know a handler's end. */
	mov	rax, BH_SYS_RT_SIGRETURN
	syscall
	ud2
	.size	bulkhead_signal_return, . - bulkhead_signal_return

	.globl	bulkhead_leave_handler
	.hidden	bulkhead_leave_handler
	.type	bulkhead_leave_handler, @function
	.p2align 6
bulkhead_leave_handler:
	endbr64
	mov	rsp, rdi
	mov	rsi, rdi
	xor	edi, edi
	ENTER_MONITOR
	mov	edi, BH_CALL_LEAVE_HANDLER
	CALL_MONITOR
	/* Only within the monitor's rights can that frame be read. */
	mov	rsp, r14
	mov	eax, BH_SYS_RT_SIGRETURN
	syscall
	ud2
	.size	bulkhead_leave_handler, . - bulkhead_leave_handler

	.globl	bulkhead_signals_end
	.hidden	bulkhead_signals_end
bulkhead_signals_end:

	.section .note.GNU-stack, "", @progbits
