// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/findings.h"

#include <sys/resource.h>

#include <cerrno>
#include <functional>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;

// A machine on which nothing is wanting.
MachineFacts Perfect() {
  MachineFacts facts;
  facts.cpu.vendor = "GenuineIntel";
  facts.cpu.name = "Intel(R) Xeon(R)";
  facts.cpu.family = 6;
  facts.cpu.model = 0x8f;
  facts.cpu.keys = facts.cpu.keys_enabled = facts.cpu.fsgsbase = true;
  facts.kernel.release = "6.12.5";
  facts.kernel.major = 6;
  facts.kernel.minor = 12;
  facts.kernel.patch = 5;
  facts.kernel.fsgsbase = true;
  facts.keys.free = 15;
  facts.keys.allocate.error = ENOSPC;
  facts.keys.taken = 13;
  facts.signals = {Trial::kWorks, true, Trial::kWorks, Trial::kWorks};
  facts.calls.mseal.error = EINVAL;
  facts.calls.filter.error = EFAULT;
  facts.memory.address_space_limit = RLIM_INFINITY;
  facts.memory.reservation_wanted = facts.memory.reservation = uint64_t{1}
                                                               << 44;
  facts.memory.overcommit = 0;
  facts.memory.map_count = 65530;
  facts.memory.lock_limit = 8 << 20;
  facts.memory.core_pattern = "core";
  return facts;
}

// The same, with what a machine without keys answers.
MachineFacts WithoutKeys() {
  MachineFacts facts = Perfect();
  facts.cpu.keys = facts.cpu.keys_enabled = false;
  facts.keys = KeyFacts();
  facts.keys.allocate.error = EINVAL;
  facts.keys.absence = KeyAbsence::kNoCpu;
  facts.signals = SignalFacts();
  return facts;
}

Finding Row(const MachineFacts& facts, const std::string& id) {
  for (const Finding& finding : MakeFindings(facts)) {
    if (finding.id == id) return finding;
  }
  ADD_FAILURE() << "no row " << id;
  return {};
}

TEST(FindingsTest, NothingIsWantingOnAPerfectMachine) {
  std::set<std::string> ids;
  for (const Finding& finding : MakeFindings(Perfect())) {
    EXPECT_TRUE(finding.verdict == Verdict::kYes ||
                finding.verdict == Verdict::kPlain)
        << finding.id;
    EXPECT_FALSE(finding.name.empty()) << finding.id;
    EXPECT_FALSE(finding.found.empty()) << finding.id;
    EXPECT_TRUE(ids.insert(finding.id).second) << finding.id;
  }
}

// One thing less than perfect, and the row that must say so.
struct Defect {
  const char* id;
  Verdict verdict;
  const char* found;
  const char* advice;
  std::function<void(MachineFacts&)> cause;
};

class DefectTest : public ::testing::TestWithParam<Defect> {};

