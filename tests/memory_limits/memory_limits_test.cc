// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// No memory: a refusal is NULL with ENOMEM, and the program goes on. Each child
// runs on glibc too, as the control of what the child itself demands.

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <tuple>

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

enum class Place { kGlibc, kPreloaded, kLinked };

Variant In(Place place) {
  switch (place) {
    case Place::kGlibc:
      return OnGlibc();
    case Place::kPreloaded:
      return Preloaded();
    case Place::kLinked:
      return Linked();
  }
  return OnGlibc();
}

size_t Served(const Outcome& outcome) {
  size_t bytes = 0;
  EXPECT_EQ(std::sscanf(outcome.output.c_str(), "served=%zu", &bytes), 1);
  return bytes;
}

// Whether a run under a limit was refused at its start in the way that is
// asked for: one line that names Bulkhead and the limit, and exit status 2.
bool RefusedClearly(const Outcome& outcome) {
  return outcome.ExitedWith(2) && outcome.output.empty() &&
         std::count(outcome.errors.begin(), outcome.errors.end(), '\n') == 1 &&
         std::regex_search(
             outcome.errors,
             std::regex("bulkhead.*(RLIMIT_AS|ulimit -v|address space)",
                        std::regex::icase));
}

using PlaceAndWork = std::tuple<Place, const char*>;

std::string NameOf(const testing::TestParamInfo<PlaceAndWork>& parameters) {
  const std::string work = std::get<1>(parameters.param);
  return std::string(In(std::get<0>(parameters.param)).name) + "_" +
         std::regex_replace(work, std::regex("-"), "_");
}

class OnEveryAllocator : public testing::TestWithParam<PlaceAndWork> {
 protected:
  static Command Work(const char* obstacle) {
    return In(std::get<0>(GetParam()))
        .With({std::get<1>(GetParam()), obstacle});
  }
};

const auto kPlaces =
    testing::Values(Place::kGlibc, Place::kPreloaded, Place::kLinked);

class MemoryLimit : public OnEveryAllocator {};

constexpr size_t kAddressSpace = 256 * kMiB;

TEST_P(MemoryLimit, OfAddressSpace) {
  Command command = Work("none");
  command.limits = {{RLIMIT_AS, kAddressSpace}};
  const Outcome outcome = RunProgram(command);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
  // A good part of the limit must reach the program. A block that grows by
  // moving has half of that only.
  EXPECT_GE(Served(outcome), kAddressSpace / 16);
}

