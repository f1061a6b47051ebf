// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The signal handler with which `doctor` asks the kernel whether a handler can
// run on a stack whose key is closed. Part of the doctor only, never of the
// library.
//
//   void bulkhead_doctor_handler(int, siginfo_t*, void*);
//
// In:       called by the kernel on the alternate stack, every key but 0 closed.
// Out:      bulkhead_doctor_handler_pkru = PKRU at entry,
//           bulkhead_doctor_handler_ran = 1; PKRU 0 until the kernel restores
//           the interrupted value.
// Clobbers: eax, ecx, edx, flags.
//
// Until WRPKRU the stack cannot be touched, so this cannot be C.

    .text
    .globl  bulkhead_doctor_handler
    .hidden bulkhead_doctor_handler
    .type   bulkhead_doctor_handler, @function
bulkhead_doctor_handler:
    endbr64
    xorl    %ecx, %ecx
    rdpkru                              // eax = PKRU, edx = 0
    movl    %eax, bulkhead_doctor_handler_pkru(%rip)
    xorl    %eax, %eax
    wrpkru                              // every key open
    testl   %eax, %eax                  // a jump to the WRPKRU ends here
    jnz     1f
    movl    $1, bulkhead_doctor_handler_ran(%rip)
    ret                                 // to libc's rt_sigreturn
1:  ud2
    .size   bulkhead_doctor_handler, . - bulkhead_doctor_handler

    .bss
    .balign 4
    .globl  bulkhead_doctor_handler_pkru
    .hidden bulkhead_doctor_handler_pkru
    .type   bulkhead_doctor_handler_pkru, @object
bulkhead_doctor_handler_pkru:
    .zero   4
    .size   bulkhead_doctor_handler_pkru, 4
    .globl  bulkhead_doctor_handler_ran
    .hidden bulkhead_doctor_handler_ran
    .type   bulkhead_doctor_handler_ran, @object
bulkhead_doctor_handler_ran:
    .zero   4
    .size   bulkhead_doctor_handler_ran, 4

    .section .note.GNU-stack, "", @progbits
