/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Included into a source by the compiler's -include: whatever the source calls
 * by these names, and what the compiler calls of itself, is memory.h's.
 */
#ifndef BULKHEAD_ISOLATION_SYS_MEMORY_NAMES_H_
#define BULKHEAD_ISOLATION_SYS_MEMORY_NAMES_H_

__asm__("memcpy = bulkhead_memcpy");
__asm__("memmove = bulkhead_memmove");
__asm__("memset = bulkhead_memset");
__asm__("memcmp = bulkhead_memcmp");
__asm__("bcmp = bulkhead_memcmp");
__asm__("memchr = bulkhead_memchr");
__asm__("strlen = bulkhead_strlen");
__asm__("strcmp = bulkhead_strcmp");
__asm__("strncmp = bulkhead_strncmp");
__asm__("strchr = bulkhead_strchr");
__asm__("strncpy = bulkhead_strncpy");

#endif /* BULKHEAD_ISOLATION_SYS_MEMORY_NAMES_H_ */
