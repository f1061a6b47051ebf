/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * libc's functions on memory and strings, for code that must not call libc:
 * whoever can write libc's global offset table would choose what runs. Each
 * does what the function of its name does. memory_names.h puts them in libc's
 * place. Runs in: any domain; signal-safe.
 */
#ifndef BULKHEAD_ISOLATION_SYS_MEMORY_H_
#define BULKHEAD_ISOLATION_SYS_MEMORY_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(hidden)

void* bulkhead_memcpy(void* target, const void* source, size_t bytes);
void* bulkhead_memmove(void* target, const void* source, size_t bytes);
void* bulkhead_memset(void* target, int value, size_t bytes);
int bulkhead_memcmp(const void* a, const void* b, size_t bytes);
void* bulkhead_memchr(const void* memory, int value, size_t bytes);

size_t bulkhead_strlen(const char* text);
int bulkhead_strcmp(const char* a, const char* b);
int bulkhead_strncmp(const char* a, const char* b, size_t bytes);
char* bulkhead_strchr(const char* text, int character);
char* bulkhead_strncpy(char* target, const char* source, size_t bytes);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* BULKHEAD_ISOLATION_SYS_MEMORY_H_ */
