// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "isolation/doctor/rows.h"

namespace bulkhead {
namespace {

Finding Kernel(const KernelFacts& kernel) {
  Finding row = {
      "kernel", "kernel", Verdict::kYes, absl::StrCat("Linux ", kernel.release),
      "",       ""};
  if (kernel.AtLeast(6, 12, 5)) return row;
  row.verdict = Verdict::kPart;
  row.lost = "what the rows below say, for each thing apart";
  row.advice =
      "boot Linux 6.12.5 or later; on Debian 12: apt install "
      "linux-image-6.12-amd64";
  return row;
}

Finding FsGsBase(const MachineFacts& facts) {
  Finding row = {"fsgsbase", "FSGSBASE", Verdict::kYes, "user code may use it",
                 "",         ""};
  if (facts.kernel.fsgsbase) return row;
  row.verdict = Verdict::kNo;
  row.found = facts.cpu.fsgsbase ? "in the CPU, not allowed by the kernel"
                                 : "not in the CPU";
  row.lost =
      "gates cannot check which thread runs, so Bulkhead does not use "
      "protection keys";
  row.advice = facts.cpu.fsgsbase
                   ? "boot Linux 5.9 or later, without nofsgsbase"
                   : "use a CPU that has it: any with protection keys does";
  return row;
}

Finding Mseal(const SyscallFacts& calls) {
  Finding row = {"mseal",
                 "mseal",
                 Verdict::kYes,
                 "there; this version does not use it yet",
                 "",
                 ""};
  // The question was asked wrongly on purpose, to change nothing.
  if (!calls.mseal.killed && calls.mseal.error == EINVAL) return row;
  row.verdict = Verdict::kNo;
  row.lost =
      "nothing yet: this version does not seal its tables against code that "
      "makes system calls of its own choice";
  if (!calls.mseal.killed && calls.mseal.error == ENOSYS) {
    row.found = "not in this kernel";
    row.advice = "boot Linux 6.10 or later";
  } else {
    row.found = "refused";
    row.advice = FilterAdvice(calls, "mseal");
  }
  return row;
}

Finding SignalReturn(const SignalFacts& signals) {
  Finding row = {"signals.return",
                 "rights after a signal",
                 Verdict::kYes,
                 "as before it",
                 "",
                 ""};
  if (signals.return_keeps_rights == Trial::kNotMade) {
    row.verdict = Verdict::kMoot;
    row.found = "no keys to try it with";
  } else if (signals.return_keeps_rights != Trial::kWorks) {
    row.verdict = Verdict::kNo;
    row.found = "PKRU is not restored";
    row.lost = "after any signal handler every compartment may be open";
    row.advice =
        "boot a kernel with the fix (Linux 6.12.5, 6.13 and later); until then "
        "BULKHEAD_OPTIONS=backend=mprotect";
  }
  return row;
}

Finding SignalFrames(const SignalFacts& signals) {
  Finding row = {"signals.closed_stack",
                 "handlers on a keyed stack",
                 Verdict::kYes,
                 "the kernel writes the frame whatever is closed: those of "
                 "threads that have been in a compartment lie where nobody "
                 "else writes or reads",
                 "",
                 ""};
  switch (signals.handler_on_closed_stack) {
    case Trial::kNotMade:
      row.verdict = Verdict::kMoot;
      row.found = "no keys to try it with";
      break;
    case Trial::kWorks:
      break;
    case Trial::kFails:
    case Trial::kKills:
      row.verdict = Verdict::kNo;
      row.found = signals.handler_on_closed_stack == Trial::kKills
                      ? "the kernel kills the process"
                      : "the handler did not run as it should";
      row.lost =
          "signal frames stay where threads of the interrupted domain can "
          "write: an attacker in it who wins a race with a signal changes that "
          "thread's rights, and handlers read a vault's registers";
      row.advice =
          "BULKHEAD_OPTIONS=signals=strict has signals wait while their thread "
          "is in a compartment; or boot Linux 6.12.5 or later";
      break;
  }
  return row;
}

Finding Seccomp(const SyscallFacts& calls) {
  Finding row = {"seccomp", "seccomp", Verdict::kYes, "", "", ""};
  const bool available = !calls.filter.killed && calls.filter.error == EFAULT;
  row.found = available
                  ? "filters can be installed; this version installs none yet"
                  : "no filters can be installed";
  if (calls.seccomp_mode != 0) {
    absl::StrAppend(&row.found, "; this process runs under one already",
                    calls.in_container ? ", in a container" : "");
  }
  if (available) return row;
  row.verdict = Verdict::kNo;
  row.lost =
      "nothing yet: this version does not restrict the system calls of hostile "
      "code";
  row.advice = calls.filter.error == EINVAL
                   ? "boot a kernel with CONFIG_SECCOMP_FILTER"
                   : FilterAdvice(calls, "prctl");
  return row;
}

Finding Membarrier(const SyscallFacts& calls) {
  Finding row = {"membarrier",        "membarrier", Verdict::kYes,
                 "private expedited", "",           ""};
  if (calls.membarrier.ok()) return row;
  row.verdict = Verdict::kNo;
  row.found =
      calls.membarrier.killed
          ? "kills the process"
          : absl::StrCat("answers ", strerrorname_np(calls.membarrier.error));
  row.lost =
      "compartments: one cannot be destroyed safely under running threads, so "
      "none is created";
  row.advice = FilterAdvice(calls, "membarrier");
  return row;
}

}  // namespace

std::vector<Finding> KernelRows(const MachineFacts& facts) {
  return {
      Kernel(facts.kernel),        FsGsBase(facts),
      SignalReturn(facts.signals), SignalFrames(facts.signals),
      Mseal(facts.calls),          Seccomp(facts.calls),
      Membarrier(facts.calls),
  };
}

}  // namespace bulkhead
