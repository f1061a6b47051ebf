// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Writes to Bulkhead's metadata, by whoever is not the monitor: each ends in a
// report that says so. Which pages carry which key is //tests/seal's.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <thread>

#include "allocator/heap/allocation_bitmap.h"
#include "allocator/heap/page_map.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/thread/signal_action.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/child.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

// Changes nothing where it can: without keys it is not stopped.
void WriteBack(uintptr_t address) {
  auto* const byte = reinterpret_cast<volatile unsigned char*>(address);
  *byte = *byte;
}
BULKHEAD_ENTRY(kWriteBack, "vault", WriteBack);

// One place in every kind of metadata.
struct Place {
  const char* name;
  const void* address;
};

template <typename Body>
void ForEachPlace(Body body) {
  void* const block = malloc(100);
  const Place places[] = {
      {"a thread's record", CurrentRecord()},
      {"the allocator's state of a thread", CurrentRecord()->backend_state},
      {"the table of compartments", &bulkhead_compartments[1]},
      {"the table of entries", &bulkhead_entries[0]},
      {"who has which key", &key_owners[3]},
      {"the reservation", &reservation},
      {"what handles signals", &signal_actions[SIGUSR1]},
      {"the page map", &PageEntryOf(reinterpret_cast<uintptr_t>(block))},
      {"the allocation bitmap",
       AllocationBitOf(bulkhead_heap_maps, reinterpret_cast<uintptr_t>(block))
           .word},
      {"jemalloc's pages",
       AllocationBitmap() + (reservation.bytes() >> kGranuleShift) / 64},
  };
  free(block);
  for (const Place& place : places) {
    SCOPED_TRACE(place.name);
    body(reinterpret_cast<uintptr_t>(place.address));
  }
}

void ExpectReport(const ChildResult& child, uintptr_t address) {
  if (!HasKeys()) {
    // Metadata is not sealed there.
    EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
    return;
  }
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  char line[100];
  snprintf(line, sizeof(line),
           "==ERROR: Bulkhead: metadata-write on address 0x%zx\n", address);
  EXPECT_NE(child.errors.find(line), std::string::npos) << line << child.errors;
}

TEST(SealAttackTest, TheRootDoesNotWriteMetadata) {
  ForEachPlace([](uintptr_t address) {
    ExpectReport(RunInChild([&] { WriteBack(address); }), address);
  });
}

TEST(SealAttackTest, AVaultDoesNot) {
  auto vault = Compartment::Create("vault");
  ASSERT_TRUE(vault.ok()) << vault.status();
  ForEachPlace([&vault](uintptr_t address) {
    ExpectReport(
        RunInChild([&] { vault->Call(kWriteBack, address).IgnoreError(); }),
        address);
  });
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
}

TEST(SealAttackTest, AnotherThreadDoesNot) {
  ForEachPlace([](uintptr_t address) {
    ExpectReport(RunInChild([&] { std::thread(WriteBack, address).join(); }),
                 address);
  });
}

uintptr_t written_by_the_handler;

TEST(SealAttackTest, AHandlerDoesNot) {
  ForEachPlace([](uintptr_t address) {
    written_by_the_handler = address;
    ExpectReport(RunInChild([] {
                   signal(SIGUSR1,
                          [](int) { WriteBack(written_by_the_handler); });
                   raise(SIGUSR1);
                 }),
                 address);
  });
}

// The kernel writes with the rights of the thread that asks it to.
TEST(SealAttackTest, TheKernelDoesNotForTheRoot) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ForEachPlace([&ends](uintptr_t address) {
    const char byte = *reinterpret_cast<const char*>(address);
    ASSERT_EQ(write(ends[1], &byte, 1), 1);
    const ssize_t result = read(ends[0], reinterpret_cast<void*>(address), 1);
    EXPECT_EQ(result, HasKeys() ? -1 : 1);
    if (result == 1) return;
    EXPECT_EQ(errno, EFAULT);
    char drained;
    EXPECT_EQ(read(ends[0], &drained, 1), 1);
  });
  close(ends[0]);
  close(ends[1]);
}

// Read-only for everyone, the monitor included, with keys or without.
TEST(SealAttackTest, WhatIsSettledIsNotWritten) {
  const void* const settled[] = {
      &bulkhead_owned_pkru,    &bulkhead_root_pkru, &bulkhead_monitor_pkru,
      &bulkhead_records_begin, &bulkhead_heap_maps, &enforcement,
      &metadata_key,           &fault_handler};
  for (const void* const address : settled) {
    const ChildResult child =
        RunInChild([&] { WriteBack(reinterpret_cast<uintptr_t>(address)); });
    EXPECT_TRUE(child.DiedOf(SIGSEGV)) << child.code << child.errors;
  }
}

TEST(SealAttackTest, NobodyReadsTheMonitorsStack) {
  if (!HasKeys()) return;
  const uintptr_t stack = CurrentRecord()->monitor_stack - 8;
  EXPECT_TRUE(RunInChild([stack] { WriteBack(stack); }).DiedOf(SIGSEGV));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], reinterpret_cast<void*>(stack), 8), -1);
  EXPECT_EQ(errno, EFAULT);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace bulkhead
