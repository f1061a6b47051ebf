// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs an installed program on Bulkhead. See kUsage.

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "allocator/launch/byte_source.h"
#include "allocator/launch/command_line.h"
#include "allocator/launch/elf_file.h"
#include "allocator/launch/program.h"
#include "allocator/launch/verdict.h"

namespace bulkhead {
namespace {

constexpr int kRefused = 2;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

// What a shell searches when PATH is not set.
constexpr char kDefaultPath[] = "/bin:/usr/bin";

int Fail(int exit_status, absl::string_view message) {
  std::fprintf(stderr, "bulkhead run: %.*s\n", static_cast<int>(message.size()),
               message.data());
  return exit_status;
}

int ExitStatusOf(const absl::Status& status) {
  if (absl::IsNotFound(status)) return kNotFound;
  if (absl::IsPermissionDenied(status)) return kNotExecutable;
  return kRefused;
}

std::string AbsolutePath(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> real(
      realpath(path.c_str(), nullptr), &std::free);
  return real == nullptr ? "" : std::string(real.get());
}

// The libbulkhead.so that belongs to this program: beside it, two directories
// up (where the build puts it), or in the lib beside its bin.
absl::StatusOr<std::string> FindLibrary() {
  const std::string self = AbsolutePath("/proc/self/exe");
  const std::string directory = self.substr(0, self.rfind('/'));
  for (const char* place : {"", "/../..", "/../lib", "/../lib/bulkhead"}) {
    const std::string found =
        AbsolutePath(absl::StrCat(directory, place, "/libbulkhead.so"));
    if (!found.empty()) return found;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("there is no libbulkhead.so near ", self,
                   ": build //:libbulkhead.so, or name one with --library="));
}

absl::StatusOr<std::string> ChooseLibrary(const CommandLine& line) {
  std::string library;
  if (line.library.empty()) {
    absl::StatusOr<std::string> found = FindLibrary();
    if (!found.ok()) return found.status();
    library = *std::move(found);
  } else {
    // The program may change its directory before it starts another.
    library = AbsolutePath(line.library);
    if (library.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(line.library, ": ", std::strerror(errno),
                       ": name a libbulkhead.so with --library="));
    }
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> bytes = OpenFile(library);
  if (!bytes.ok()) {
    return absl::FailedPreconditionError(bytes.status().message());
  }
  absl::StatusOr<ElfFile> elf = ReadElf(**bytes);
  const absl::Status status = elf.ok() ? JudgeLibrary(*elf) : elf.status();
  if (!status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(library, " is no libbulkhead.so: ", status.message()));
  }
  return library;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

int Main(absl::Span<const char* const> arguments) {
  absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) {
    std::fputs(kUsage, stderr);
    return Fail(kRefused, line.status().message());
  }
  if (line->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const char* path_variable = std::getenv("PATH");
  const std::string path =
      path_variable == nullptr ? kDefaultPath : path_variable;
  absl::StatusOr<std::string> file = FindProgram(line->program.front(), path);
  if (!file.ok()) {
    return Fail(ExitStatusOf(file.status()), file.status().message());
  }
  if (absl::Status status = ExamineProgram(*file, path); !status.ok()) {
    return Fail(ExitStatusOf(status), status.message());
  }
  absl::StatusOr<std::string> library = ChooseLibrary(*line);
  if (!library.ok()) return Fail(kRefused, library.status().message());

  size_t count = 0;
  while (environ[count] != nullptr) ++count;
  absl::StatusOr<std::vector<std::string>> environment =
      BuildEnvironment({environ, count}, *library, line->options);
  if (!environment.ok()) {
    return Fail(kRefused, environment.status().message());
  }
  execve(file->c_str(), Pointers(line->program).data(),
         Pointers(*environment).data());
  const int error = errno;
  return Fail(error == ENOENT ? kNotFound : kNotExecutable,
              absl::StrCat(*file, ": ", std::strerror(error)));
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  return bulkhead::Main(
      {argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
}
