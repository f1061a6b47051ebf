// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/malloc_family/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ostream>

namespace bulkhead {
namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      std::perror("pipe2");
      std::abort();
    }
    read_end = ends[0];
    write_end = ends[1];
  }
};

[[noreturn]] void Become(const Command& command, int output, int errors) {
  std::vector<char*> arguments;
  for (const std::string& argument : command.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);
  }
  for (const std::string& variable : command.variables) {
    environment.push_back(const_cast<char*>(variable.c_str()));
  }
  environment.push_back(nullptr);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  // The pending alarm outlives exec; no child can outstay its time.
  alarm(command.seconds);
  for (const auto& [resource, value] : command.limits) {
    const struct rlimit limit = {value, value};
    if (setrlimit(resource, &limit) != 0) _exit(126);
  }
  execve(arguments[0], arguments.data(), environment.data());
  _exit(127);
}

// Reads both pipes until their writers have gone.
void Collect(int output, int errors, Outcome* outcome) {
  struct pollfd sources[] = {{output, POLLIN, 0}, {errors, POLLIN, 0}};
  std::string* const sinks[] = {&outcome->output, &outcome->errors};
  int open_sources = 2;
  while (open_sources > 0) {
    if (poll(sources, 2, -1) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (sources[i].fd < 0 || sources[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t size = read(sources[i].fd, buffer, sizeof(buffer));
      if (size > 0) {
        sinks[i]->append(buffer, static_cast<size_t>(size));
      } else {
        close(sources[i].fd);
        sources[i].fd = -1;
        --open_sources;
      }
    }
  }
}

}  // namespace

bool Outcome::ExitedWith(int code) const {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

bool Outcome::DiedOf(int signal) const {
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  if (WIFSIGNALED(outcome.status)) {
    stream << "died of signal " << WTERMSIG(outcome.status);
  } else {
    stream << "exited with " << WEXITSTATUS(outcome.status);
  }
  return stream << "\nstdout:\n"
                << outcome.output << "\nstderr:\n"
                << outcome.errors;
}

Outcome RunProgram(const Command& command) {
  const Pipe output;
  const Pipe errors;
  Outcome outcome;
  outcome.pid = fork();
  if (outcome.pid == 0) Become(command, output.write_end, errors.write_end);
  close(output.write_end);
  close(errors.write_end);
  if (outcome.pid < 0) std::perror("fork");
  Collect(output.read_end, errors.read_end, &outcome);
  if (outcome.pid > 0) waitpid(outcome.pid, &outcome.status, 0);
  return outcome;
}

ChildPaths child_paths;

Variant OnGlibc() { return {"glibc", child_paths.plain, ""}; }
Variant Preloaded() {
  return {"preloaded", child_paths.plain, child_paths.library};
}
Variant Linked() { return {"linked", child_paths.linked, ""}; }

Command Variant::With(std::vector<std::string> arguments) const {
  Command command;
  command.arguments = {program};
  command.arguments.insert(command.arguments.end(), arguments.begin(),
                           arguments.end());
  if (!library.empty()) {
    // What this process runs under, such as a timer, its children do too.
    const char* const others = getenv("LD_PRELOAD");
    command.variables.push_back("LD_PRELOAD=" + library +
                                (others == nullptr ? "" : ":") +
                                (others == nullptr ? "" : others));
  }
  return command;
}

}  // namespace bulkhead
