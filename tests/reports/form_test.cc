// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The options report and log_path, which a process reads at its start: what
// commits the violation is this program, started anew.

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

constexpr char kViolate[] = "--violate";

char* Allocate() { return static_cast<char*>(malloc(100)); }
BULKHEAD_ENTRY(kAllocate, "keys", Allocate);

__attribute__((noinline)) char Read(const char* address) {
  return *const_cast<const volatile char*>(address);
}

int Violate() {
  const auto keys = Compartment::Create("keys");
  if (!keys.ok()) return EXIT_FAILURE;
  const char* const block = keys->Call(kAllocate).value();
  return Read(block);
}

ChildResult ViolateWith(const std::string& options) {
  return RunInChild([&options] {
    setenv("BULKHEAD_OPTIONS", options.c_str(), 1);
    execl("/proc/self/exe", "form_test", kViolate, nullptr);
    _exit(EXIT_FAILURE);
  });
}

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string FirstLine(const ChildResult& child) {
  return absl::StrFormat("==%d==ERROR: Bulkhead: compartment-read on address ",
                         child.pid);
}

TEST(ReportFormTest, IsTextOnStderr) {
  const ChildResult child = ViolateWith("");
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_TRUE(absl::StartsWith(child.errors, FirstLine(child)));
}

void ExpectJson(const std::string& text, int pid) {
  EXPECT_TRUE(absl::StartsWith(text, "{\"kind\":\"compartment-read\","))
      << text;
  // One line.
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  EXPECT_TRUE(absl::EndsWith(text, "}\n")) << text;
  for (const std::string& part :
       {absl::StrCat("\"pid\":", pid, ","), std::string("\"access\":\"read\""),
        std::string("\"summary\":\"compartment-read of 'keys'"),
        std::string("\"region\":\"heap\",\"compartment\":\"keys\""),
        std::string("\"bytes\":112,\"offset\":0,\"state\":\"in use\""),
        std::string("\"domain\":\"root\",\"grants\":[],\"gates\":[\"root\"]"),
        std::string("\"function\":\"(anonymous namespace)::Read()\""),
        std::string("\"registers\":{\"rax\":\"0x")}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
}

TEST(ReportFormTest, IsALineOfJsonOnRequest) {
  const ChildResult child = ViolateWith("report=json");
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  ExpectJson(child.errors, child.pid);
}

class LogPathTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return absl::StrCat(testing::TempDir(), "/log_path.", getpid(), ".", name);
  }
};

TEST_F(LogPathTest, TakesTheReportInStderrsPlace) {
  const ChildResult child =
      ViolateWith(absl::StrCat("log_path=", Path("%p.txt")));
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_EQ(child.errors, "");
  const std::string path = Path(absl::StrCat(child.pid, ".txt"));
  EXPECT_TRUE(absl::StartsWith(Contents(path), FirstLine(child)))
      << Contents(path);
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  // What a report tells is for the program's user alone.
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  unlink(path.c_str());
}

TEST_F(LogPathTest, IsAppendedTo) {
  const std::string options =
      absl::StrCat("report=json log_path=", Path("all"));
  const int first = ViolateWith(options).pid;
  const std::string one = Contents(Path("all"));
  ExpectJson(one, first);
  const int second = ViolateWith(options).pid;
  const std::string both = Contents(Path("all"));
  ASSERT_GT(both.size(), one.size());
  EXPECT_EQ(both.substr(0, one.size()), one);
  ExpectJson(both.substr(one.size()), second);
  unlink(Path("all").c_str());
}

TEST_F(LogPathTest, LosesNoReportWhereItCannotBeWritten) {
  const ChildResult child = ViolateWith("log_path=/nowhere/at/all");
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_TRUE(
      absl::StartsWith(child.errors,
                       "bulkhead: cannot write log_path=/nowhere/at/all "
                       "(errno 2)\n"))
      << child.errors;
  EXPECT_TRUE(absl::StrContains(child.errors, FirstLine(child)))
      << child.errors;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], kViolate) == 0) return Violate();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
