// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/pointer.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "docs/examples/vault_keys/child.h"

namespace bulkhead::vault_keys {
namespace {

struct Target {
  const volatile uint8_t* begin;
  size_t bytes;
};

void SendTarget(const void* context, int out) {
  const Target& target = *static_cast<const Target*>(context);
  uint8_t loaded[kMostModulusBytes];
  for (size_t i = 0; i < target.bytes; ++i) loaded[i] = target.begin[i];
  if (write(out, loaded, target.bytes) < 0) _exit(1);
}

bool Names(const std::string& text, const char* expected) {
  return text.find(expected) != std::string::npos;
}

}  // namespace

const char* NameOf(PointerOutcome outcome) {
  switch (outcome) {
    case PointerOutcome::kLeaked:
      return "leaked";
    case PointerOutcome::kStopped:
      return "stopped";
    case PointerOutcome::kCrashed:
      return "crashed";
  }
  return "unknown";
}

PointerResult FollowPointer(uintptr_t address, size_t bytes, Scanner* scanner) {
  static uint8_t loot[kMostLoot];
  const Target target = {reinterpret_cast<const uint8_t*>(address), bytes};
  const ChildOutcome outcome = RunInChild(SendTarget, &target, loot);
  const Findings findings = scanner->Judge(loot, outcome.loot_bytes, address);
  explicit_bzero(loot, sizeof(loot));

  PointerResult result;
  result.report = outcome.errors;
  if (findings.Limbs() > 0) {
    result.outcome = PointerOutcome::kLeaked;
  } else if (outcome.ran && WIFSIGNALED(outcome.wait_status) &&
             WTERMSIG(outcome.wait_status) == SIGABRT &&
             Names(outcome.errors, "Bulkhead: compartment-read on address") &&
             Names(outcome.errors, "address belongs to: compartment 'keys'")) {
    result.outcome = PointerOutcome::kStopped;
  }
  return result;
}

}  // namespace bulkhead::vault_keys
