// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/forked_run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "tests/fuzz/coverage.h"
#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {
namespace {

// A list that takes longer hangs, emulated or not.
constexpr unsigned kMostSeconds = 100;

constexpr const char* kReports[] = {
#define BH_KIND(enumerator, name, text) name,
#include "isolation/violation/kinds.inc"
#undef BH_KIND
};

constexpr char kErrorMark[] = "ERROR: Bulkhead: ";

// A file without a name, for stderr.
int MessageFile() {
  static const int file = memfd_create("messages", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0) {
    abort();
  }
  return file;
}

std::string ReadMessages(int file) {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t size = pread(file, buffer, sizeof(buffer), at);
    if (size <= 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    at += size;
  }
}

void ResetSignals() {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM,
                           SIGINT, SIGTERM, SIGXFSZ, SIGUSR1, SIGUSR2}) {
    ::signal(signal, SIG_DFL);
  }
}

[[noreturn]] void RunChild(const OperationList& list, Family& family,
                           const std::function<void(Executor&)>& last,
                           int messages) {
  ResetSignals();
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  dup2(messages, STDERR_FILENO);
  alarm(kMostSeconds);
  OpenOutside();
  // Not in the heap that is being tested.
  alignas(Executor) static unsigned char storage[sizeof(Executor)];
  auto& executor = *new (storage) Executor(family);
  executor.Play(list);
  last(executor);
  PublishCoverage();
  _exit(0);
}

// Whether messages of a process that a hostile compartment ended are of
// violations, and not of Bulkhead's own trouble.
bool AreOfViolations(const std::string& messages) {
  if (messages.find("<jemalloc>") != messages.npos ||
      messages.find("<bulkhead>") != messages.npos) {
    return false;
  }
  return messages.find(kErrorMark) == messages.npos ||
         !ReportIn(messages).empty();
}

void Judge(int status, Outcome& outcome) {
  const Evidence& evidence = TheEvidence();
  if (evidence.found) {
    outcome.trouble = evidence.text;
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    outcome.in_order = true;
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == kDiedStatus) {
    outcome.died = true;
    outcome.in_order =
        evidence.died_in_order && AreOfViolations(outcome.messages);
    if (!outcome.in_order) outcome.trouble = "it died, not by a violation";
  } else if (WIFSIGNALED(status)) {
    outcome.died = true;
    outcome.trouble =
        WTERMSIG(status) == SIGALRM
            ? "it hung"
            : std::string("it died: ") + strsignal(WTERMSIG(status));
  } else {
    outcome.trouble =
        "it ended with status " + std::to_string(WEXITSTATUS(status));
  }
}

// Where the list had come to.
std::string PlaceIn(const OperationList& list) {
  const uint32_t at = TheEvidence().at;
  return at < list.size()
             ? " at operation " + std::to_string(at) + ", " + Print(list[at])
             : std::string(", with no operation");
}

}  // namespace

Outcome RunInFork(const OperationList& list, Family& family,
                  const std::function<void(Executor&)>& last) {
  const int messages = MessageFile();
  new (&TheEvidence()) Evidence;
  PrepareCoverage();
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) RunChild(list, family, last, messages);
  int status = 0;
  if (waitpid(child, &status, 0) != child) abort();
  CollectCoverage();
  Outcome outcome;
  outcome.messages = ReadMessages(messages);
  Judge(status, outcome);
  if (!outcome.in_order) outcome.trouble += PlaceIn(list);
  return outcome;
}

Outcome RunInFork(const OperationList& list, Family& family) {
  return RunInFork(list, family,
                   [](Executor& executor) { executor.CleanUp(); });
}

Outcome RunInFork(const OperationList& list) {
  static Family family;
  return RunInFork(list, family);
}

std::string ReportIn(const std::string& messages) {
  const size_t mark = messages.find(kErrorMark);
  if (mark == messages.npos) return "";
  const std::string rest = messages.substr(mark + strlen(kErrorMark), 64);
  for (const char* report : kReports) {
    if (rest.rfind(std::string(report) + " on address ", 0) == 0) return report;
  }
  return "";
}

}  // namespace bulkhead_fuzz
