// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/program.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "allocator/launch/elf_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kLoader[] = "/lib64/ld-linux-x86-64.so.2";

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    std::string path = absl::StrCat(::testing::TempDir(), "/program-XXXXXX");
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }

  std::string Write(const std::string& name, const std::string& content,
                    mode_t mode = 0755) {
    const std::string path = absl::StrCat(directory_, "/", name);
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  // A program that would be accepted, as far as its file goes.
  static std::string GoodElf() {
    ElfDescription description;
    description.interpreter = kLoader;
    description.needed = {"libc.so.6"};
    description.imported = {"malloc"};
    return BuildElf(description);
  }

  std::string directory_;
};

TEST_F(ProgramTest, IsFoundInPath) {
  const std::string tool = Write("tool", GoodElf());
  absl::StatusOr<std::string> found =
      FindProgram("tool", absl::StrCat("/nonexistent:", directory_));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, tool);
  found = FindProgram(tool, "");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, tool);
}

TEST_F(ProgramTest, AnExecutableFileLaterInPathWins) {
  Write("tool", "", 0644);
  ASSERT_EQ(mkdir(absl::StrCat(directory_, "/bin").c_str(), 0755), 0);
  Write("bin/tool", GoodElf());
  absl::StatusOr<std::string> found =
      FindProgram("tool", absl::StrCat(directory_, ":", directory_, "/bin"));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, EndsWith("/bin/tool"));
}

TEST_F(ProgramTest, MissingAndNotExecutableAreToldApart) {
  const std::string plain = Write("plain", "", 0644);
  EXPECT_EQ(FindProgram("plain", directory_).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(FindProgram(plain, "").status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(FindProgram(absl::StrCat(directory_, "/"), "").status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(FindProgram("/dev/null", "").status().code(),
            absl::StatusCode::kPermissionDenied);
  for (const std::string& name :
       {std::string("absent"), std::string(), directory_ + "/absent"}) {
    EXPECT_EQ(FindProgram(name, directory_).status().code(),
              absl::StatusCode::kNotFound)
        << name;
  }
}

TEST_F(ProgramTest, ScriptsAreFollowedToTheirInterpreter) {
  const std::string good = Write("good", GoodElf());
  const std::string fixed = Write("static", BuildElf(ElfDescription()));
  for (const std::string& target : {good, fixed}) {
    const std::string script =
        Write("script", absl::StrCat("#!", target, " -x\n"));
    // A script of a script, and one that goes through env.
    const std::string outer = Write("outer", absl::StrCat("#!", script));
    const std::string through_env = Write(
        "env-script", absl::StrCat("#!/usr/bin/env ",
                                   target == good ? "good" : "static", "\n"));
    for (const std::string& start : {script, outer, through_env}) {
      const absl::Status status = ExamineProgram(start, directory_);
      if (target == good) {
        EXPECT_TRUE(status.ok()) << status;
      } else {
        EXPECT_THAT(status.message(),
                    HasSubstr("/static: it is statically linked"));
      }
    }
  }
}

TEST_F(ProgramTest, MissingInterpretersAreNotFound) {
  const std::string script = Write("script", "#!/nonexistent/sh\n");
  EXPECT_EQ(ExamineProgram(script, "").code(), absl::StatusCode::kNotFound);
  const std::string through_env = Write("env-script", "#!/usr/bin/env absent");
  EXPECT_EQ(ExamineProgram(through_env, directory_).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ProgramTest, EndlessInterpretersAreRefused) {
  const std::string loop =
      Write("loop", absl::StrCat("#!", directory_, "/loop\n"));
  EXPECT_THAT(ExamineProgram(loop, "").message(),
              HasSubstr("interpreters of interpreters"));
}

TEST_F(ProgramTest, AMissingLoaderIsNotFound) {
  ElfDescription description;
  description.interpreter = "/nonexistent/ld-linux-x86-64.so.2";
  const absl::Status status =
      ExamineProgram(Write("tool", BuildElf(description)), "");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("is not installed"));
}

TEST_F(ProgramTest, SetuidAndSetgidAreRefusedForProgramsOnly) {
  const std::string tool = Write("tool", GoodElf(), 04755);
  EXPECT_THAT(ExamineProgram(tool, "").message(), HasSubstr("it is setuid"));
  ASSERT_EQ(chmod(tool.c_str(), 02755), 0);
  EXPECT_THAT(ExamineProgram(tool, "").message(), HasSubstr("it is setgid"));
  // Without the group's right to execute, the bit means file locking.
  ASSERT_EQ(chmod(tool.c_str(), 02745), 0);
  EXPECT_TRUE(ExamineProgram(tool, "").ok());
  const std::string script =
      Write("script", absl::StrCat("#!", tool, "\n"), 04755);
  EXPECT_TRUE(ExamineProgram(script, "").ok());
}

TEST_F(ProgramTest, OtherFilesAreNamed) {
  EXPECT_THAT(ExamineProgram(Write("text", "echo hello\n"), "").message(),
              HasSubstr("neither an ELF program nor a script"));
  EXPECT_THAT(
      ExamineProgram(Write("cut", GoodElf().substr(0, 200)), "").message(),
      HasSubstr("damaged ELF file"));
  EXPECT_THAT(ExamineProgram(Write("empty", ""), "").message(),
              HasSubstr("neither an ELF program nor a script"));
}

}  // namespace
}  // namespace bulkhead
