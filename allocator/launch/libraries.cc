// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/libraries.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bulkhead {
namespace {

// What the loader prints for any program fits many times.
constexpr size_t kMaxOutputBytes = 4 << 20;

// The environment without what would change the answer or be preloaded.
std::vector<char*> LoaderEnvironment() {
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (absl::StartsWith(*entry, "LD_") &&
        !absl::StartsWith(*entry, "LD_LIBRARY_PATH=")) {
      continue;
    }
    environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  return environment;
}

// Reads to the end of `fd`, even past what is kept, so that the writer does not
// block.
std::string ReadAll(int fd) {
  std::string output;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return output;
    if (output.size() < kMaxOutputBytes) {
      output.append(buffer, static_cast<size_t>(got));
    }
  }
}

// Starts `loader` --list `program` with its output going to `write_end`.
bool Spawn(const std::string& loader, const std::string& program, int write_end,
           pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  std::string arguments[] = {loader, "--list", program};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  nullptr};
  std::vector<char*> environment = LoaderEnvironment();
  const int error = posix_spawn(pid, loader.c_str(), &actions, nullptr, argv,
                                environment.data());
  posix_spawn_file_actions_destroy(&actions);
  return error == 0;
}

}  // namespace

std::vector<std::string> ParseLibraryList(absl::string_view output) {
  std::vector<std::string> paths;
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    line = absl::StripLeadingAsciiWhitespace(line);
    const size_t arrow = line.find(" => ");
    if (arrow != absl::string_view::npos) line.remove_prefix(arrow + 4);
    const size_t address = line.rfind(" (0x");
    if (address == absl::string_view::npos || !absl::StartsWith(line, "/")) {
      continue;
    }
    paths.emplace_back(line.substr(0, address));
  }
  return paths;
}

std::vector<std::string> ListLibraries(const std::string& loader,
                                       const std::string& program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  pid_t pid = 0;
  const bool started = Spawn(loader, program, ends[1], &pid);
  close(ends[1]);
  std::string output;
  int status = 1;
  if (started) {
    output = ReadAll(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return {};
  return ParseLibraryList(output);
}

}  // namespace bulkhead
