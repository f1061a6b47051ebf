// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls of functions that Bulkhead defines before libc's own, on the preloaded
// Bulkhead, beside the same calls of libc's own:
//   calls --list
//     Prints a line for each call: its name, a tab, what it is.
//   calls --call=NAME --where=PLACE --calls=N --way=libc|bulkhead|both
//     Makes N calls there; both: in turns, N of each. Prints nanoseconds of a
//     call in the median turn, those of the loop and of the gate into the place
//     included.
//
// Places:
//   alone      the root, in a process without compartments
//   root       the root, where there is a vault
//   vault      a vault, on the program's pages
//   vault-own  a vault, on pages of its heap
//   beside     the root, where there is a sandbox
//   sandbox    a sandbox, on pages of its heap

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "bulkhead/bulkhead.h"

namespace {

constexpr size_t kPage = 4096;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
// So many calls of one way, then as many of the other.
constexpr uint64_t kTurn = 250;

// What is compared, by two ways.
#define FUNCTIONS(F) \
  F(mmap)            \
  F(munmap)          \
  F(mremap)          \
  F(madvise)         \
  F(mprotect)        \
  F(pkey_mprotect)   \
  F(pkey_free)       \
  F(fputc)           \
  F(fputs)           \
  F(fwrite)          \
  F(fprintf)         \
  F(getenv)          \
  F(rand) F(random) F(gmtime_r) F(localtime_r) F(qsort) F(longjmp) F(siglongjmp)

struct Functions {
#define DECLARE(name) decltype(&::name) name;
  FUNCTIONS(DECLARE)
#undef DECLARE
};

enum Way { kLibc, kBulkhead, kWays };
Functions functions[kWays];

// Bulkhead's own interface.
struct Interface {
  decltype(&bh_create_with_gates) create;
  decltype(&bh_call) call;
} interface;

FILE* null_stream;
sigjmp_buf jump_back;

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "calls: %s\n", what);
  exit(2);
}

template <typename Function>
void Find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (function == nullptr) Fail(name);
}

void FindAll(void* handle, Functions& found) {
#define FIND(name) Find(handle, #name, found.name);
  FUNCTIONS(FIND)
#undef FIND
}

// Each makes calls on a page of the place's and says how many went wrong.
using Loop = uint64_t (*)(const Functions&, uint64_t calls, char* page);

// What the kernel refuses before it looks at any page, and Bulkhead does not:
// by libc's own function it is the system call and nothing else.

uint64_t Mmap(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {  // of a file that is none
    wrong += f.mmap(page, kPage, kReadWrite, MAP_PRIVATE | MAP_FIXED, -1, 0) !=
             MAP_FAILED;
  }
  return wrong;
}

uint64_t Munmap(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  // Beyond all of a process's pages.
  void* const beyond = reinterpret_cast<void*>(uintptr_t{1} << 56);
  for (; calls > 0; --calls) wrong += f.munmap(beyond, kPage) != -1;
  return wrong;
}

uint64_t Mremap(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {  // to no pages
    wrong += f.mremap(page, kPage, 0, MREMAP_MAYMOVE) != MAP_FAILED;
  }
  return wrong;
}

uint64_t Madvise(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  constexpr int kNoAdvice = 12345;
  for (; calls > 0; --calls) wrong += f.madvise(page, kPage, kNoAdvice) != -1;
  return wrong;
}

constexpr int kNoProtection = PROT_GROWSDOWN | PROT_GROWSUP;

uint64_t Mprotect(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {
    wrong += f.mprotect(page, kPage, kNoProtection) != -1;
  }
  return wrong;
}

uint64_t PkeyMprotect(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {
    wrong += f.pkey_mprotect(page, kPage, kNoProtection, 0) != -1;
  }
  return wrong;
}

uint64_t PkeyFree(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  constexpr int kNoKey = 99;
  for (; calls > 0; --calls) wrong += f.pkey_free(kNoKey) > 0;
  return wrong;
}

// What the kernel does.

uint64_t MapAndUnmap(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {
    void* const mapped =
        f.mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    wrong += mapped == MAP_FAILED || f.munmap(mapped, kPage) != 0;
  }
  return wrong;
}

uint64_t MoveNowhere(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {
    wrong += f.mremap(page, kPage, kPage, MREMAP_MAYMOVE) != page;
  }
  return wrong;
}

uint64_t AdviseNothing(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.madvise(page, kPage, MADV_NORMAL) != 0;
  return wrong;
}

uint64_t ProtectAsItIs(const Functions& f, uint64_t calls, char* page) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.mprotect(page, kPage, kReadWrite) != 0;
  return wrong;
}

// What libc does without the kernel.

