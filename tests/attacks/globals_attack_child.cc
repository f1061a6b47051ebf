// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A program into which Bulkhead was preloaded, and in which an attacker writes
// to every word of Bulkhead's that the root can write: to each in a child of
// its own, and to all at once. The child then uses the heap and a vault. Prints
// how many words there were, and those after which the vault was open or
// changed; exits with 1 then.

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/bulkhead.h"

namespace bulkhead {
namespace {

constexpr int kStolen = 77;
constexpr size_t kSecretBytes = 4096;

// For one child. Some wait for ever, for a lock that was overwritten.
constexpr itimerval kEnough = {{0, 0}, {0, 700000}};

template <typename Function>
Function* Find(const char* name) {
  auto* const found = reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
  if (found == nullptr) {
    fprintf(stderr, "there is no %s\n", name);
    exit(2);
  }
  return found;
}
#define API(name) Find<decltype(name)>(#name)

unsigned char* secret = nullptr;

uint64_t MakeSecret() {
  secret = static_cast<unsigned char*>(malloc(kSecretBytes));
  memset(secret, 0x5a, kSecretBytes);
  return 0;
}
BULKHEAD_GATE(kMakeSecret, "victim", MakeSecret);

uint64_t IsIntact() {
  for (size_t i = 0; i < kSecretBytes; ++i) {
    if (secret[i] != 0x5a) return 0;
  }
  return 1;
}
BULKHEAD_GATE(kIsIntact, "victim", IsIntact);

// What an attacker would have run.
uint64_t Steal() { _exit(kStolen); }

struct Segment {
  uintptr_t begin;
  uintptr_t end;
};

// Where the library's writable data is, its sealed sections left out.
std::vector<Segment> WritableData() {
  static uintptr_t base = 0;
  static std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void*) {
        if (strstr(info->dlpi_name, "libbulkhead.so") == nullptr) return 0;
        base = info->dlpi_addr;
        path = info->dlpi_name;
        return 1;
      },
      nullptr);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) exit(2);
  void* const mapped = mmap(nullptr, static_cast<size_t>(status.st_size),
                            PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) exit(2);
  const auto* const image = static_cast<const char*>(mapped);
  const auto* const header = reinterpret_cast<const Elf64_Ehdr*>(image);
  const auto* const sections =
      reinterpret_cast<const Elf64_Shdr*>(image + header->e_shoff);
  const char* const names = image + sections[header->e_shstrndx].sh_offset;
  const auto* const segments =
      reinterpret_cast<const Elf64_Phdr*>(image + header->e_phoff);
  uintptr_t read_only_end = 0;
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type == PT_GNU_RELRO) {
      read_only_end = segments[i].p_vaddr + segments[i].p_memsz;
    }
  }
  std::vector<Segment> found;
  for (int i = 0; i < header->e_shnum; ++i) {
    const Elf64_Shdr& section = sections[i];
    const bool is_writable = (section.sh_flags & SHF_WRITE) != 0 &&
                             (section.sh_flags & SHF_ALLOC) != 0 &&
                             section.sh_addr >= read_only_end;
    if (!is_writable || strncmp(names + section.sh_name, "bulkhead_", 9) == 0) {
      continue;
    }
    found.push_back({base + section.sh_addr,
                     base + section.sh_addr + section.sh_size / 8 * 8});
  }
  return found;
}

void* AllocateInAThread(void*) {
  free(calloc(100, 1));
  return nullptr;
}

// Everything that Bulkhead does for the root and for a vault.
void UseBulkhead(bh_compartment victim) {
  void* blocks[40];
  size_t size = 16;
  for (void*& block : blocks) {
    block = malloc(size);
    if (block != nullptr) memset(block, 1, size);
    size = size * 3 / 2 % 3000000 + 16;
  }
  for (void*& block : blocks) block = realloc(block, 5000);
  for (void* const block : blocks) free(block);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, AllocateInAThread, nullptr) == 0) {
    pthread_join(thread, nullptr);
  }
  malloc_trim(0);
  API(bh_call)(victim, &kIsIntact, 0, 0, 0, 0, 0, 0);
  API(bh_malloc)(victim, 100);
  bh_compartment other;
  if (API(bh_create_with_gates)("other", nullptr, nullptr, nullptr, &other) ==
      BH_OK) {
    API(bh_destroy)(other);
  }
}

// Whether the vault is still closed to the root, and as it was.
void Check(bh_compartment victim, const int (&ends)[2]) {
  if (write(ends[1], secret, 1) != -1) _exit(kStolen);
  const bh_result intact = API(bh_call)(victim, &kIsIntact, 0, 0, 0, 0, 0, 0);
  if (intact.status == BH_OK && intact.value != 1) _exit(kStolen);
  // Reported; it does not return.
  free(secret);
  _exit(kStolen);
}

struct Tally {
  int ended = 0;
  int stolen = 0;
};

// Overwrites the words in a child that then goes on.
void Overwrite(const Segment& words, uintptr_t value, bh_compartment victim,
               Tally& tally) {
  int ends[2];
  if (pipe(ends) != 0) exit(2);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // Its report goes nowhere.
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    setitimer(ITIMER_REAL, &kEnough, nullptr);
    for (uintptr_t at = words.begin; at < words.end; at += sizeof(value)) {
      memcpy(reinterpret_cast<void*>(at), &value, sizeof(value));
    }
    UseBulkhead(victim);
    Check(victim, ends);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) exit(2);
  if (WIFSIGNALED(status)) ++tally.ended;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kStolen) {
    ++tally.stolen;
    printf("stolen by 0x%zx in 0x%zx to 0x%zx\n", value, words.begin,
           words.end);
  }
  close(ends[0]);
  close(ends[1]);
}

int Main() {
  bh_compartment victim;
  if (API(bh_create_with_gates)("victim", nullptr, __start_bulkhead_gates,
                                __stop_bulkhead_gates, &victim) != BH_OK ||
      API(bh_call)(victim, &kMakeSecret, 0, 0, 0, 0, 0, 0).status != BH_OK) {
    return 2;
  }
  const auto steal = reinterpret_cast<uintptr_t>(&Steal);
  int words = 0;
  Tally tally;
  for (const Segment& segment : WritableData()) {
    for (const uintptr_t value : {uintptr_t{0}, ~uintptr_t{0}, steal,
                                  reinterpret_cast<uintptr_t>(secret)}) {
      Overwrite(segment, value, victim, tally);
    }
    for (uintptr_t at = segment.begin; at < segment.end; at += sizeof(at)) {
      Overwrite({at, at + sizeof(at)}, steal, victim, tally);
      ++words;
    }
  }
  printf("words=%d ended=%d stolen=%d\n", words, tally.ended, tally.stolen);
  return tally.stolen == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bulkhead

int main() { return bulkhead::Main(); }
