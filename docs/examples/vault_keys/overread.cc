// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/overread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "docs/examples/vault_keys/child.h"

namespace bulkhead::vault_keys {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 4096, 16 * 1024, 64 * 1024};
constexpr char kRequest[] = "heartbeat";

// Sends what lies behind the buffer up to the first byte that cannot be read.
// A piece ends at the end of its page, so that no readable byte is held back.
void SendBehind(const void* context, int out) {
  const char* next = *static_cast<const char* const*>(context);
  const char* const end = next + kOverreadBytes;
  while (next < end) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(next);
    size_t piece = kPageBytes - address % kPageBytes;
    if (piece > static_cast<size_t>(end - next)) {
      piece = static_cast<size_t>(end - next);
    }
    const ssize_t sent = write(out, next, piece);
    if (sent <= 0) return;
    next += sent;
  }
}

}  // namespace

OverreadBuffers::~OverreadBuffers() {
  for (const Buffer& buffer : buffers_) free(buffer.memory);
}

bool OverreadBuffers::Allocate(const std::string& moment) {
  for (size_t bytes : kSizes) {
    char* const memory = static_cast<char*>(malloc(bytes));
    if (memory == nullptr) return false;
    // A short request in a long buffer: its rest stays as it was.
    memcpy(memory, kRequest, sizeof(kRequest));
    buffers_.push_back({moment, bytes, memory, false});
  }
  return true;
}

void OverreadBuffers::Attack(Scanner* scanner,
                             std::vector<OverreadResult>* results) {
  // Not on the heap, where the next child would find what this one got.
  static uint8_t loot[kMostLoot];
  for (Buffer& buffer : buffers_) {
    if (buffer.attacked) continue;
    buffer.attacked = true;
    const char* const behind = buffer.memory + buffer.bytes;
    const ChildOutcome outcome = RunInChild(SendBehind, &behind, loot);
    OverreadResult result;
    result.moment = buffer.moment;
    result.buffer_bytes = buffer.bytes;
    result.ran = outcome.ran && WIFEXITED(outcome.wait_status) &&
                 WEXITSTATUS(outcome.wait_status) == 0;
    result.bytes_out = outcome.loot_bytes;
    result.findings = scanner->Judge(loot, outcome.loot_bytes,
                                     reinterpret_cast<uintptr_t>(behind));
    results->push_back(result);
    explicit_bzero(loot, sizeof(loot));
  }
}

}  // namespace bulkhead::vault_keys
