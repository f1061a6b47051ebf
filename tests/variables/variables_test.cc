// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "bulkhead/variables.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"
#include "tests/support/child.h"
#include "tests/support/mappings.h"
#include "tests/variables/more.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::FindMapping;
using bulkhead_test::Mapping;
using bulkhead_test::MayHaveSandboxes;
using bulkhead_test::RunInChild;

constexpr int kFirst = 42;

BULKHEAD_PRIVATE(vault) int secret = kFirst;
BULKHEAD_PRIVATE(vault) int zero = 0;
BULKHEAD_PRIVATE(vault) int* pointer_to_secret = &secret;
BULKHEAD_PRIVATE(other) int others = 7;
BULKHEAD_SHARED int shared_number = 1;
int plain = 3;

int Read(const int* from) { return *const_cast<const volatile int*>(from); }
void Write(int* to, int value) { *const_cast<volatile int*>(to) = value; }

int ReadInside(const int* from) { return Read(from); }
int WriteInside(int* to, int value) {
  Write(to, value);
  return Read(to);
}
int ReadByPointer() { return Read(pointer_to_secret); }
BULKHEAD_ENTRY(kRead, "vault", ReadInside);
BULKHEAD_ENTRY(kWrite, "vault", WriteInside);
BULKHEAD_ENTRY(kReadByPointer, "vault", ReadByPointer);
int ReadByte(const char* from) { return *from; }
BULKHEAD_ENTRY(kReadByte, "vault", ReadByte);
BULKHEAD_ENTRY(kReadInOther, "other", ReadInside);
BULKHEAD_ENTRY(kReadInBox, "box", ReadInside);
BULKHEAD_ENTRY(kWriteInBox, "box", WriteInside);

Compartment Make(const char* name, bh_options options = {}) {
  auto made = Compartment::Create(name, options);
  if (!made.ok()) {
    ADD_FAILURE() << made.status();
    abort();
  }
  return *made;
}

// Each test in a process of its own, in which no compartment has been before.
void Succeed(void (*body)(const Compartment& vault), bh_options options = {}) {
  const ChildResult child =
      RunInChild([body, options] { body(Make("vault", options)); });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

void Report(void (*body)(const Compartment& vault), const char* kind,
            const void* address, bh_options options = {}) {
  const ChildResult child =
      RunInChild([body, options] { body(Make("vault", options)); });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  char line[128];
  snprintf(line, sizeof(line), "ERROR: Bulkhead: %s on address %p\n", kind,
           address);
  EXPECT_NE(child.errors.find(line), std::string::npos) << child.errors;
  EXPECT_NE(child.errors.find("compartment 'vault'"), std::string::npos)
      << child.errors;
  EXPECT_NE(child.errors.find(", its variables\n"), std::string::npos)
      << child.errors;
}

// In place of EXPECT_ in a child.
void Check(bool is_well, int line) {
  if (is_well) return;
  fprintf(stderr, "line %d\n", line);
  _exit(1);
}
#define CHECK(condition) Check(condition, __LINE__)

TEST(Variables, ArePlainUntilTheirCompartmentIsMade) {
  EXPECT_EQ(Read(&secret), kFirst);
  EXPECT_EQ(bh_owner(&secret).id, 0u);
  EXPECT_EQ(Read(&more_secret), 4711);
}

TEST(Variables, AreReadAndWrittenInside) {
  Succeed([](const Compartment& vault) {
    CHECK(vault.Call(kRead, &secret).value() == kFirst);
    CHECK(vault.Call(kRead, &zero).value() == 0);
    CHECK(vault.Call(kWrite, &zero, 5).value() == 5);
    CHECK(vault.Call(kReadByPointer).value() == kFirst);
    CHECK(vault.Call(kRead, &more_secret).value() == 4711);
    CHECK(bh_owner(&secret).id == vault.handle().id);
    CHECK(bh_owner(more_bytes + sizeof(more_bytes) - 1).id ==
          vault.handle().id);
    CHECK(bh_owner(&plain).id == 0);
  });
}

TEST(Variables, AreNobodyElses) {
  Report([](const Compartment&) { Read(&secret); }, "compartment-read",
         &secret);
  Report([](const Compartment&) { Write(&secret, 1); }, "compartment-write",
         &secret);
  Report([](const Compartment&) { Read(&more_secret); }, "compartment-read",
         &more_secret);
  Report([](const Compartment&) { more_bytes[4999] = 1; }, "compartment-write",
         more_bytes + 4999);
}

TEST(Variables, AreNoOtherVaults) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  Report(
      [](const Compartment&) {
        Make("other").Call(kReadInOther, &secret).IgnoreError();
      },
      "compartment-read", &secret);
}

