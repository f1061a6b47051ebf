// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_stack.h"

#include "isolation/domain/metadata_region.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// A frame with AVX-512 state takes 4 KiB; the symboliser's buffers the rest.
constexpr size_t kSignalStackBytes = size_t{64} << 10;

}  // namespace

bool EnsureSignalStack(ThreadRecord& record) {
  stack_t have = {};
  if (sys::SigAltStack(nullptr, &have) != 0) return false;
  if ((have.ss_flags & SS_DISABLE) == 0) return true;
  stack_t wanted = {};
  if (record.signal_stack == nullptr) {
    record.signal_stack = AllocateMetadata(kSignalStackBytes, 64);
    if (record.signal_stack == nullptr) return false;
  }
  wanted.ss_sp = record.signal_stack;
  wanted.ss_size = kSignalStackBytes;
  return sys::SigAltStack(&wanted, nullptr) == 0;
}

}  // namespace bulkhead