TEST_P(DefectTest, IsNamedWithWhatIsLostAndWhatToDo) {
  MachineFacts facts = Perfect();
  GetParam().cause(facts);
  const Finding row = Row(facts, GetParam().id);
  EXPECT_EQ(row.verdict, GetParam().verdict);
  EXPECT_THAT(row.found, HasSubstr(GetParam().found));
  EXPECT_THAT(row.advice, HasSubstr(GetParam().advice));
  EXPECT_FALSE(row.lost.empty());
  // Nothing else is to blame.
  for (const Finding& other : MakeFindings(facts)) {
    if (other.id == row.id || other.verdict == Verdict::kMoot) continue;
    EXPECT_TRUE(other.lost.empty()) << other.id;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DefectTest,
    ::testing::Values(
        Defect{"cpu.ospke", Verdict::kNo, "not switched on", "nopku",
               [](MachineFacts& f) {
                 f.cpu.keys_enabled = false;
                 f.keys.free = 0;
               }},
        Defect{"keys.free", Verdict::kNo, "pkey_alloc answers EPERM",
               "seccomp filter",
               [](MachineFacts& f) {
                 f.keys.free = 0;
                 f.keys.allocate.error = EPERM;
               }},
        Defect{"keys.free", Verdict::kNo, "pkey_alloc answers ENOSYS",
               "container's seccomp profile",
               [](MachineFacts& f) {
                 f.calls.in_container = true;
                 f.keys.free = 0;
                 f.keys.allocate.error = ENOSYS;
               }},
        Defect{"keys.free", Verdict::kNo, "pkey_alloc kills the process",
               "seccomp filter",
               [](MachineFacts& f) {
                 f.keys.free = 0;
                 f.keys.allocate = {0, true};
               }},
        Defect{"keys.free", Verdict::kNo, "pkey_mprotect answers EPERM",
               "pkey_mprotect",
               [](MachineFacts& f) {
                 f.keys.allocate = {};
                 f.keys.protect.error = EPERM;
               }},
        Defect{"keys.free", Verdict::kNo, "pkey_alloc answers ENOSPC",
               "all are taken", [](MachineFacts& f) { f.keys.free = 0; }},
        Defect{"keys.free", Verdict::kPart, "9 of 15; Bulkhead takes 7, 2",
               "takes the others",
               [](MachineFacts& f) {
                 f.keys.free = 9;
                 f.keys.taken = 7;
               }},
        Defect{"keys.free", Verdict::kNo, "4 of 15", "keys_left=0",
               [](MachineFacts& f) {
                 f.keys.free = 4;
                 f.keys.taken = 0;
                 f.keys.absence = KeyAbsence::kTooFew;
               }},
        Defect{"keys.enforced", Verdict::kNo, "the read went through",
               "backend=mprotect",
               [](MachineFacts& f) {
                 f.signals.closed_key_stops = Trial::kFails;
               }},
        Defect{"keys.enforced", Verdict::kPart, "does not name the key",
               "kernel",
               [](MachineFacts& f) { f.signals.fault_names_key = false; }},
        Defect{"keys.enforced", Verdict::kPart, "killed", "kernel",
               [](MachineFacts& f) {
                 f.signals.closed_key_stops = Trial::kKills;
               }},
        Defect{"kernel", Verdict::kPart, "Linux 6.12.5", "6.12.5 or later",
               [](MachineFacts& f) { f.kernel.patch = 4; }},
        Defect{"fsgsbase", Verdict::kNo, "not allowed by the kernel",
               "nofsgsbase",
               [](MachineFacts& f) { f.kernel.fsgsbase = false; }},
        Defect{"fsgsbase", Verdict::kNo, "not in the CPU", "use a CPU",
               [](MachineFacts& f) {
                 f.kernel.fsgsbase = f.cpu.fsgsbase = false;
               }},
        Defect{"signals.return", Verdict::kNo, "not restored", "6.12.5",
               [](MachineFacts& f) {
                 f.signals.return_keeps_rights = Trial::kFails;
               }},
        Defect{"signals.closed_stack", Verdict::kNo, "kills", "6.12.5",
               [](MachineFacts& f) {
                 f.signals.handler_on_closed_stack = Trial::kKills;
               }},
        Defect{"signals.closed_stack", Verdict::kNo, "did not run", "6.12.5",
               [](MachineFacts& f) {
                 f.signals.handler_on_closed_stack = Trial::kFails;
               }},
        Defect{"mseal", Verdict::kNo, "not in this kernel", "6.10",
               [](MachineFacts& f) { f.calls.mseal.error = ENOSYS; }},
        Defect{"mseal", Verdict::kNo, "refused", "allow mseal",
               [](MachineFacts& f) { f.calls.mseal.error = EPERM; }},
        Defect{"seccomp", Verdict::kNo, "no filters", "CONFIG_SECCOMP_FILTER",
               [](MachineFacts& f) { f.calls.filter.error = EINVAL; }},
        Defect{"membarrier", Verdict::kNo, "ENOSYS", "allow membarrier",
               [](MachineFacts& f) { f.calls.membarrier.error = ENOSYS; }},
        Defect{"memory.reservation", Verdict::kPart,
               "1.5 GiB reserved of 16 TiB wanted, under a limit of 4 GiB",
               "ulimit -v",
               [](MachineFacts& f) {
                 f.memory.address_space_limit = uint64_t{4} << 30;
                 f.memory.reservation = uint64_t{3} << 29;
               }},
        Defect{"memory.reservation", Verdict::kNo, "nothing reserved",
               "ulimit -v",
               [](MachineFacts& f) {
                 f.memory.address_space_limit = 1 << 20;
                 f.memory.reservation = 0;
               }},
        Defect{"memory.overcommit", Verdict::kPart, "mode 2",
               "vm.overcommit_memory=0",
               [](MachineFacts& f) { f.memory.overcommit = 2; }},
        Defect{"memory.maps", Verdict::kPart, "at most 1000",
               "vm.max_map_count=65530",
               [](MachineFacts& f) { f.memory.map_count = 1000; }},
        Defect{"memory.lock", Verdict::kPart, "64 KiB", "ulimit -l",
               [](MachineFacts& f) { f.memory.lock_limit = 64 << 10; }}));

TEST(FindingsTest, WithoutKeysTheCpuAloneIsToBlame) {
  int lost = 0;
  for (const Finding& finding : MakeFindings(WithoutKeys())) {
    if (!finding.lost.empty()) ++lost;
  }
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(Row(WithoutKeys(), "cpu.pku").verdict, Verdict::kNo);
  for (const char* id : {"cpu.ospke", "keys.free", "keys.enforced",
                         "signals.return", "signals.closed_stack"}) {
    EXPECT_EQ(Row(WithoutKeys(), id).verdict, Verdict::kMoot) << id;
  }
}

TEST(FindingsTest, AdviceForKeysDependsOnCpuAndHypervisor) {
  MachineFacts facts = WithoutKeys();
  EXPECT_THAT(Row(facts, "cpu.pku").advice, HasSubstr("firmware"));
  facts.cpu.hypervisor = "KVMKVMKVM";
  EXPECT_THAT(Row(facts, "cpu.pku").advice,
              HasSubstr("the hypervisor hides them"));
  EXPECT_THAT(Row(facts, "cpu").found, HasSubstr("under KVM"));
  facts.cpu.model = 0x9e;  // Coffee Lake
  EXPECT_THAT(Row(facts, "cpu.pku").advice,
              HasSubstr("use a CPU that has keys: Intel Xeon Scalable"));
  facts.cpu.model = 1;
  EXPECT_THAT(Row(facts, "cpu.pku").advice,
              HasSubstr("if the host's CPU has keys"));
  facts.cpu.hypervisor = "TCGTCGTCGTCG";
  EXPECT_THAT(Row(facts, "cpu.pku").advice, HasSubstr("-cpu max"));
}

TEST(ModelHasKeysTest, KnowsFamilies) {
  CpuFacts cpu;
  cpu.vendor = "AuthenticAMD";
  cpu.family = 0x19;
  EXPECT_EQ(ModelHasKeys(cpu), Knowledge::kYes);
  cpu.family = 0x17;
  EXPECT_EQ(ModelHasKeys(cpu), Knowledge::kNo);
  cpu.family = 0xf;
  EXPECT_EQ(ModelHasKeys(cpu), Knowledge::kNo);
  cpu.hypervisor = "KVMKVMKVM";  // its generic model
  EXPECT_EQ(ModelHasKeys(cpu), Knowledge::kUnknown);
  cpu.vendor = "CentaurHauls";
  EXPECT_EQ(ModelHasKeys(cpu), Knowledge::kUnknown);
}

TEST(KernelFactsTest, VersionsAreCompared) {
  const KernelFacts& kernel = Perfect().kernel;  // 6.12.5
  EXPECT_TRUE(kernel.AtLeast(6, 12, 5));
  EXPECT_TRUE(kernel.AtLeast(6, 11, 9));
  EXPECT_TRUE(kernel.AtLeast(5, 99, 9));
  EXPECT_FALSE(kernel.AtLeast(6, 12, 6));
  EXPECT_FALSE(kernel.AtLeast(6, 13, 0));
  EXPECT_FALSE(kernel.AtLeast(7, 0, 0));
}

}  // namespace
}  // namespace bulkhead