// What the program had written to them before.
TEST(Variables, KeepWhatTheyHold) {
  const ChildResult child = RunInChild([] {
    Write(&secret, 77);
    more_bytes[4999] = 7;
    const Compartment vault = Make("vault");
    CHECK(vault.Call(kRead, &secret).value() == 77);
    CHECK(vault.Call(kReadByte, &more_bytes[4999]).value() == 7);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

// Nothing else lies on their pages, and theirs are whole.
TEST(Variables, ShareNoPage) {
  Succeed([](const Compartment& vault) {
    for (const int* each : {&secret, &zero, &more_secret}) {
      const Mapping mapping = FindMapping(each);
      CHECK(mapping.name.empty());
      for (uintptr_t at = mapping.begin; at < mapping.end; at += 4096) {
        CHECK(bh_owner(reinterpret_cast<void*>(at)).id == vault.handle().id);
      }
    }
    // Whatever stands beside them is the program's still.
    Write(&plain, 4);
    CHECK(Read(&plain) == 4);
    CHECK(Read(&others) == 7);
  });
}

TEST(Variables, AreInNoCoreFile) {
  Succeed([](const Compartment&) {
    CHECK(FindMapping(&secret).HasFlag("dd"));
    CHECK(FindMapping(more_bytes).HasFlag("dd"));
  });
}

TEST(Variables, AreWipedWithTheirCompartment) {
  Succeed([](const Compartment& vault) {
    CHECK(vault.Call(kWrite, &secret, 99).value() == 99);
    CHECK(vault.Destroy().ok());
    CHECK(!FindMapping(&secret).IsAccessible());
    const Compartment again = Make("vault");
    CHECK(again.Call(kRead, &secret).value() == 0);
    CHECK(again.Call(kWrite, &secret, 12).value() == 12);
    CHECK(bh_owner(&secret).id == again.handle().id);
  });
}

TEST(Variables, AreNobodysAfterIt) {
  const ChildResult child = RunInChild([] {
    if (!Make("vault").Destroy().ok()) _exit(1);
    Read(&secret);
  });
  EXPECT_TRUE(child.DiedOf(SIGSEGV)) << child.code << child.errors;
}

TEST(Variables, AreGrantedWithTheHeap) {
  bh_options options = {};
  options.grants = BH_ON;
  Succeed(
      [](const Compartment& vault) {
        CHECK(vault.GrantEveryone(Access::kRead).ok());
        CHECK(Read(&secret) == kFirst);
        CHECK(vault.GrantEveryone(Access::kReadWrite).ok());
        Write(&secret, 5);
        CHECK(vault.GrantEveryone(Access::kNone).ok());
      },
      options);
  Report(
      [](const Compartment& vault) {
        CHECK(vault.GrantEveryone(Access::kRead).ok());
        CHECK(vault.GrantEveryone(Access::kNone).ok());
        Read(&secret);
      },
      "compartment-read", &secret, options);
}

TEST(Variables, AreWipedInAForkedChild) {
  bh_options options = {};
  options.wipe_on_fork = BH_ON;
  Succeed(
      [](const Compartment& vault) {
        const pid_t child = fork();
        if (child == 0) _exit(vault.Call(kRead, &secret).value() == 0 ? 0 : 1);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK(vault.Call(kRead, &secret).value() == kFirst);
      },
      options);
}

// The pages are the compartment's whatever the program asks of the kernel.
TEST(Variables, AreNotMappedAway) {
  Succeed([](const Compartment& vault) {
    auto* const page = reinterpret_cast<void*>(
        reinterpret_cast<uintptr_t>(&secret) & ~uintptr_t{4095});
    CHECK(munmap(page, 4096) != 0 && errno == EPERM);
    CHECK(mprotect(page, 4096, PROT_READ) != 0 && errno == EPERM);
    CHECK(madvise(page, 4096, MADV_DONTNEED) != 0 && errno == EPERM);
    CHECK(mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
               -1, 0) == MAP_FAILED &&
          errno == EPERM);
    CHECK(pkey_mprotect(page, 4096, PROT_READ, 0) != 0 && errno == EPERM);
    CHECK(vault.Call(kRead, &secret).value() == kFirst);
  });
}

// As the linker might leave them: a note that names a range within pages.
__asm__(
    ".pushsection .note.bulkhead,\"a\",@note\n"
    ".balign 4\n"
    ".long 9, 12, 1\n"
    ".asciz \"Bulkhead\"\n"
    ".balign 4\n"
    ".long beside_others - ., beside_others + 64 - .\n"
    ".asciz \"odd\"\n"
    ".popsection\n");
extern "C" {
alignas(4096) int beside_others[1024] = {1};
}

TEST(Variables, ThatShareAPageAreRefused) {
  const ChildResult child = RunInChild([] {
    const auto odd = Compartment::Create("odd");
    CHECK(!odd.ok());
    CHECK(bh_owner(beside_others).id == 0);
    CHECK(beside_others[0] == 1);
    // Nothing is left of it.
    bh_compartment found;
    CHECK(bh_find("odd", &found) == BH_ERR_NOT_FOUND);
    bh_compartment created;
    CHECK(bh_create("odd", nullptr, &created) == BH_ERR_VARIABLES);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

// Of an object that is loaded when the compartment is there.
TEST(Variables, OfALateObjectAreTagged) {
  const ChildResult child = RunInChild([] {
    const Compartment vault = Make("vault");
    void* const object = dlopen(LATE_OBJECT, RTLD_NOW);
    if (object == nullptr) fprintf(stderr, "%s\n", dlerror());
    CHECK(object != nullptr);
    int* const* late =
        static_cast<int* const*>(dlsym(object, "late_variables"));
    CHECK(vault.Call(kRead, late[0]).value() == 815);
    CHECK(Read(late[1]) == 5);
    Read(late[0]);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_NE(child.errors.find("compartment-read"), std::string::npos)
      << child.errors;
}

TEST(SharedVariables, AreWrittenInASandbox) {
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  if (!MayHaveSandboxes()) {
    // They stay the program's.
    EXPECT_EQ(Read(&shared_number), 1);
    EXPECT_FALSE(Compartment::Create("box", options).ok());
    return;
  }
  const ChildResult child = RunInChild([&options] {
    const Compartment box = Make("box", options);
    CHECK(box.Call(kReadInBox, &shared_number).value() == 1);
    CHECK(box.Call(kWriteInBox, &shared_number, 2).value() == 2);
    CHECK(Read(&shared_number) == 2);
    Write(&shared_number, 3);
    CHECK(box.Call(kReadInBox, &shared_number).value() == 3);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  const ChildResult plain_write = RunInChild([&options] {
    Make("box", options).Call(kWriteInBox, &plain, 2).IgnoreError();
  });
  EXPECT_TRUE(plain_write.DiedOf(SIGABRT));
  EXPECT_NE(plain_write.errors.find("root-write"), std::string::npos)
      << plain_write.errors;
}

TEST(SharedVariables, AreNoSecretsOfAVaultInASandbox) {
  if (!MayHaveSandboxes()) return;
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  const ChildResult child = RunInChild([&options] {
    Make("vault");
    Make("box", options).Call(kReadInBox, &secret).IgnoreError();
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
  EXPECT_NE(child.errors.find("compartment-read"), std::string::npos)
      << child.errors;
}

}  // namespace
}  // namespace bulkhead
