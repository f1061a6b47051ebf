/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Variables of static storage that are a compartment's (C99 and later, C++17
 * and later).
 *
 *   BULKHEAD_PRIVATE(keys) static unsigned char master_key[32];
 *   BULKHEAD_PRIVATE(keys) int uses = 0;
 *   BULKHEAD_SHARED struct progress progress;
 *
 * A private variable is part of the compartment of that name from when it is
 * created on: it may be read and written where the compartment's heap may, and
 * nowhere else; what is granted on the heap is granted on it. Until then it is
 * the program's like any other, and keeps what it holds; so create the
 * compartment before other threads use its variables. When the compartment is
 * destroyed they are wiped, and belong to nobody until one of that name is
 * created, which finds zeros.
 *
 * A shared variable is part of the shared heap (bh_shared()): root, vaults and
 * sandboxes may all read and write it, from the first sandbox on.
 *
 * REQUIRES, of a variable: it is defined at namespace scope, by a definition
 * that the macro stands before; it is not const, inline, thread_local, or a
 * member of a template; its destructor and constructor, if it has any, run
 * before the compartment is created and do not run after it was. Of the name:
 * it is an identifier.
 *
 * Each file that annotates gives whole pages to each compartment that it names.
 * The linker must keep a file's parts of a section together, as all do without
 * link-time optimisation; where pages would be shared with other data,
 * bh_create() fails with BH_ERR_VARIABLES. An object that is loaded later is
 * looked through as it is loaded, and ends the process where that fails; it
 * must stay loaded.
 */
#ifndef BULKHEAD_VARIABLES_H_
#define BULKHEAD_VARIABLES_H_

#include "bulkhead/bulkhead.h"

#define BULKHEAD_PRIVATE(compartment)                               \
  BULKHEAD_INTERNAL_VARIABLE("bulkhead_variables_of_" #compartment, \
                             #compartment)

#define BULKHEAD_SHARED BULKHEAD_PRIVATE(shared)

/* The file's part of the section begins and ends a page: subsection 1 follows
 * whatever else the file has in the section. A note in a constant section tells
 * where the section of the whole object lies (ELF notes are found through the
 * program headers). */
#define BULKHEAD_INTERNAL_VARIABLE(section_name, compartment) \
  __asm__(".ifndef .L" section_name                           \
          "\n"                                                \
          ".set .L" section_name                              \
          ", 1\n"                                             \
          ".pushsection " section_name                        \
          ",\"aw\",@progbits\n"                               \
          ".subsection 1\n"                                   \
          ".balign 4096\n"                                    \
          ".popsection\n"                                     \
          ".pushsection .note.bulkhead,\"a\",@note\n"         \
          ".balign 4\n"                                       \
          ".long 9\n"                                         \
          ".long .L" section_name "_end - .L" section_name    \
          "_begin\n"                                          \
          ".long 1\n"                                         \
          ".asciz \"Bulkhead\"\n"                             \
          ".balign 4\n"                                       \
          ".L" section_name                                   \
          "_begin:\n"                                         \
          ".hidden __start_" section_name                     \
          "\n"                                                \
          ".hidden __stop_" section_name                      \
          "\n"                                                \
          ".long __start_" section_name                       \
          " - .\n"                                            \
          ".long __stop_" section_name                        \
          " - .\n"                                            \
          ".asciz \"" compartment                             \
          "\"\n"                                              \
          ".L" section_name                                   \
          "_end:\n"                                           \
          ".balign 4\n"                                       \
          ".popsection\n"                                     \
          ".endif\n");                                        \
  __attribute__((section(section_name), used))

/* Those of an object that is loaded when there are compartments. */
__attribute__((constructor)) static void bulkhead_internal_tag_variables(void) {
  bh_tag_variables();
}

#endif /* BULKHEAD_VARIABLES_H_ */
