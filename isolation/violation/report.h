// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Reports: what is written when a thread does what its domain does not allow.
//
//   ==4711==ERROR: Bulkhead: compartment-read on address 0x7e0012345678
//     memory of a compartment was read from a domain that may not
//     access: read
//     address belongs to: compartment 'keys' (key 9), its heap
//     object: 112 bytes at 0x7e0012345670, in use; the address is at offset 8
//     current domain: root
//     granted to it: to read 'tables'
//     gates: root
//     thread: 4713
//       #0 0x55d0c0 in main (/usr/bin/server+0x55c0)
//     registers: rax=0x0 ...
//   SUMMARY: Bulkhead: compartment-read of 'keys' in main
//
// The process ends by abort(). Options: log_path, report. See
// docs/reports/README.md.

#ifndef BULKHEAD_ISOLATION_VIOLATION_REPORT_H_
#define BULKHEAD_ISOLATION_VIOLATION_REPORT_H_

#include <ucontext.h>

#include <cstdint>

#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

enum class ViolationKind {
#define BH_KIND(enumerator, name, text) enumerator,
#include "isolation/violation/kinds.inc"
#undef BH_KIND
};

enum class Access : uint8_t { kNone, kRead, kWrite, kExecute };

// Where a violation happened.
struct ViolationPlace {
  uintptr_t address = 0;          // what was touched or freed
  uintptr_t program_counter = 0;  // of the access, or after the call
  bool after_call = false;        // which of the two
  Access access = Access::kNone;  // none: it was found before one
  CompartmentId domain = kRoot;   // in whose domain the thread ran
  // Whether the stack below the program counter may be read from here.
  bool stack_readable = true;
  // What the signal interrupted, if one told of the violation. The report shows
  // its registers unless the domain is a vault's.
  const ucontext_t* context = nullptr;
};

// A block of a heap.
struct HeapObject {
  PageRange memory = {};
  bool in_use = false;
};

// Finds the block that the address lies in; false: there is none. Set once at
// start. Runs in: a domain that may call the monitor.
using ObjectFinder = bool (*)(uintptr_t address, HeapObject& object);
extern ObjectFinder object_finder;

// Writes the report and aborts. One report at a time: a second thread that has
// one to make waits for the process to end. In a sandbox, has the handler of
// the fault that it causes write it. Allocates nothing. Signal-safe. Runs in:
// any domain whose stack is accessible.
[[noreturn]] void ReportViolation(ViolationKind kind,
                                  const ViolationPlace& place);

// Reports what code in a sandbox has found, if it has.
void ReportAccusation(const ThreadRecord& record, ViolationPlace place);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_REPORT_H_