uint64_t Fputc(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.fputc('x', null_stream) != 'x';
  return wrong;
}

uint64_t Fputs(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.fputs("eight of", null_stream) < 0;
  return wrong;
}

uint64_t Fwrite(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls)
    wrong += f.fwrite("eight of", 1, 8, null_stream) != 8;
  return wrong;
}

uint64_t Fprintf(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.fprintf(null_stream, "%d", 12345) != 5;
  return wrong;
}

uint64_t Getenv(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.getenv("PATH") == nullptr;
  return wrong;
}

uint64_t Rand(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.rand() < 0;
  return wrong;
}

uint64_t Random(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) wrong += f.random() < 0;
  return wrong;
}

uint64_t Gmtime(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  const time_t when = 1'000'000'000;
  struct tm parts;
  for (; calls > 0; --calls) wrong += f.gmtime_r(&when, &parts) == nullptr;
  return wrong;
}

uint64_t Localtime(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  const time_t when = 1'000'000'000;
  struct tm parts;
  for (; calls > 0; --calls) wrong += f.localtime_r(&when, &parts) == nullptr;
  return wrong;
}

int Compare(const void* a, const void* b) {
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

uint64_t Qsort(const Functions& f, uint64_t calls, char*) {
  uint64_t wrong = 0;
  for (; calls > 0; --calls) {
    int numbers[8] = {5, 2, 7, 1, 8, 3, 6, 4};
    f.qsort(numbers, 8, sizeof(int), Compare);
    wrong += numbers[0] != 1;
  }
  return wrong;
}

// No variable that lives across a jump may be the compiler's to keep.
uint64_t Longjmp(const Functions& f, uint64_t calls, char*) {
  volatile uint64_t left = calls;
  _setjmp(jump_back);
  if (left == 0) return 0;
  left = left - 1;
  f.longjmp(jump_back, 1);
  __builtin_unreachable();
}

uint64_t Siglongjmp(const Functions& f, uint64_t calls, char*) {
  volatile uint64_t left = calls;
  sigsetjmp(jump_back, 0);
  if (left == 0) return 0;
  left = left - 1;
  f.siglongjmp(jump_back, 1);
  __builtin_unreachable();
}

struct Call {
  const char* name;
  const char* what;
  Loop loop;
};

constexpr Call kCalls[] = {
    {"mmap", "mmap() over a page, refused by the kernel", Mmap},
    {"munmap", "munmap(), refused by the kernel", Munmap},
    {"mremap", "mremap(), refused by the kernel", Mremap},
    {"madvise", "madvise(), refused by the kernel", Madvise},
    {"mprotect", "mprotect(), refused by the kernel", Mprotect},
    {"pkey_mprotect", "pkey_mprotect(), refused by the kernel", PkeyMprotect},
    {"pkey_free", "pkey_free(), refused by the kernel", PkeyFree},
    {"map-and-unmap", "mmap() and munmap() of a page", MapAndUnmap},
    {"move-nowhere", "mremap() of a page to its size", MoveNowhere},
    {"advise-nothing", "madvise(MADV_NORMAL) on a page", AdviseNothing},
    {"protect-as-it-is", "mprotect() of a page as it is", ProtectAsItIs},
    {"fputc", "a character to a stream", Fputc},
    {"fputs", "eight characters to a stream", Fputs},
    {"fwrite", "eight bytes to a stream", Fwrite},
    {"fprintf", "a number to a stream", Fprintf},
    {"getenv", "getenv() of a variable that is there", Getenv},
    {"rand", "rand()", Rand},
    {"random", "random()", Random},
    {"gmtime_r", "gmtime_r()", Gmtime},
    {"localtime_r", "localtime_r()", Localtime},
    {"qsort", "qsort() of eight numbers", Qsort},
    {"longjmp", "_setjmp() and longjmp()", Longjmp},
    {"siglongjmp", "sigsetjmp() and siglongjmp()", Siglongjmp},
};

// Both entries are every place's.
uint64_t RunLoop(uint64_t way, uint64_t index, uint64_t calls, uint64_t page,
                 uint64_t, uint64_t) {
  return kCalls[index].loop(functions[way], calls,
                            reinterpret_cast<char*>(page));
}
BULKHEAD_GATE(kRunInVault, "vault", RunLoop);
BULKHEAD_GATE(kRunInSandbox, "sandbox", RunLoop);

uint64_t GivePage(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) {
  return reinterpret_cast<uint64_t>(aligned_alloc(kPage, 4 * kPage)) + kPage;
}
BULKHEAD_GATE(kGivePageOfVault, "vault", GivePage);
BULKHEAD_GATE(kGivePageOfSandbox, "sandbox", GivePage);

bh_compartment Create(const char* name, bh_kind kind) {
  bh_options options = {};
  options.kind = kind;
  bh_compartment created;
  if (interface.create(name, &options, __start_bulkhead_gates,
                       __stop_bulkhead_gates, &created) != BH_OK) {
    Fail("a compartment could not be created");
  }
  return created;
}

// Where calls are made.
struct Place {
  bh_compartment compartment = {0, 0};
  const bh_gate* run = nullptr;  // nullptr: in the root
  char* page = nullptr;

  void Make(Way way, uint64_t index, uint64_t calls) const {
    uint64_t wrong = 1;
    const auto at = reinterpret_cast<uint64_t>(page);
    if (run == nullptr) {
      wrong = RunLoop(way, index, calls, at, 0, 0);
    } else {
      const bh_result result =
          interface.call(compartment, run, way, index, calls, at, 0, 0);
      if (result.status == BH_OK) wrong = result.value;
    }
    if (wrong != 0) Fail("a call did something else");
  }
};

Place Prepare(const char* where) {
  const auto is = [where](const char* name) {
    return strcmp(where, name) == 0;
  };
  Place place;
  place.page = static_cast<char*>(
      mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (place.page == MAP_FAILED) Fail("no page");
  if (is("alone")) return place;
  const auto give = [&place](const bh_gate* gate) {
    const bh_result given =
        interface.call(place.compartment, gate, 0, 0, 0, 0, 0, 0);
    if (given.status != BH_OK) Fail("a compartment gave no page");
    return reinterpret_cast<char*>(given.value);
  };
  if (is("root") || is("vault") || is("vault-own")) {
    place.compartment = Create("vault", BH_KIND_VAULT);
    char* const own = give(&kGivePageOfVault);
    if (!is("root")) place.run = &kRunInVault;
    if (is("vault-own")) place.page = own;
    return place;
  }
  if (is("beside") || is("sandbox")) {
    place.compartment = Create("sandbox", BH_KIND_SANDBOX);
    char* const own = give(&kGivePageOfSandbox);
    if (is("beside")) return place;
    place.run = &kRunInSandbox;
    place.page = own;
    return place;
  }
  Fail("there is no such place");
}

const char* ReadText(int argc, char** argv, const char* option) {
  const size_t length = strlen(option);
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], option, length) == 0) return argv[i] + length;
  }
  Fail("an option is missing: see calls.cc");
}

