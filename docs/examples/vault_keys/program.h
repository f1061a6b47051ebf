// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests: runs a program and collects what it leaves.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_PROGRAM_H_
#define DOCS_EXAMPLES_VAULT_KEYS_PROGRAM_H_

#include <string>
#include <vector>

namespace bulkhead::vault_keys {

struct ProgramOutcome {
  int wait_status = 0;  // of waitpid(2)
  std::string output;   // at most kMostLoot bytes
  std::string errors;

  bool ExitedWith(int status) const;
  bool DiedOf(int signal) const;

  // The last line of the output, without its end.
  std::string LastLine() const;
};

// `words` are the program's path and arguments. With `preload` not empty, the
// dynamic linker is told to load that object first. Ends the program after some
// minutes.
ProgramOutcome RunProgram(const std::vector<std::string>& words,
                          const std::string& preload = "");

// Where `path`, relative to the root of the tree, lies among the runfiles of
// the test.
std::string Runfile(const std::string& path);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_PROGRAM_H_
