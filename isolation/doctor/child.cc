// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/child.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bulkhead {
namespace {

// A trial takes microseconds; on an emulated machine under load, more.
constexpr unsigned kMostSeconds = 20;

// A trial that the kernel ends is no crash that anyone should hear of.
void Prepare() {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  for (int number : {SIGSEGV, SIGSYS, SIGALRM}) signal(number, SIG_DFL);
  alarm(kMostSeconds);
}

}  // namespace

absl::StatusOr<ChildEnd> RunChild(const std::function<void(void* report)>& body,
                                  void* report, size_t report_bytes) {
  void* shared = mmap(nullptr, report_bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, "no memory for a trial's report");
  }
  std::memcpy(shared, report, report_bytes);
  const pid_t pid = fork();
  if (pid == 0) {
    Prepare();
    body(shared);
    _exit(0);
  }
  const int fork_error = errno;
  int status = 0;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  std::memcpy(report, shared, report_bytes);
  munmap(shared, report_bytes);
  if (pid < 0) {
    return absl::ErrnoToStatus(fork_error, "cannot start a trial: fork");
  }
  ChildEnd end;
  if (WIFEXITED(status)) end.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace bulkhead
