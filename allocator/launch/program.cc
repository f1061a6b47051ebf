// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/program.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "allocator/launch/byte_source.h"
#include "allocator/launch/elf_file.h"
#include "allocator/launch/libraries.h"
#include "allocator/launch/script.h"
#include "allocator/launch/verdict.h"

namespace bulkhead {
namespace {

// The kernel follows as many interpreters of interpreters.
constexpr int kMaxScripts = 5;

// Puts the file's name before a reason.
absl::Status About(const std::string& file, const absl::Status& reason) {
  return absl::Status(reason.code(),
                      absl::StrCat(file, ": ", reason.message()));
}

absl::Status CheckExecutable(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0) {
    return errno == EACCES ? absl::PermissionDeniedError(
                                 absl::StrCat(file, ": permission denied"))
                           : absl::NotFoundError(absl::StrCat(
                                 file, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat(file, ": is a directory"));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::PermissionDeniedError(
        absl::StrCat(file, ": is not a regular file"));
  }
  if (access(file.c_str(), X_OK) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(file, ": is not executable"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Privileges> ReadPrivileges(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0) {
    return absl::NotFoundError(std::strerror(errno));
  }
  Privileges privileges;
  privileges.setuid = (status.st_mode & S_ISUID) != 0;
  // Without the group's execute bit, setgid means mandatory locking.
  privileges.setgid =
      (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0;
  privileges.file_capabilities =
      getxattr(file.c_str(), "security.capability", nullptr, 0) > 0;
  return privileges;
}

// The file that is looked at next: the interpreter of the script, or what env
// starts.
absl::StatusOr<std::string> FollowScript(const Shebang& shebang,
                                         absl::string_view path) {
  const bool is_env = shebang.interpreter == "env" ||
                      absl::EndsWith(shebang.interpreter, "/env");
  if (!is_env) {
    if (absl::Status status = CheckExecutable(shebang.interpreter);
        !status.ok()) {
      return status;
    }
    return shebang.interpreter;
  }
  absl::StatusOr<std::string> target = EnvTarget(shebang.argument);
  if (!target.ok()) return target.status();
  return FindProgram(*target, path);
}

absl::Status ExamineElf(const std::string& file, const ByteSource& bytes) {
  absl::StatusOr<ElfFile> elf = ReadElf(bytes);
  if (absl::IsInvalidArgument(elf.status())) {
    return absl::FailedPreconditionError(
        "it is neither an ELF program nor a script with a #! line: name its "
        "interpreter before it, as in: run -- sh FILE");
  }
  if (!elf.ok()) return absl::FailedPreconditionError(elf.status().message());
  if (absl::Status status = JudgeElf(*elf); !status.ok()) return status;
  if (access(elf->interpreter.c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat("its loader ", elf->interpreter,
                     " is not installed, so it cannot start"));
  }
  for (const std::string& library : ListLibraries(elf->interpreter, file)) {
    absl::StatusOr<std::unique_ptr<ByteSource>> opened = OpenFile(library);
    if (!opened.ok()) continue;  // The loader will say so, better.
    absl::StatusOr<ElfFile> parsed = ReadElf(**opened);
    if (!parsed.ok()) continue;
    if (absl::Status status = JudgeDependencies(*parsed, library);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FindProgram(absl::string_view name,
                                        absl::string_view path) {
  if (name.empty()) {
    return absl::NotFoundError("the program's name is empty: name a program");
  }
  if (absl::StrContains(name, '/')) {
    std::string file(name);
    if (absl::Status status = CheckExecutable(file); !status.ok()) {
      return status;
    }
    return file;
  }
  std::optional<absl::Status> denied;
  for (absl::string_view directory : absl::StrSplit(path, ':')) {
    // An empty entry of PATH means the current directory.
    std::string file =
        absl::StrCat(directory.empty() ? "." : directory, "/", name);
    absl::Status status = CheckExecutable(file);
    if (status.ok()) return file;
    if (absl::IsPermissionDenied(status) && !denied.has_value()) {
      denied = std::move(status);
    }
  }
  if (denied.has_value()) return *denied;
  return absl::NotFoundError(absl::StrCat(
      name, ": no such program in PATH: install it or give its path"));
}

absl::Status ExamineProgram(const std::string& file, absl::string_view path) {
  std::string current = file;
  for (int scripts = 0; scripts <= kMaxScripts; ++scripts) {
    absl::StatusOr<std::unique_ptr<ByteSource>> bytes = OpenFile(current);
    if (!bytes.ok()) {
      if (absl::IsPermissionDenied(bytes.status())) {
        return absl::PermissionDeniedError(absl::StrCat(
            current, ": is not readable, so it cannot be examined"));
      }
      return About(current, bytes.status());
    }
    absl::StatusOr<std::string> start =
        (*bytes)->Read(0, std::min<uint64_t>(kShebangBytes, (*bytes)->size()));
    if (!start.ok()) return About(current, start.status());
    absl::StatusOr<std::optional<Shebang>> shebang = ParseShebang(*start);
    if (!shebang.ok()) return About(current, shebang.status());
    if (!shebang->has_value()) {
      // Scripts gain no rights by their own bits, only programs do.
      absl::StatusOr<Privileges> privileges = ReadPrivileges(current);
      if (!privileges.ok()) return About(current, privileges.status());
      absl::Status status = JudgePrivileges(*privileges);
      if (status.ok()) status = ExamineElf(current, **bytes);
      return status.ok() ? status : About(current, status);
    }
    absl::StatusOr<std::string> next = FollowScript(**shebang, path);
    if (!next.ok()) return About(current, next.status());
    current = *std::move(next);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      file, ": more than ", kMaxScripts,
      " interpreters of interpreters, which the kernel refuses too"));
}

}  // namespace bulkhead
