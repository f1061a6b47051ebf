// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/probe.h"

#include <cpuid.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "isolation/arch/cpu.h"
#include "isolation/doctor/child.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constexpr long kMsealNumber = 462;  // not in the headers of older kernels
constexpr int kMostKeys = 16;

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  return r;
}

void AppendRegister(std::string& text, uint32_t value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  text.append(bytes, sizeof(bytes));
}

std::string BrandName() {
  constexpr uint32_t kFirst = 0x80000002, kLast = 0x80000004;
  if (Cpuid(0x80000000).a < kLast) return "";
  std::string name;
  for (uint32_t leaf = kFirst; leaf <= kLast; ++leaf) {
    const Registers r = Cpuid(leaf);
    for (uint32_t value : {r.a, r.b, r.c, r.d}) AppendRegister(name, value);
  }
  name.resize(std::strlen(name.c_str()));
  return std::string(absl::StripAsciiWhitespace(name));
}

// What stands in a file of /proc; empty when it cannot be read.
std::string ReadText(const char* path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  return std::string(absl::StripAsciiWhitespace(text));
}

// The value of the line "NAME: value" of /proc/self/status.
std::string StatusLine(absl::string_view name) {
  const std::string status = ReadText("/proc/self/status");
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, ":")) {
      return std::string(absl::StripAsciiWhitespace(line));
    }
  }
  return "";
}

// Makes a system call in a child.
absl::StatusOr<Answer> Ask(long number, long a0, long a1, long a2, long a3 = 0,
                           long a4 = 0) {
  long result = 0;
  absl::StatusOr<ChildEnd> end = TryInChild(result, [&](long& answer) {
    answer = sys::Call(number, a0, a1, a2, a3, a4);
  });
  if (!end.ok()) return end.status();
  Answer answer;
  answer.killed = !end->finished();
  if (sys::Failed(result)) answer.error = static_cast<int>(-result);
  return answer;
}

bool InContainer() {
  return access("/.dockerenv", F_OK) == 0 ||
         access("/run/.containerenv", F_OK) == 0 ||
         access("/run/systemd/container", F_OK) == 0;
}

uint64_t Limit(decltype(RLIMIT_AS) resource) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  getrlimit(resource, &limit);
  return limit.rlim_cur;
}

bool HasCapability(int capability) {
  uint64_t effective = 0;
  return absl::SimpleHexAtoi(StatusLine("CapEff"), &effective) &&
         (effective >> capability & 1) != 0;
}

}  // namespace

CpuFacts ProbeCpu() {
  CpuFacts cpu;
  const Registers zero = Cpuid(0);
  for (uint32_t value : {zero.b, zero.d, zero.c}) {
    AppendRegister(cpu.vendor, value);
  }
  cpu.name = BrandName();
  const Registers one = Cpuid(1);
  // Family and model each have an extension that counts for large values.
  cpu.family = static_cast<int>(one.a >> 8 & 0xf);
  cpu.model = static_cast<int>(one.a >> 4 & 0xf);
  if (cpu.family == 0xf || cpu.family == 6) {
    cpu.model += static_cast<int>(one.a >> 16 & 0xf) << 4;
  }
  if (cpu.family == 0xf) cpu.family += static_cast<int>(one.a >> 20 & 0xff);
  if (zero.a >= 7) {
    const Registers seven = Cpuid(7);
    cpu.fsgsbase = (seven.b & 1) != 0;
    cpu.keys = (seven.c >> 3 & 1) != 0;
  }
  cpu.keys_enabled = HasProtectionKeys();
  if ((one.c >> 31 & 1) != 0) {
    const Registers top = Cpuid(0x40000000);
    for (uint32_t value : {top.b, top.c, top.d}) {
      AppendRegister(cpu.hypervisor, value);
    }
    cpu.hypervisor.resize(std::strlen(cpu.hypervisor.c_str()));
    if (cpu.hypervisor.empty()) cpu.hypervisor = "unnamed";
  }
  return cpu;
}

KernelFacts ParseRelease(absl::string_view release) {
  KernelFacts kernel;
  kernel.release = std::string(release);
  for (int* number : {&kernel.major, &kernel.minor, &kernel.patch}) {
    const size_t digits =
        std::min(release.find_first_not_of("0123456789"), release.size());
    if (!absl::SimpleAtoi(release.substr(0, digits), number)) break;
    release.remove_prefix(digits);
    if (!absl::ConsumePrefix(&release, ".")) break;
  }
  return kernel;
}

