// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Runs a command, once or several times, and reports how long it took and how
// much memory was resident at most.
//
// Linked statically, for two reasons. The kernel counts what was resident
// before the exec into a process's peak, so whoever starts small programs must
// be smaller than they are; and LD_PRELOAD, which is for the command, must not
// reach this program.

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kNoRun = 127;

double Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

double Seconds(const struct timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

struct Report {
  double seconds = 0;
  double cpu_seconds = 0;
  long peak_rss_kib = 0;
};

// The command's wait status, or -1 where it could not be started.
int RunOnce(char** command, Report* report) {
  const double begin = Now();
  const pid_t pid = vfork();
  if (pid == 0) {
    execvp(command[0], command);
    _exit(kNoRun);
  }
  if (pid < 0) return -1;
  int status = 0;
  struct rusage usage;
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) return -1;
  }
  report->seconds += Now() - begin;
  report->cpu_seconds += Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  if (usage.ru_maxrss > report->peak_rss_kib) {
    report->peak_rss_kib = usage.ru_maxrss;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const long times = argc > 3 ? strtol(argv[2], nullptr, 10) : 0;
  if (times < 1) {
    fputs("usage: measure REPORT TIMES COMMAND [ARGUMENT]...\n", stderr);
    return 2;
  }
  Report report;
  for (long i = 0; i < times; ++i) {
    const int status = RunOnce(argv + 3, &report);
    if (status == -1) {
      fprintf(stderr, "measure: cannot start %s: %s\n", argv[3],
              strerror(errno));
      return kNoRun;
    }
    if (WIFSIGNALED(status)) {
      fprintf(stderr, "measure: %s was ended by signal %d\n", argv[3],
              WTERMSIG(status));
      return 128 + WTERMSIG(status);
    }
    if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  }
  FILE* file = fopen(argv[1], "w");
  if (file == nullptr ||
      fprintf(file, "seconds=%.6f cpu_seconds=%.6f peak_rss_kib=%ld\n",
              report.seconds, report.cpu_seconds, report.peak_rss_kib) < 0 ||
      fclose(file) != 0) {
    fprintf(stderr, "measure: cannot write %s\n", argv[1]);
    return 1;
  }
  return 0;
}
