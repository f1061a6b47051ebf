// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/reservation.h"

#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constexpr uint64_t kLeastReservation = uint64_t{64} << 20;
// jemalloc takes 12 MiB to start and 8 MiB more once its heap crosses a
// boundary of 1 GiB, for the next leaf of its page tree; the rest is
// Bulkhead's.
constexpr uint64_t kLeastMetadata = uint64_t{28} << 20;
constexpr uint64_t kLargestAlignment = uint64_t{4} << 30;
constexpr int kReserveFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

// Bytes of address space in use, from the first number of /proc/self/statm;
// a generous guess where /proc is not mounted.
uint64_t AddressSpaceInUse() {
  constexpr uint64_t kGuess = uint64_t{64} << 20;
  const long file = sys::Open("/proc/self/statm", 0);
  if (file < 0) return kGuess;
  char text[32] = {};
  const long size = sys::Read(static_cast<int>(file), text, sizeof(text) - 1);
  sys::Close(static_cast<int>(file));
  uint64_t pages = 0;
  for (long i = 0; i < size && text[i] >= '0' && text[i] <= '9'; ++i) {
    pages = pages * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  return pages == 0 ? kGuess : pages * kPageBytes;
}

// What nobody uses, debuggers would write out too: terabytes of nothing.
bool KeepOutOfCoreFiles(PageRange range) {
  return sys::Madvise(range.begin, range.bytes, MADV_DONTDUMP) == 0;
}

unsigned CageShift(uint64_t bytes) {
  unsigned shift = 22;
  while ((bytes >> shift) > kMostCages) ++shift;
  return shift;
}

}  // namespace

constinit BULKHEAD_SEALED Reservation reservation;

uint64_t AllowedReservation(uint64_t wanted, uint64_t limit, uint64_t used) {
  if (limit == RLIM_INFINITY) return wanted;
  const uint64_t half = limit > used ? (limit - used) / 2 : 0;
  if (wanted <= half) return wanted;
  return half & ~(uint64_t{kSmallestCage} - 1);
}

bool OpenForGood(PageRange pages, HardwareKey key) {
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;
  const long opened = key == kUntagged
                          ? sys::Mprotect(pages.begin, pages.bytes, kReadWrite)
                          : sys::PkeyMprotect(pages.begin, pages.bytes,
                                              kReadWrite, Number(key));
  return opened == 0 &&
         sys::Madvise(pages.begin, pages.bytes, MADV_DODUMP) == 0;
}

bool Reservation::Reserve(uint64_t bytes) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  sys::GetRlimit(RLIMIT_AS, &limit);
  if (bytes < kLeastReservation) bytes = kLeastReservation;
  if (limit.rlim_cur != RLIM_INFINITY) {
    bytes = AllowedReservation(bytes, limit.rlim_cur, AddressSpaceInUse());
  }
  for (; bytes >= kLeastReservation;
       bytes = RoundDown(bytes / 2, kSmallestCage)) {
    const unsigned shift = CageShift(bytes);
    const uint64_t cage = uint64_t{1} << shift;
    bytes &= ~(cage - 1);
    // A large reservation stands on a 4 GiB boundary, so that a system-call
    // filter can tell it by the high words of an address.
    const uint64_t alignment =
        bytes >= 4 * kLargestAlignment
            ? (cage > kLargestAlignment ? cage : kLargestAlignment)
            : cage;
    const long mapped =
        sys::Mmap(0, bytes + alignment, PROT_NONE, kReserveFlags);
    if (sys::Failed(mapped)) continue;
    const uintptr_t got = static_cast<uintptr_t>(mapped);
    begin_ = RoundUp(got, alignment);
    if (begin_ != got) sys::Munmap(got, begin_ - got);
    const uintptr_t end = begin_ + bytes;
    if (end != got + bytes + alignment) {
      sys::Munmap(end, got + bytes + alignment - end);
    }
    KeepOutOfCoreFiles({begin_, bytes});
    bytes_ = bytes;
    cage_shift_ = shift;
    cages_ = bytes >> shift;
    const uint64_t metadata = bytes / 16;
    metadata_bytes_ =
        RoundUp(metadata > kLeastMetadata ? metadata : kLeastMetadata, cage);
    const size_t own = (live_map().end() - begin_) >> shift;
    for (size_t i = 0; i < own; ++i) owners_[i] = kBulkhead;
    return true;
  }
  return false;
}

PageRange Reservation::Take(CageOwner owner, size_t bytes, uintptr_t adjoining,
                            bool from_below) {
  if (bytes > bytes_) return {};
  const size_t wanted = (bytes + cage_bytes() - 1) >> cage_shift_;
  const auto run_is_free = [&](size_t first) {
    if (first + wanted > cages_) return false;
    for (size_t i = first; i < first + wanted; ++i) {
      if (owners_[i] != kNobody) return false;
    }
    return true;
  };
  const auto take = [&](size_t first) {
    for (size_t i = first; i < first + wanted; ++i) owners_[i] = owner;
    return PageRange{begin_ + (first << cage_shift_), wanted << cage_shift_};
  };
  if (Contains(adjoining) && run_is_free((adjoining - begin_) >> cage_shift_)) {
    return take((adjoining - begin_) >> cage_shift_);
  }
  for (size_t i = 0; i + wanted <= cages_; ++i) {
    const size_t first = from_below ? i : cages_ - wanted - i;
    if (run_is_free(first)) return take(first);
  }
  return {};
}

bool Reservation::GiveBack(PageRange range) {
  const PageRange both[] = {range, LiveMapOf(range)};
  for (const PageRange pages : both) {
    const long mapped = sys::Mmap(pages.begin, pages.bytes, PROT_NONE,
                                  kReserveFlags | MAP_FIXED);
    // A filter that answers for the kernel does not know the address.
    if (static_cast<uintptr_t>(mapped) != pages.begin ||
        !KeepOutOfCoreFiles(pages)) {
      return false;
    }
  }
  const size_t first = (range.begin - begin_) >> cage_shift_;
  for (size_t i = 0; i < range.bytes >> cage_shift_; ++i) {
    owners_[first + i] = kNobody;
  }
  return true;
}

}  // namespace bulkhead
