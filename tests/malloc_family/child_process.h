// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs a program as a child and collects all that it leaves: for tests whose
// subject may not survive.

#ifndef TESTS_MALLOC_FAMILY_CHILD_PROCESS_H_
#define TESTS_MALLOC_FAMILY_CHILD_PROCESS_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace bulkhead {

struct Command {
  // The program's path first.
  std::vector<std::string> arguments;
  // NAME=VALUE, added to this process's environment.
  std::vector<std::string> variables;
  // Soft and hard limits that are in force before the program starts, such as
  // {RLIMIT_AS, bytes}.
  std::vector<std::pair<__rlimit_resource, rlim_t>> limits;
  // After this the child is killed, which shows as its status.
  unsigned seconds = 300;
};

struct Outcome {
  pid_t pid = -1;
  int status = -1;  // as of waitpid()
  std::string output;
  std::string errors;

  bool ExitedWith(int code) const;
  bool DiedOf(int signal) const;
};

// For a test's failure message.
std::ostream& operator<<(std::ostream& stream, const Outcome& outcome);

// Thread safety: none; call it from one thread at a time.
Outcome RunProgram(const Command& command);

// A child program on one allocator.
struct Variant {
  const char* name;
  // Chooses one of the paths below.
  std::string program;
  std::string library;

  // The command that runs the program with `arguments`.
  Command With(std::vector<std::string> arguments) const;
};

// What main() of the test was told about the child: the paths of the same
// program without Bulkhead and linked to it, and of the library to preload.
struct ChildPaths {
  std::string plain;
  std::string linked;
  std::string library;
};
extern ChildPaths child_paths;

Variant OnGlibc();
Variant Preloaded();
Variant Linked();

}  // namespace bulkhead

#endif  // TESTS_MALLOC_FAMILY_CHILD_PROCESS_H_
