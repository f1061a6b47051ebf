// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What was found out about a machine. Plain values: tests make them up.
#ifndef BULKHEAD_ISOLATION_DOCTOR_FACTS_H_
#define BULKHEAD_ISOLATION_DOCTOR_FACTS_H_

#include <cstdint>
#include <string>

#include "isolation/keys/key_pool.h"

namespace bulkhead {

struct CpuFacts {
  std::string vendor;  // as CPUID spells it: "GenuineIntel"
  std::string name;
  int family = 0;
  int model = 0;
  bool keys = false;          // CPUID: PKU
  bool keys_enabled = false;  // CPUID: OSPKE, set by the kernel
  bool fsgsbase = false;
  std::string hypervisor;  // its CPUID signature; empty on bare hardware
};

struct KernelFacts {
  std::string release;
  int major = 0;
  int minor = 0;
  int patch = 0;
  bool fsgsbase = false;  // AT_HWCAP2 bit 1: user code may use it

  bool AtLeast(int wanted_major, int wanted_minor, int wanted_patch) const;
};

// How the kernel answered a system call that was made in a child process.
struct Answer {
  int error = 0;        // errno; 0: it succeeded
  bool killed = false;  // the child died of it, by a seccomp filter

  bool ok() const { return error == 0 && !killed; }
};

struct KeyFacts {
  int free = 0;     // keys that this process could allocate
  Answer allocate;  // the answer that ended the counting
  Answer protect;   // pkey_mprotect, asked for nothing
  KeyAbsence absence = KeyAbsence::kNone;  // what the library decides
  int taken = 0;                           // keys that the library takes
};

// What became of a child process that tried something with keys.
enum class Trial {
  kNotMade,  // there are no keys to try it with
  kWorks,
  kFails,  // it went on, with the wrong result
  kKills,  // the kernel ended the child
};

struct SignalFacts {
  Trial closed_key_stops = Trial::kNotMade;  // a read of a closed page faults
  bool fault_names_key = false;              // SEGV_PKUERR with its si_pkey
  Trial return_keeps_rights = Trial::kNotMade;  // PKRU after a handler
  Trial handler_on_closed_stack = Trial::kNotMade;
};

struct SyscallFacts {
  Answer mseal;          // asked with wrong arguments: EINVAL means present
  Answer membarrier;     // registration of the private expedited command
  Answer filter;         // installing a filter from a null pointer: EFAULT
  int seccomp_mode = 0;  // of this process: 0 none, 1 strict, 2 filter
  bool in_container = false;
};

struct MemoryFacts {
  uint64_t address_space_limit = 0;  // RLIMIT_AS, RLIM_INFINITY: none
  uint64_t reservation_wanted = 0;
  uint64_t reservation = 0;  // what the library gets; 0: not even the least
  int overcommit = -1;       // -1: not readable, here and below
  int64_t map_count = -1;
  uint64_t lock_limit = 0;     // RLIMIT_MEMLOCK
  bool may_lock_more = false;  // CAP_IPC_LOCK
  uint64_t core_limit = 0;     // RLIMIT_CORE
  std::string core_pattern;    // empty: not readable
};

struct MachineFacts {
  CpuFacts cpu;
  KernelFacts kernel;
  KeyFacts keys;
  SignalFacts signals;
  SyscallFacts calls;
  MemoryFacts memory;
};

inline bool KernelFacts::AtLeast(int wanted_major, int wanted_minor,
                                 int wanted_patch) const {
  if (major != wanted_major) return major > wanted_major;
  if (minor != wanted_minor) return minor > wanted_minor;
  return patch >= wanted_patch;
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_FACTS_H_
