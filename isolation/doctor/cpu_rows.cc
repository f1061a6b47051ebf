// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "isolation/doctor/rows.h"

namespace bulkhead {
namespace {

// The signature of QEMU where it emulates the CPU too.
constexpr char kQemuEmulation[] = "TCGTCGTCGTCG";

const char* HypervisorName(const std::string& signature) {
  constexpr struct {
    const char* signature;
    const char* name;
  } kKnown[] = {
      {"KVMKVMKVM", "KVM"},
      {"Microsoft Hv", "Hyper-V"},
      {"VMwareVMware", "VMware"},
      {"XenVMMXenVMM", "Xen"},
      {kQemuEmulation, "QEMU's emulation"},
      {"bhyve bhyve ", "bhyve"},
  };
  for (const auto& known : kKnown) {
    if (signature == known.signature) return known.name;
  }
  return signature.c_str();
}

Finding Cpu(const CpuFacts& cpu) {
  Finding row = {"cpu", "CPU", Verdict::kPlain, "", "", ""};
  row.found = absl::StrCat(cpu.name.empty() ? cpu.vendor : cpu.name,
                           ", family ", cpu.family, " model ", cpu.model);
  if (!cpu.hypervisor.empty()) {
    absl::StrAppend(&row.found, ", under ", HypervisorName(cpu.hypervisor));
  }
  return row;
}

std::string MissingKeysAdvice(const CpuFacts& cpu) {
  constexpr char kWhichCpus[] =
      "Intel Xeon Scalable (Skylake-SP, 2017) and later, Intel Core of the "
      "11th generation and later, AMD Zen 3 and later";
  constexpr char kPassThrough[] =
      "let it pass the CPU through (QEMU and KVM: -cpu host; libvirt: "
      "host-passthrough), or take another kind of virtual machine";
  const bool guest = !cpu.hypervisor.empty();
  if (cpu.hypervisor == kQemuEmulation) return "start QEMU with -cpu max";
  switch (ModelHasKeys(cpu)) {
    case Knowledge::kYes:
      return guest ? absl::StrCat(
                         "this CPU model has keys and the hypervisor "
                         "hides them: ",
                         kPassThrough)
                   : "this CPU model has keys: look for a firmware setting "
                     "that hides them, and update the firmware";
    case Knowledge::kNo:
      return absl::StrCat("use a CPU that has keys: ", kWhichCpus);
    case Knowledge::kUnknown:
      break;
  }
  return guest ? absl::StrCat("if the host's CPU has keys (", kWhichCpus,
                              "), the hypervisor hides them: ", kPassThrough)
               : absl::StrCat("use a CPU that has keys: ", kWhichCpus);
}

Finding CpuKeys(const CpuFacts& cpu) {
  if (cpu.keys) {
    return {"cpu.pku",
            "protection keys: CPU",
            Verdict::kYes,
            "CPUID reports PKU",
            "",
            ""};
  }
  return {"cpu.pku",        "protection keys: CPU",
          Verdict::kNo,     "CPUID reports none",
          kMprotectInstead, MissingKeysAdvice(cpu)};
}

Finding KernelKeys(const CpuFacts& cpu) {
  Finding row = {"cpu.ospke",
                 "protection keys: kernel",
                 Verdict::kYes,
                 "switched on (OSPKE)",
                 "",
                 ""};
  if (cpu.keys_enabled) return row;
  if (!cpu.keys) {
    row.verdict = Verdict::kMoot;
    row.found = "nothing to switch on";
    return row;
  }
  row.verdict = Verdict::kNo;
  row.found = "not switched on";
  row.lost = kMprotectInstead;
  row.advice =
      "boot without nopku, with a kernel that has "
      "CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS";
  return row;
}

}  // namespace

Knowledge ModelHasKeys(const CpuFacts& cpu) {
  if (cpu.vendor == "AuthenticAMD") {
    if (cpu.family >= 0x19) return Knowledge::kYes;  // Zen 3 and later
    // Hypervisors' generic models claim an old family, whatever is below.
    return cpu.family < 0x17 && !cpu.hypervisor.empty() ? Knowledge::kUnknown
                                                        : Knowledge::kNo;
  }
  if (cpu.vendor != "GenuineIntel" || cpu.family != 6) {
    return Knowledge::kUnknown;
  }
  constexpr int kWith[] = {
      0x55,                    // Xeon Scalable, first to third generation
      0x6a, 0x6c,              // Ice Lake-SP, Ice Lake-D
      0x8f, 0xcf, 0xad, 0xae,  // Sapphire, Emerald and Granite Rapids
      0x8c, 0x8d, 0xa7,        // Tiger Lake, Rocket Lake: 11th generation Core
      0x97, 0x9a,              // Alder Lake: 12th
      0xb7, 0xba, 0xbf,        // Raptor Lake: 13th and 14th
  };
  constexpr int kWithout[] = {
      0x3c, 0x3f, 0x45, 0x46,  // Haswell
      0x3d, 0x47, 0x4f, 0x56,  // Broadwell
      0x4e, 0x5e,              // Skylake client
      0x8e, 0x9e, 0xa5, 0xa6,  // Kaby, Coffee and Comet Lake
  };
  const auto has = [&cpu](const auto& models) {
    return std::find(std::begin(models), std::end(models), cpu.model) !=
           std::end(models);
  };
  return has(kWith)      ? Knowledge::kYes
         : has(kWithout) ? Knowledge::kNo
                         : Knowledge::kUnknown;
}

std::vector<Finding> CpuRows(const CpuFacts& cpu) {
  return {Cpu(cpu), CpuKeys(cpu), KernelKeys(cpu)};
}

}  // namespace bulkhead