uint64_t IndexOf(const char* name) {
  for (uint64_t i = 0; i < sizeof(kCalls) / sizeof(*kCalls); ++i) {
    if (strcmp(kCalls[i].name, name) == 0) return i;
  }
  Fail("there is no such call");
}

// 0 of none.
double Median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (const Call& call : kCalls) printf("%s\t%s\n", call.name, call.what);
    return 0;
  }
  const uint64_t index = IndexOf(ReadText(argc, argv, "--call="));
  const char* const ways = ReadText(argc, argv, "--way=");
  const uint64_t calls =
      strtoull(ReadText(argc, argv, "--calls="), nullptr, 10);
  if (calls == 0) Fail("nothing to do");
  void* const libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  if (libc == nullptr) Fail("there is no libc");
  FindAll(libc, functions[kLibc]);
  FindAll(RTLD_DEFAULT, functions[kBulkhead]);
  if (functions[kLibc].mprotect == functions[kBulkhead].mprotect) {
    Fail("Bulkhead is not preloaded");
  }
  Find(RTLD_DEFAULT, "bh_create_with_gates", interface.create);
  Find(RTLD_DEFAULT, "bh_call", interface.call);
  null_stream = fopen("/dev/null", "w");
  if (null_stream == nullptr) Fail("/dev/null cannot be written to");
  const Place place = Prepare(ReadText(argc, argv, "--where="));
  std::vector<double> turns[kWays];
  for (std::vector<double>& each : turns) each.reserve(calls / kTurn + 1);
  for (uint64_t done = 0; done < calls; done += kTurn) {
    const uint64_t count = std::min(calls - done, kTurn);
    for (const Way way : {kLibc, kBulkhead}) {
      if (strcmp(ways, way == kLibc ? "bulkhead" : "libc") == 0) continue;
      const auto begin = std::chrono::steady_clock::now();
      place.Make(way, index, count);
      const std::chrono::duration<double, std::nano> time =
          std::chrono::steady_clock::now() - begin;
      turns[way].push_back(time.count() / static_cast<double>(count));
    }
  }
  printf("libc_ns=%.3f bulkhead_ns=%.3f\n", Median(turns[kLibc]),
         Median(turns[kBulkhead]));
  return 0;
}
