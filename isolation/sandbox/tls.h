// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A thread's thread-local storage in a sandbox. What libc and compiled code
// keep there for a thread is not the sandbox's to read or write, so the thread
// has another set of it inside, under the sandbox's key, which the gate selects
// by the FS base.
//
// It is as libc lays it out (System V ABI for x86-64, ELF TLS variant II;
// glibc's tcbhead_t and dtv_t):
//
//   [ dtv | TLS of libraries loaded later | static TLS ] FS base -> [ TCB ]
//
// Variables begin as in a new thread. Libraries that are loaded afterwards have
// none in the threads that are inside already.

#ifndef BULKHEAD_ISOLATION_SANDBOX_TLS_H_
#define BULKHEAD_ISOLATION_SANDBOX_TLS_H_

#include <locale.h>

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// The thread-local variables of one library or of the program.
struct TlsModule {
  const unsigned char* image = nullptr;  // what the first of them begin with
  size_t image_bytes = 0;
  size_t bytes = 0;
  size_t below = 0;  // the FS base minus where they begin
  size_t number = 0;
};

inline constexpr size_t kMostTlsModules = 120;

// How a thread's TLS in a sandbox is to be laid out. Lies on key 0, where the
// sandbox can read it.
struct TlsPlan {
  size_t bytes_below = 0;  // the FS base
  size_t bytes_above = 0;
  size_t dtv_below = 0;
  size_t dtv_slots = 0;
  size_t generation = 0;
  uint64_t stack_guard = 0;
  uint64_t pointer_guard = 0;
  uint32_t multiple_threads = 0;
  size_t tid_offset = 0;  // in the TCB; 0: not known
  int32_t tid = 0;
  ptrdiff_t rseq_offset = 0;
  // The program's locale may lie in the root's heap; C's is constant.
  locale_t (*use_locale)(locale_t) = nullptr;
  locale_t locale = nullptr;
  size_t modules = 0;
  TlsModule module[kMostTlsModules];
};

// A plan for the calling thread, in pages of its own, which the caller gives
// back by DropTlsPlan(). nullptr: no memory, or more than fits. Runs in: the
// root's domain or a vault's.
TlsPlan* MakeTlsPlan();
void DropTlsPlan(TlsPlan* plan);

// Lays out the TLS of the calling thread, which runs in a sandbox and has none
// yet, by the plan whose address this is. An entry. Always 0.
uint64_t FillTls(uint64_t plan, uint64_t, uint64_t, uint64_t, uint64_t,
                 uint64_t);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SANDBOX_TLS_H_
