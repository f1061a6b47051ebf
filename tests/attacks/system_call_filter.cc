// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/attacks/system_call_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace bulkhead_test {

namespace {

// What the filter looks at: the lower half of a field of seccomp_data.
sock_filter Load(size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<unsigned>(offset)};
}
// Goes on if it is `value`; else passes `over` instructions.
sock_filter PassUnless(unsigned value, unsigned char over) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, over, value};
}
sock_filter Return(unsigned action) { return {BPF_RET | BPF_K, 0, 0, action}; }

template <size_t kSize>
void Install(sock_filter (&filter)[kSize]) {
  const sock_fprog program = {kSize, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(98);
  }
}

}  // namespace

void Answer(int number, unsigned error) {
  sock_filter filter[] = {Load(offsetof(seccomp_data, nr)),
                          PassUnless(static_cast<unsigned>(number), 1),
                          Return(SECCOMP_RET_ERRNO | error),
                          Return(SECCOMP_RET_ALLOW)};
  Install(filter);
}

void AnswerWhere(int number, int argument, unsigned value, unsigned error) {
  const size_t word = offsetof(seccomp_data, args) +
                      static_cast<size_t>(argument) * sizeof(uint64_t);
  sock_filter filter[] = {Load(offsetof(seccomp_data, nr)),
                          PassUnless(static_cast<unsigned>(number), 3),
                          Load(word),
                          PassUnless(value, 1),
                          Return(SECCOMP_RET_ERRNO | error),
                          Return(SECCOMP_RET_ALLOW)};
  Install(filter);
}

}  // namespace bulkhead_test
