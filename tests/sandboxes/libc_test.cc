// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// libc and the C++ library in a sandbox, and what stands before libc outside.

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <vector>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/sandbox.h"
#include "tests/support/child.h"

// POSIX's strerror_r(), which glibc's headers hide behind its own.
extern "C" int __xpg_strerror_r(int error, char* buffer, size_t bytes);

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;

enum Outcome {
  kWorks,        // in the sandbox as outside
  kServed,       // by isolation/libc
  kError,        // says that it is refused
  kStopped,      // ends with the report of an access
  kRefusedCall,  // ends with the report of a call
};

int CompareInts(const void* a, const void* b) {
  const int left = *static_cast<const int*>(a);
  const int right = *static_cast<const int*>(b);
  return (left > right) - (left < right);
}

struct Row {
  const char* name;
  Outcome outcome;
  bool (*body)();
};

const Row kRows[] = {
#define BH_LIBC_GROUP(title)
#define BH_LIBC(name, outcome, note, ...) \
  {name, outcome, []() -> bool __VA_ARGS__},
#include "tests/sandboxes/libc.inc"
#undef BH_LIBC
#undef BH_LIBC_GROUP
};

bool RunRow(size_t row) { return kRows[row].body(); }
BULKHEAD_ENTRY(kRunRow, "box", RunRow);

class LibcTest : public bulkhead_test::SandboxTest {
 protected:
  // A sandbox for as long as the test's process runs.
  static Sandbox Box() {
    const auto made = Sandbox::Create("box");
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }

  void TearDown() override {
    bh_compartment box;
    if (bh_find("box", &box) == BH_OK) {
      EXPECT_EQ(bh_destroy(box), BH_OK);
    }
  }
};

// What of a report says why the row ended.
std::string KindOf(const std::string& errors) {
  const std::string begin = "ERROR: Bulkhead: ";
  const size_t at = errors.find(begin);
  if (at == std::string::npos) return "";
  return errors.substr(at + begin.size(),
                       errors.find(' ', at + begin.size()) - at - begin.size());
}

TEST_F(LibcTest, IsAsTheTableSays) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = Box();
  size_t number = 0;
  for (const Row& row : kRows) {
    const size_t index = number++;
    const ChildResult child = RunInChild([&] {
      dup2(STDERR_FILENO, STDOUT_FILENO);
      const auto done = box.Call(kRunRow, index);
      _exit(done.ok() && done->Unchecked() ? 0 : 1);
    });
    const std::string kind = KindOf(child.errors);
    switch (row.outcome) {
      case kWorks:
      case kServed:
      case kError:
        EXPECT_TRUE(child.ExitedWith(0)) << row.name << "\n" << child.errors;
        break;
      case kStopped:
        EXPECT_TRUE(child.DiedOf(SIGABRT)) << row.name << "\n" << child.errors;
        EXPECT_TRUE(kind == "root-read" || kind == "root-write")
            << row.name << "\n"
            << child.errors;
        break;
      case kRefusedCall:
        EXPECT_TRUE(child.DiedOf(SIGABRT)) << row.name << "\n" << child.errors;
        EXPECT_EQ(kind, "refused-call") << row.name << "\n" << child.errors;
        break;
    }
  }
}

}  // namespace
