// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The driver, with scripts in the place of the programs: whatever they print is
// judged, and nothing that is missing or wrong passes.

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "docs/examples/vault_keys/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kSafe =
    "copies=0 overread=contained pointer=stopped signature=good";
const std::string kLeaky =
    "copies=4 overread=leaked pointer=leaked signature=good";
const std::string kVaultLine =
    "demo: allocator=bulkhead vault=yes backend=mprotect " + kSafe;
const std::string kKeysLine =
    "demo: allocator=bulkhead vault=yes backend=pku " + kSafe;

class DemoTest : public testing::Test {
 protected:
  DemoTest() {
    directory_ = testing::TempDir() + "/demo_test";
    mkdir(directory_.c_str(), 0700);
    // Signs with the key as the programs do, so that openssl has what to judge.
    signs_ =
        "for a; do case $a in --key=*) key=${a#--key=};; "
        "--out=*) out=${a#--out=};; esac; done\n"
        "cd \"$out\"; echo text >message.txt\n"
        "openssl pkey -in \"$key\" -pubout -out public.pem\n"
        "openssl dgst -sha256 -sign \"$key\" -out signature.bin message.txt\n"
        "echo \"scan in-use: copies=4 pages_read=10 pages_refused=3\"\n"
        "echo \"scan control: copies=4 pages_read=13 pages_refused=0\"\n"
        "echo \"overread: buffer=64 allocated='before load' copies=0\"\n"
        "for i in 1 2 3 4 5 6 last; do echo \"report: line $i\"; done\n";
    Script("plain", signs_ +
                        "case $LD_PRELOAD in ?*) a=bulkhead;; *) a=glibc;; "
                        "esac\necho \"demo: allocator=$a vault=no "
                        "backend=none " +
                        kLeaky + "\"\n");
    Script("vault", signs_ + "echo " + kVaultLine + "\n");
    Script("vm", signs_ + "echo " + kKeysLine + "\n");
    std::ofstream(directory_ + "/lib.so") << "";
  }

  void Script(const std::string& name, const std::string& body) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << "#!/bin/bash\n" << body;
    ASSERT_EQ(chmod(path.c_str(), 0700), 0);
  }

  ProgramOutcome RunDemo(const std::string& more = "") {
    std::vector<std::string> words = {
        Runfile("docs/examples/vault_keys/demo"),
        "--vault-binary=" + directory_ + "/vault",
        "--plain-binary=" + directory_ + "/plain",
        // An empty file: the loader says that it cannot be preloaded, and the
        // script sees the variable.
        "--libbulkhead=" + directory_ + "/lib.so",
        "--vm-runner=" + directory_ + "/vm"};
    if (!more.empty()) words.push_back(more);
    return RunProgram(words);
  }

  std::string directory_;
  std::string signs_;
};

TEST_F(DemoTest, PassesWhenAllIsAsExpected) {
  const ProgramOutcome outcome = RunDemo();
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome.output << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("\ndemo: allocator=glibc vault=no "
                                        "backend=none " +
                                        kLeaky + "\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\ndemo: allocator=bulkhead vault=no "
                                        "backend=none " +
                                        kLeaky + "\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\n" + kVaultLine + "\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\n" + kKeysLine + "\n"));
  EXPECT_THAT(outcome.output, HasSubstr("    line 5\n    line last\n"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("\033")));
}

TEST_F(DemoTest, FailsWhenAVaultLeaks) {
  for (const char* leak :
       {"copies=1 overread=contained pointer=stopped signature=good",
        "copies=0 overread=leaked pointer=stopped signature=good",
        "copies=0 overread=contained pointer=leaked signature=good",
        "copies=0 overread=contained pointer=crashed signature=good",
        "copies=0 overread=contained pointer=stopped signature=bad",
        "copies=0 overread=contained pointer=stopped"}) {
    Script("vm", signs_ +
                     "echo demo: allocator=bulkhead vault=yes "
                     "backend=pku " +
                     leak + "\n");
    EXPECT_TRUE(RunDemo().ExitedWith(1)) << leak;
  }
}

TEST_F(DemoTest, FailsWhenTheKeysAreNotInForce) {
  Script("vm", signs_ + "echo " + kVaultLine + "\n");
  const ProgramOutcome outcome = RunDemo();
  EXPECT_TRUE(outcome.ExitedWith(1));
  EXPECT_THAT(outcome.errors, HasSubstr("backend is mprotect, expected pku\n"));
}

TEST_F(DemoTest, FailsWhenAProgramFailsAfterItsLine) {
  Script("vault", signs_ + "echo " + kVaultLine +
                      "\necho the control scan found nothing >&2\nexit 1\n");
  const ProgramOutcome outcome = RunDemo();
  EXPECT_TRUE(outcome.ExitedWith(1));
  EXPECT_THAT(outcome.errors,
              HasSubstr("exit status 1: the control scan found nothing\n"));
}

TEST_F(DemoTest, FailsWhenAProgramSaysNothing) {
  Script("vm", "exit 0\n");
  EXPECT_TRUE(RunDemo().ExitedWith(1));
}

TEST_F(DemoTest, FailsWhenOpensslRejectsTheSignature) {
  Script("vault",
         signs_ + "echo other >message.txt\necho " + kVaultLine + "\n");
  const ProgramOutcome outcome = RunDemo();
  EXPECT_TRUE(outcome.ExitedWith(1));
  EXPECT_THAT(outcome.output,
              HasSubstr("backend=mprotect copies=0 overread=contained "
                        "pointer=stopped signature=bad\n"));
}

TEST_F(DemoTest, PassesOnTheRefusalOfAKey) {
  Script("plain", "echo 'vault_keys: key.pem: no good' >&2\nexit 2\n");
  const ProgramOutcome outcome = RunDemo();
  EXPECT_TRUE(outcome.ExitedWith(2));
  EXPECT_THAT(outcome.errors, HasSubstr("vault_keys: key.pem: no good\n"));
}

TEST_F(DemoTest, RefusesWrongUse) {
  EXPECT_TRUE(RunDemo("--key=/nonexistent").ExitedWith(2));
  EXPECT_TRUE(RunDemo("--unknown").ExitedWith(2));
  EXPECT_TRUE(RunDemo("--help").ExitedWith(0));
}

}  // namespace
}  // namespace bulkhead::vault_keys