TEST_P(MemoryLimit, OfData) {
  const Outcome outcome = RunProgram(Work("data-limit"));
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
  EXPECT_GE(Served(outcome), 16 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(
    All, MemoryLimit,
    testing::Combine(kPlaces,
                     testing::Values("malloc", "malloc-small", "malloc-slab",
                                     "malloc-huge", "calloc", "memalign",
                                     "posix-memalign", "new", "new-nothrow",
                                     "realloc", "mixture", "threads")),
    NameOf);

class FailingCalls : public OnEveryAllocator {};

// What the heap holds already is all that there is; it may be next to nothing.
TEST_P(FailingCalls, ThatGiveMemory) {
  const Outcome outcome = RunProgram(Work("no-growth"));
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

TEST_P(FailingCalls, ThatGiveMemoryOrTakeAdvice) {
  const Outcome outcome = RunProgram(Work("no-growth-no-advice"));
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

INSTANTIATE_TEST_SUITE_P(
    All, FailingCalls,
    testing::Combine(kPlaces,
                     testing::Values("malloc", "malloc-small", "malloc-slab",
                                     "malloc-huge", "calloc", "memalign",
                                     "posix-memalign", "new", "new-nothrow")),
    NameOf);

// Sets the kernel's overcommit mode of the whole machine, for as long as it
// lives.
class OvercommitMode {
 public:
  explicit OvercommitMode(const char* mode) : old_(Read()) { Write(mode); }
  ~OvercommitMode() { Write(old_); }

 private:
  static constexpr char kPath[] = "/proc/sys/vm/overcommit_memory";
  static std::string Read() {
    std::string mode;
    std::ifstream(kPath) >> mode;
    return mode;
  }
  static void Write(const std::string& mode) {
    std::ofstream(kPath) << mode;
    EXPECT_EQ(Read(), mode) << kPath;
  }
  const std::string old_;
};

bool OnAMachineOfItsOwn() {
  std::ifstream file("/proc/cmdline");
  const std::string line((std::istreambuf_iterator<char>(file)), {});
  return line.find("rdinit=/.vm/init") != std::string::npos;
}

class Overcommit : public OnEveryAllocator {
 protected:
  void SetUp() override {
    if (!OnAMachineOfItsOwn()) {
      GTEST_SKIP() << "the setting is the whole machine's: this runs on the "
                      "emulated one only";
    }
  }
};

TEST_P(Overcommit, Strict) {
  const OvercommitMode mode("2");
  const Outcome outcome = RunProgram(Work("none"));
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

TEST_P(Overcommit, Always) {
  const OvercommitMode mode("1");
  Command command = Work("none");
  command.limits = {{RLIMIT_AS, kAddressSpace}};
  const Outcome outcome = RunProgram(command);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

INSTANTIATE_TEST_SUITE_P(All, Overcommit,
                         testing::Combine(kPlaces,
                                          testing::Values("start", "malloc")),
                         NameOf);

class StartUnderALimit : public testing::TestWithParam<Place> {
 protected:
  static Outcome Run(const char* work, __rlimit_resource resource,
                     rlim_t limit) {
    Command command = In(GetParam()).With({work});
    command.limits = {{resource, limit}};
    return RunProgram(command);
  }
};

TEST_P(StartUnderALimit, WorksOrIsRefusedInOneLine) {
  for (const size_t mebibytes : {24, 32, 48, 64, 96, 128, 192}) {
    const Outcome outcome = Run("start", RLIMIT_AS, mebibytes * kMiB);
    EXPECT_TRUE(outcome.ExitedWith(0) || RefusedClearly(outcome))
        << "under " << mebibytes << " MiB it " << outcome;
  }
}

TEST_P(StartUnderALimit, WorksFromAQuarterGibibyte) {
  for (const size_t mebibytes : {256, 384, 512, 768, 1024, 3000, 4096, 10000,
                                 1 << 16, 1 << 20, 1 << 24}) {
    const Outcome outcome = Run("start", RLIMIT_AS, mebibytes * kMiB);
    EXPECT_TRUE(outcome.ExitedWith(0) && outcome.errors.empty())
        << "under " << mebibytes << " MiB it " << outcome;
  }
}

TEST_P(StartUnderALimit, LeavesRoomForThreadsAndMappings) {
  for (const size_t mebibytes : {512, 1024, 4096, 1 << 16}) {
    const Outcome outcome = Run("the-rest", RLIMIT_AS, mebibytes * kMiB);
    EXPECT_TRUE(outcome.ExitedWith(0))
        << "under " << mebibytes << " MiB it " << outcome;
  }
}

TEST_P(StartUnderALimit, OfDataWorks) {
  for (const size_t mebibytes : {64, 128, 1024}) {
    const Outcome outcome = Run("start", RLIMIT_DATA, mebibytes * kMiB);
    EXPECT_TRUE(outcome.ExitedWith(0))
        << "under " << mebibytes << " MiB it " << outcome;
  }
}

// Without a stack limit the kernel lays the address space out bottom-up.
TEST_P(StartUnderALimit, WithoutAStackLimitWorks) {
  const Outcome outcome = Run("start", RLIMIT_STACK, RLIM_INFINITY);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

INSTANTIATE_TEST_SUITE_P(All, StartUnderALimit, kPlaces,
                         [](const testing::TestParamInfo<Place>& place) {
                           return std::string(In(place.param).name);
                         });

}  // namespace
}  // namespace bulkhead