KernelFacts ProbeKernel() {
  struct utsname name;
  const bool named = uname(&name) == 0;
  KernelFacts kernel = ParseRelease(named ? name.release : "unknown");
  kernel.fsgsbase = HasFsGsBase();
  return kernel;
}

absl::StatusOr<KeyFacts> ProbeKeys(const Options& options) {
  struct Report {
    int free;
    int error;
    KeyAbsence absence;
    int taken;
  };
  Report counted = {};
  absl::StatusOr<ChildEnd> end = TryInChild(counted, [](Report& report) {
    int keys[kMostKeys];
    int count = 0;
    long key = 0;
    while (count < kMostKeys && (key = sys::PkeyAlloc(0)) >= 0) {
      keys[count++] = static_cast<int>(key);
    }
    if (key < 0) report.error = static_cast<int>(-key);
    report.free = count;
    while (count > 0) sys::PkeyFree(keys[--count]);
  });
  if (!end.ok()) return end.status();
  KeyFacts facts;
  facts.free = counted.free;
  facts.allocate.error = counted.error;
  facts.allocate.killed = !end->finished();

  absl::StatusOr<Answer> protect = Ask(SYS_pkey_mprotect, 0, 0, PROT_READ, -1);
  if (!protect.ok()) return protect.status();
  facts.protect = *protect;

  Report decision = {};
  end = TryInChild(decision, [&options](Report& report) {
    KeyPool pool;
    report.absence = pool.TakeAll(options.keys_left);
    report.taken = pool.taken();
  });
  if (!end.ok()) return end.status();
  facts.absence = end->finished() ? decision.absence : KeyAbsence::kRefused;
  facts.taken = decision.taken;
  return facts;
}

absl::StatusOr<SyscallFacts> ProbeSyscalls() {
  SyscallFacts facts;
  constexpr long kNoSuchFlags = -1;
  const std::pair<Answer*, absl::StatusOr<Answer>> questions[] = {
      {&facts.mseal, Ask(kMsealNumber, 0, 0, kNoSuchFlags)},
      {&facts.membarrier,
       Ask(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)},
      {&facts.filter, Ask(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0)},
  };
  for (const auto& [answer, asked] : questions) {
    if (!asked.ok()) return asked.status();
    *answer = *asked;
  }
  if (!absl::SimpleAtoi(StatusLine("Seccomp"), &facts.seccomp_mode)) {
    facts.seccomp_mode = 0;
  }
  facts.in_container = InContainer();
  return facts;
}

absl::StatusOr<MemoryFacts> ProbeMemory(const Options& options) {
  MemoryFacts facts;
  facts.address_space_limit = Limit(RLIMIT_AS);
  facts.lock_limit = Limit(RLIMIT_MEMLOCK);
  facts.core_limit = Limit(RLIMIT_CORE);
  facts.may_lock_more = HasCapability(CAP_IPC_LOCK);
  facts.core_pattern = ReadText("/proc/sys/kernel/core_pattern");
  if (!absl::SimpleAtoi(ReadText("/proc/sys/vm/overcommit_memory"),
                        &facts.overcommit)) {
    facts.overcommit = -1;
  }
  if (!absl::SimpleAtoi(ReadText("/proc/sys/vm/max_map_count"),
                        &facts.map_count)) {
    facts.map_count = -1;
  }
  facts.reservation_wanted = options.reserve_gib << 30;
  absl::StatusOr<ChildEnd> end =
      TryInChild(facts.reservation, [&options](uint64_t& bytes) {
        if (reservation.Reserve(options.reserve_gib << 30)) {
          bytes = reservation.bytes();
        }
      });
  if (!end.ok()) return end.status();
  return facts;
}

absl::StatusOr<MachineFacts> ProbeMachine(const Options& options) {
  MachineFacts facts;
  facts.cpu = ProbeCpu();
  facts.kernel = ProbeKernel();
  absl::StatusOr<KeyFacts> keys = ProbeKeys(options);
  if (!keys.ok()) return keys.status();
  facts.keys = *keys;
  absl::StatusOr<SyscallFacts> calls = ProbeSyscalls();
  if (!calls.ok()) return calls.status();
  facts.calls = *calls;
  absl::StatusOr<MemoryFacts> memory = ProbeMemory(options);
  if (!memory.ok()) return memory.status();
  facts.memory = *std::move(memory);
  if (facts.keys.free > 0 && facts.keys.protect.ok()) {
    absl::StatusOr<SignalFacts> signals = ProbeSignals();
    if (!signals.ok()) return signals.status();
    facts.signals = *signals;
  }
  return facts;
}

}  // namespace bulkhead
