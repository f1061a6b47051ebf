// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/grants/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>

#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/change_of_rights.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kMostWait = 10 * kNanosecondsPerSecond;
// A thread that was told on its way through a gate must be told again, soon;
// one that has blocked the signal shall not find a queue of them.
constexpr int64_t kFirstPause = 20'000;
constexpr int64_t kLongestPause = 10'000'000;

int64_t Now() {
  timespec now = {};
  sys::Call(SYS_clock_gettime, CLOCK_MONOTONIC, sys::Word(&now));
  return now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
}

void Sleep(int64_t nanoseconds) {
  timespec time = {};
  time.tv_nsec = nanoseconds;
  sys::Call(SYS_nanosleep, sys::Word(&time), 0);
}

// 0: the name is no number.
int ToNumber(const char* name) {
  int number = 0;
  for (; *name >= '0' && *name <= '9'; ++name) {
    number = number * 10 + (*name - '0');
  }
  return *name == '\0' ? number : 0;
}

// A record outlives its thread: that of an earlier one with this number is
// older than the change.
bool HasRights(int tid, uint64_t generation) {
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    if (record->tid == tid && __atomic_load_n(&record->rights_generation,
                                              __ATOMIC_SEQ_CST) >= generation) {
      return true;
    }
  }
  return false;
}

// The kernel's struct linux_dirent64.
struct Entry {
  uint64_t inode;
  int64_t next;
  uint16_t bytes;
  unsigned char type;
  char name[1];
};

}  // namespace

Threads::Threads()
    : directory_(static_cast<int>(
          sys::Open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC))) {}

Threads::~Threads() {
  if (ok()) sys::Close(directory_);
}

template <typename Visit>
void Threads::ForEach(Visit visit) const {
  alignas(Entry) char entries[4096];
  sys::Call(SYS_lseek, directory_, 0, SEEK_SET);
  for (;;) {
    const long bytes = sys::Call(SYS_getdents64, directory_,
                                 sys::Word(&entries), sizeof(entries));
    BULKHEAD_CHECK(bytes >= 0, "the kernel refused to list the threads");
    if (bytes == 0) return;
    for (long at = 0; at < bytes;) {
      const auto& entry = *reinterpret_cast<const Entry*>(entries + at);
      const int tid = ToNumber(entry.name);
      if (tid != 0) visit(tid);
      at += entry.bytes;
    }
  }
}

// A process's first thread stays in the list until the last one has ended.
bool Threads::HasEnded(int tid) const {
  char path[32] = "/stat";
  constexpr size_t kFileBytes = sizeof("/stat");
  char* at = path + sizeof(path) - kFileBytes;
  __builtin_memcpy(at, path, kFileBytes);
  for (int rest = tid; rest != 0; rest /= 10) {
    *--at = static_cast<char>('0' + rest % 10);
  }
  const long file =
      sys::Call(SYS_openat, directory_, sys::Word(at), O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  char text[512];
  const long bytes = sys::Read(static_cast<int>(file), text, sizeof(text));
  sys::Close(static_cast<int>(file));
  // Its number, its name in parentheses, which may hold some, and its state.
  for (long i = bytes - 3; i > 0; --i) {
    if (text[i] == ')') return text[i + 2] == 'Z' || text[i + 2] == 'X';
  }
  return bytes <= 0;
}

bool Threads::AwaitRights(uint64_t generation) const {
  const int own = sys::GetTid();
  const int64_t end = Now() + kMostWait;
  for (int64_t pause = kFirstPause;;) {
    bool all = true;
    ForEach([&](int tid) {
      if (tid == own || HasRights(tid, generation)) return;
      if (pause != kFirstPause && HasEnded(tid)) return;
      all = false;
      SendChangeOfRights(tid);
    });
    if (all) return true;
    if (Now() > end) return false;
    Sleep(pause);
    pause = pause < kLongestPause ? pause * 2 : kLongestPause;
  }
}

}  // namespace bulkhead
