// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_tls/process_scan.h"

#include <cpuid.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "docs/examples/vault_keys/memory_map.h"
#include "docs/examples/vault_tls/present_pages.h"

namespace bulkhead::vault_tls {
namespace {

using vault_keys::kPageBytes;
using vault_keys::Mapping;
using vault_keys::Recogniser;

constexpr unsigned kPkruComponent = 9;
constexpr size_t kXstateBvOffset = 512;
constexpr size_t kMostXstateBytes = 16 * 1024;

bool HasKeys() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kOspke = 1u << 4;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & kOspke) != 0;
}

// The PKRU in an XSAVE area as ptrace gives it, which is not compacted.
uint32_t PkruIn(const std::vector<uint8_t>& area) {
  unsigned size = 0, offset = 0, c = 0, d = 0;
  uint64_t in_use = 0;
  if (area.size() < kXstateBvOffset + sizeof(in_use)) return 0;
  memcpy(&in_use, &area[kXstateBvOffset], sizeof(in_use));
  uint32_t pkru = 0;
  if ((in_use >> kPkruComponent & 1) == 0 ||
      __get_cpuid_count(0xd, kPkruComponent, &size, &offset, &c, &d) == 0 ||
      area.size() < offset + sizeof(pkru)) {
    return 0;
  }
  memcpy(&pkru, &area[offset], sizeof(pkru));
  return pkru;
}

// The PKRU with which the process runs. False, with errno set, where it cannot
// be had.
bool ReadPkru(pid_t process, uint32_t* pkru) {
  *pkru = 0;
  if (!HasKeys()) return true;
  if (ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0) return false;
  std::vector<uint8_t> area(kMostXstateBytes);
  iovec where = {area.data(), area.size()};
  const bool read =
      ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr) == 0 &&
      waitpid(process, nullptr, __WALL) == process &&
      ptrace(PTRACE_GETREGSET, process, NT_X86_XSTATE, &where) == 0;
  const int error = errno;
  ptrace(PTRACE_DETACH, process, nullptr, nullptr);
  errno = error;
  area.resize(where.iov_len);
  if (read) *pkru = PkruIn(area);
  return read;
}

// The pages of one of the two kinds.
struct Side {
  Recogniser recogniser;
  uintptr_t next = 0;  // where its last page ends
  size_t pages = 0;
};

class Scan {
 public:
  Scan(pid_t process, const vault_keys::PublicKey& key,
       const vault_keys::PemLines& lines)
      : process_(std::to_string(process)) {
    for (Side* side : {&open_, &closed_}) {
      side->recogniser.SetKey(key, lines);
      side->recogniser.Restart();
    }
  }

  ProcessScan Run(pid_t process) {
    if (!ReadPkru(process, &pkru_)) {
      Fail("reading PKRU");
    } else if (!map_.Read(process_.c_str())) {
      Fail("reading smaps");
    } else if ((memory_ = Open("mem")) < 0 ||
               (pagemap_ = Open("pagemap")) < 0) {
      Fail("opening mem and pagemap");
    } else {
      for (size_t i = 0; i < map_.size() && ScanMapping(map_[i]); ++i) {
      }
    }
    close(memory_);
    close(pagemap_);
    result_.open = open_.recogniser.findings();
    result_.open_pages = open_.pages;
    result_.closed = closed_.recogniser.findings();
    result_.closed_pages = closed_.pages;
    return result_;
  }

 private:
  int Open(const char* name) const {
    return open(("/proc/" + process_ + "/" + name).c_str(),
                O_RDONLY | O_CLOEXEC);
  }

  bool Fail(const char* step) {
    result_.error = std::string(step) + ": " + strerror(errno);
    return false;
  }

  bool ScanMapping(const Mapping& mapping) {
    if (mapping.existing_pages == 0) return true;
    const bool is_open =
        mapping.readable && (pkru_ >> (2 * mapping.key) & 1) == 0;
    std::vector<PageRange> ranges;
    if (!AddPresentRanges(pagemap_, mapping.begin, mapping.end, &ranges)) {
      return Fail("reading pagemap");
    }
    for (const PageRange& range : ranges) {
      for (uintptr_t page = range.begin; page < range.end; page += kPageBytes) {
        if (!ScanPage(page, is_open ? &open_ : &closed_)) return false;
      }
    }
    return true;
  }

  bool ScanPage(uintptr_t page, Side* side) {
    if (page != side->next) side->recogniser.Break();
    side->next = page + kPageBytes;
    uint8_t bytes[kPageBytes];
    if (pread(memory_, bytes, sizeof(bytes), static_cast<off_t>(page)) ==
        static_cast<ssize_t>(sizeof(bytes))) {
      ++side->pages;
      side->recogniser.Read(bytes, sizeof(bytes), page);
      return true;
    }
    // The kernel's own pages, [vvar] among them, are nobody's to read.
    side->next = 0;
    return errno == EIO || errno == EFAULT || Fail("reading mem");
  }

  const std::string process_;
  uint32_t pkru_ = 0;
  int memory_ = -1;
  int pagemap_ = -1;
  vault_keys::MemoryMap map_;
  Side open_;
  Side closed_;
  ProcessScan result_;
};

}  // namespace

ProcessScan ScanProcess(pid_t process, const vault_keys::PublicKey& key,
                        const vault_keys::PemLines& lines) {
  return std::make_unique<Scan>(process, key, lines)->Run(process);
}

}  // namespace bulkhead::vault_tls
