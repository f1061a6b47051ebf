// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A program that is not on Bulkhead and loads it while it runs. Usage: PROGRAM
// LIBRARY first|younger|older|handler. The thread named then calls the library:
// the first, which loaded it; one made after; or one made before. With
// "handler" the first does, and a handler that is older than the library must
// run with the rights of who it interrupts.

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <future>
#include <string>
#include <thread>

#include "bulkhead/bulkhead.h"

namespace bulkhead {
namespace {

constexpr int kExitUsage = 2;

void Check(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "%s\n", what);
  exit(EXIT_FAILURE);
}

template <typename Function>
Function* Find(void* library, const char* name) {
  auto* const found = reinterpret_cast<Function*>(dlsym(library, name));
  Check(found != nullptr, name);
  return found;
}

// Blocks of many sizes from the library, beside those of the program's own
// malloc, which stays what it was.
void Allocate(void* library, const char* who) {
  auto* const allocate = Find<decltype(bh_malloc)>(library, "bh_malloc");
  auto* const library_malloc = Find<decltype(malloc)>(library, "malloc");
  auto* const library_realloc = Find<decltype(realloc)>(library, "realloc");
  auto* const release = Find<decltype(free)>(library, "free");
  for (size_t size = 1; size < 300000; size += size / 2 + 1) {
    void* const of_the_root = allocate(bh_compartment{0, 0}, size);
    void* of_the_library = library_malloc(size);
    void* const own = malloc(size);
    Check(of_the_root != nullptr && of_the_library != nullptr, who);
    memset(of_the_root, 1, size);
    memset(of_the_library, 2, size);
    memset(own, 3, size);
    of_the_library = library_realloc(of_the_library, 2 * size);
    Check(static_cast<char*>(of_the_library)[size - 1] == 2, who);
    release(of_the_root);
    release(of_the_library);
    free(own);
  }
}

// Makes a compartment, allocates in it from outside, and destroys it.
void UseACompartment(void* library, const char* who) {
  auto* const create =
      Find<decltype(bh_create_with_gates)>(library, "bh_create_with_gates");
  auto* const destroy = Find<decltype(bh_destroy)>(library, "bh_destroy");
  auto* const allocate = Find<decltype(bh_malloc)>(library, "bh_malloc");
  auto* const owner = Find<decltype(bh_owner)>(library, "bh_owner");
  bh_compartment made = {};
  Check(create(who, nullptr, nullptr, nullptr, &made) == BH_OK, who);
  void* const block = allocate(made, 100);
  Check(block != nullptr && owner(block).id == made.id, who);
  Check(destroy(made) == BH_OK, who);
}

void UseAll(void* library, const char* who) {
  Allocate(library, who);
  UseACompartment(library, who);
  Allocate(library, who);
}

unsigned Rights() {
  unsigned low;
  unsigned high;
  __asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

volatile unsigned rights_of_handler = 0;
void NoteRights(int) { rights_of_handler = Rights(); }

void CheckHandler(void* library) {
  auto* const level = Find<decltype(bh_get_level)>(library, "bh_get_level");
  if (level() != BH_LEVEL_PKU) return;
  raise(SIGUSR1);
  Check(rights_of_handler == Rights(), "a handler has rights of its own");
}

int Main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s LIBRARY first|younger|older|handler\n", argv[0]);
    return kExitUsage;
  }
  const std::string who = argv[2];
  std::promise<void*> loaded;
  std::thread older([&] {
    void* const library = loaded.get_future().get();
    if (who == "older") UseAll(library, "older");
  });
  if (who == "handler") signal(SIGUSR1, NoteRights);
  void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  Check(library != nullptr, "dlopen");
  UseAll(library, "first");
  if (who == "handler") CheckHandler(library);
  if (who == "younger") std::thread(UseAll, library, "younger").join();
  loaded.set_value(library);
  older.join();
  UseAll(library, "first");
  printf("done\n");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
