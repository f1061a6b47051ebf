// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The probes on the machine at hand, against what the kernel says elsewhere,
// and under filters and limits made for the test.

#include "isolation/doctor/probe.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "isolation/doctor/child.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;

// The flags of the first CPU in /proc/cpuinfo.
std::set<std::string> CpuFlags() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) == 0) {
      return absl::StrSplit(line.substr(line.find(':') + 1), ' ',
                            absl::SkipEmpty());
    }
  }
  return {};
}

bool KernelUsesKeys() { return CpuFlags().count("ospke") != 0; }

// Lets `call` fail from now on in this process: action is SECCOMP_RET_*.
void Filter(uint32_t call, uint32_t action) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {std::size(program), program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

// Runs `body` in a process of its own, since filters and limits stay; it says
// what it saw.
template <typename Body>
void ExpectInProcess(const Body& body, const std::string& seen) {
  EXPECT_EXIT(
      {
        const std::string text = body();
        std::fputs(text.c_str(), stderr);
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), HasSubstr(seen));
}

std::string Describe(const Answer& answer) {
  return answer.killed ? "killed" : std::string(strerrorname_np(answer.error));
}

TEST(ProbeTest, CpuAgreesWithTheKernel) {
  const std::set<std::string> flags = CpuFlags();
  const CpuFacts cpu = ProbeCpu();
  EXPECT_EQ(cpu.keys, flags.count("pku") != 0);
  EXPECT_EQ(cpu.keys_enabled, flags.count("ospke") != 0);
  // A kernel may have been told not to use what the processor has.
  EXPECT_TRUE(cpu.fsgsbase || flags.count("fsgsbase") == 0);
  EXPECT_EQ(!cpu.hypervisor.empty(), flags.count("hypervisor") != 0);
  std::ifstream file("/proc/cpuinfo");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("vendor_id\t: " + cpu.vendor + "\n"));
  // A virtual machine may name its processor in /proc/cpuinfo as it likes.
  EXPECT_FALSE(cpu.name.empty());
  if (cpu.hypervisor.empty()) {
    EXPECT_THAT(text, HasSubstr("model name\t: " + cpu.name));
  }
  EXPECT_THAT(text,
              HasSubstr("cpu family\t: " + std::to_string(cpu.family) + "\n"));
  EXPECT_THAT(text,
              HasSubstr("model\t\t: " + std::to_string(cpu.model) + "\n"));
}

TEST(ProbeTest, KernelIsThisOne) {
  struct utsname name;
  ASSERT_EQ(uname(&name), 0);
  const KernelFacts kernel = ProbeKernel();
  EXPECT_EQ(kernel.release, name.release);
  EXPECT_GE(kernel.major, 4);
}

TEST(ProbeTest, ReleasesAreRead) {
  const auto numbers = [](const char* release) {
    const KernelFacts kernel = ParseRelease(release);
    return std::vector<int>{kernel.major, kernel.minor, kernel.patch};
  };
  EXPECT_EQ(numbers("6.12.117+deb12-cloud-amd64"),
            (std::vector<int>{6, 12, 117}));
  EXPECT_EQ(numbers("6.1.0-56-cloud-amd64"), (std::vector<int>{6, 1, 0}));
  EXPECT_EQ(numbers("7.0-rc1"), (std::vector<int>{7, 0, 0}));
  EXPECT_EQ(numbers("unknown"), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(numbers(""), (std::vector<int>{0, 0, 0}));
}

TEST(ProbeTest, FreeKeysAreCountedAndGivenBack) {
  absl::StatusOr<KeyFacts> keys = ProbeKeys(Options());
  ASSERT_TRUE(keys.ok()) << keys.status();
  if (KernelUsesKeys()) {
    EXPECT_EQ(keys->free, 15);
    EXPECT_EQ(keys->absence, KeyAbsence::kNone);
    EXPECT_EQ(keys->taken, 13);
    EXPECT_EQ(keys->allocate.error, ENOSPC);
  } else {
    EXPECT_EQ(keys->free, 0);
    EXPECT_EQ(keys->absence, KeyAbsence::kNoCpu);
    EXPECT_EQ(keys->taken, 0);
    EXPECT_THAT(keys->allocate.error, ::testing::AnyOf(EINVAL, ENOSPC, ENOSYS));
  }
  absl::StatusOr<KeyFacts> again = ProbeKeys(Options());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->free, keys->free);
}

