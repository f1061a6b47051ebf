// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/process_stack.h"

#include <elf.h>

#include <cstdint>

// ld.so's record of where the kernel put argc; set before anything else runs.
extern "C" void* __libc_stack_end;

namespace bulkhead {

ProcessStack ReadProcessStack() {
  ProcessStack stack;
  const auto* words = static_cast<const uintptr_t*>(__libc_stack_end);
  const uintptr_t arguments = words[0];
  const auto* strings = reinterpret_cast<const char* const*>(words + 1);
  stack.environment = strings + arguments + 1;
  const char* const* end = stack.environment;
  while (*end != nullptr) ++end;
  const auto* auxiliary = reinterpret_cast<const Elf64_auxv_t*>(end + 1);
  for (; auxiliary->a_type != AT_NULL; ++auxiliary) {
    if (auxiliary->a_type == AT_SECURE) {
      stack.secure = auxiliary->a_un.a_val != 0;
    } else if (auxiliary->a_type == AT_EXECFN) {
      stack.program = reinterpret_cast<const char*>(auxiliary->a_un.a_val);
    }
  }
  return stack;
}

const char* FindVariable(const ProcessStack& stack, const char* name) {
  for (const char* const* entry = stack.environment; *entry != nullptr;
       ++entry) {
    const char* at = *entry;
    const char* wanted = name;
    while (*wanted != '\0' && *at == *wanted) {
      ++at;
      ++wanted;
    }
    if (*wanted == '\0' && *at == '=') return at + 1;
  }
  return nullptr;
}

}  // namespace bulkhead
