// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/program.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "docs/examples/vault_keys/child.h"

namespace bulkhead::vault_keys {
namespace {

constexpr unsigned kTimeLimitSeconds = 200;

struct Command {
  const std::vector<std::string>& words;
  const std::string& preload;
};

void Become(const void* context, int out) {
  const Command& command = *static_cast<const Command*>(context);
  std::vector<char*> arguments;
  for (const std::string& word : command.words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  if (!command.preload.empty()) {
    setenv("LD_PRELOAD", command.preload.c_str(), 1);
  }
  dup2(out, STDOUT_FILENO);
  // The alarm outlives exec.
  alarm(kTimeLimitSeconds);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

bool ProgramOutcome::ExitedWith(int status) const {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == status;
}

bool ProgramOutcome::DiedOf(int signal) const {
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == signal;
}

std::string ProgramOutcome::LastLine() const {
  std::string text = output;
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

ProgramOutcome RunProgram(const std::vector<std::string>& words,
                          const std::string& preload) {
  const Command command = {words, preload};
  std::string output(kMostLoot, '\0');
  const ChildOutcome child =
      RunInChild(Become, &command, reinterpret_cast<uint8_t*>(output.data()));
  if (!child.ran) abort();
  output.resize(child.loot_bytes);
  return {child.wait_status, output, child.errors};
}

std::string Runfile(const std::string& path) {
  const char* const root = getenv("TEST_SRCDIR");
  if (root == nullptr) abort();
  return std::string(root) + "/bulkhead/" + path;
}

}  // namespace bulkhead::vault_keys