TEST(ProbeTest, TakenKeysAreMissed) {
  ExpectInProcess(
      [] {
        while (syscall(SYS_pkey_alloc, 0, 0) >= 0) {
        }
        const KeyFacts keys = *ProbeKeys(Options());
        return std::to_string(keys.free) +
               " free, the library: " + AbsenceText(keys.absence);
      },
      std::string("0 free, the library: ") +
          AbsenceText(KernelUsesKeys() ? KeyAbsence::kTooFew
                                       : KeyAbsence::kNoCpu));
}

TEST(ProbeTest, AFilterThatRefusesIsSeen) {
  ExpectInProcess(
      [] {
        Filter(SYS_pkey_alloc, SECCOMP_RET_ERRNO | EPERM);
        const KeyFacts keys = *ProbeKeys(Options());
        return Describe(keys.allocate) + " " + std::to_string(keys.free);
      },
      "EPERM 0");
  ExpectInProcess(
      [] {
        Filter(SYS_pkey_mprotect, SECCOMP_RET_ERRNO | ENOSYS);
        return Describe(ProbeKeys(Options())->protect);
      },
      "ENOSYS");
  ExpectInProcess(
      [] {
        Filter(SYS_membarrier, SECCOMP_RET_ERRNO | EPERM);
        const SyscallFacts calls = *ProbeSyscalls();
        return Describe(calls.membarrier) + " mode " +
               std::to_string(calls.seccomp_mode);
      },
      "EPERM mode 2");
}

TEST(ProbeTest, AFilterThatKillsIsSurvived) {
  ExpectInProcess(
      [] {
        Filter(SYS_pkey_alloc, SECCOMP_RET_KILL_PROCESS);
        return Describe(ProbeKeys(Options())->allocate);
      },
      "killed");
}

TEST(ProbeTest, SystemCallsAreThereOrNot) {
  absl::StatusOr<SyscallFacts> calls = ProbeSyscalls();
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(calls->mseal.error,
            ProbeKernel().AtLeast(6, 10, 0) ? EINVAL : ENOSYS);
  EXPECT_TRUE(calls->membarrier.ok());
  EXPECT_EQ(calls->filter.error, EFAULT);
}

TEST(ProbeTest, ASmallerReservationIsSeenUnderALimit) {
  ExpectInProcess(
      [] {
        const struct rlimit limit = {uint64_t{4} << 30, uint64_t{4} << 30};
        setrlimit(RLIMIT_AS, &limit);
        const MemoryFacts memory = *ProbeMemory(Options());
        return std::string(memory.reservation > 0 ? "some" : "none") +
               (memory.reservation < uint64_t{4} << 30 ? " below" : " above") +
               (memory.address_space_limit == uint64_t{4} << 30 ? " limit"
                                                                : " no limit");
      },
      "some below limit");
}

TEST(ProbeTest, SignalsBehaveAsThisKernelIsKnownTo) {
  absl::StatusOr<MachineFacts> facts = ProbeMachine(Options());
  ASSERT_TRUE(facts.ok()) << facts.status();
  const SignalFacts& signals = facts->signals;
  if (!KernelUsesKeys()) {
    EXPECT_EQ(signals.closed_key_stops, Trial::kNotMade);
    EXPECT_EQ(signals.return_keeps_rights, Trial::kNotMade);
    EXPECT_EQ(signals.handler_on_closed_stack, Trial::kNotMade);
    return;
  }
  EXPECT_EQ(signals.closed_key_stops, Trial::kWorks);
  EXPECT_TRUE(signals.fault_names_key);
  EXPECT_EQ(signals.return_keeps_rights, Trial::kWorks);
  EXPECT_EQ(signals.handler_on_closed_stack,
            facts->kernel.AtLeast(6, 12, 0) ? Trial::kWorks : Trial::kKills);
}

TEST(ChildTest, ReportsComeBackHoweverItEnds) {
  int report = 1;
  absl::StatusOr<ChildEnd> end = TryInChild(report, [](int& r) { r += 1; });
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->finished());
  EXPECT_EQ(report, 2);
  end = TryInChild(report, [](int& r) {
    r += 1;
    raise(SIGSEGV);
  });
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(end->finished());
  EXPECT_EQ(end->signal, SIGSEGV);
  EXPECT_EQ(report, 3);
}

}  // namespace
}  // namespace bulkhead
