// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The one range of address space that holds Bulkhead's metadata and every
// compartment's heap. It is cut into cages of one power-of-two size, so that an
// address finds its compartment by a shift and a look-up.
//
//   [ M: metadata | F: monitor stacks | live map | cage | cage | ... | cage ]
//
// The root's cages grow from the lower end, compartments' from the upper. The
// live map has a byte for every 16 bytes of the whole range: 1 where a block
// that the program has starts. Each part of it belongs to whom the memory that
// it maps belongs to, and carries the same key.

#ifndef BULKHEAD_ISOLATION_DOMAIN_RESERVATION_H_
#define BULKHEAD_ISOLATION_DOMAIN_RESERVATION_H_

#include <cstddef>
#include <cstdint>

#include "isolation/base/ids.h"

namespace bulkhead {

// A slot of the cage table: a row of the compartment table plus one; 0 is free,
// and so is any address outside.
using CageOwner = uint16_t;
inline constexpr CageOwner kNobody = 0;
inline constexpr CageOwner kBulkhead = 0xffff;

inline constexpr size_t kMostCages = 4096;
inline constexpr size_t kSmallestCage = size_t{4} << 20;
inline constexpr unsigned kGranuleShift = 4;  // of the live map

class Reservation {
 public:
  // Reserves at most `bytes` of address space, halving until the kernel and
  // RLIMIT_AS allow it. Returns false when not even the smallest fits.
  // REQUIRES: called once.
  bool Reserve(uint64_t bytes);

  uintptr_t begin() const { return begin_; }
  size_t bytes() const { return bytes_; }
  size_t cage_bytes() const { return size_t{1} << cage_shift_; }
  size_t cages() const { return cages_; }
  bool Contains(uintptr_t address) const { return address - begin_ < bytes_; }

  // Signal-safe, any domain.
  CageOwner Owner(uintptr_t address) const {
    const uintptr_t offset = address - begin_;
    return offset < bytes_ ? owners_[offset >> cage_shift_] : kNobody;
  }

  // Takes adjoining cages for at least `bytes`; after `adjoining` if that is
  // an end of a range and the cages behind it are free, otherwise anywhere,
  // from the lower end or the upper. An empty range: no room. Not thread-safe:
  // the heap lock of the domain layer (see cages.h).
  PageRange Take(CageOwner owner, size_t bytes, uintptr_t adjoining,
                 bool from_below);
  // Makes the cages inaccessible and empty, and gives them back.
  // Returns false if the kernel refused; they stay taken.
  bool GiveBack(PageRange range);

  PageRange metadata() const { return {begin_, metadata_bytes_}; }
  PageRange frames() const { return {begin_ + metadata_bytes_, cage_bytes()}; }
  PageRange live_map() const {
    return {frames().end(),
            RoundUp(bytes_ >> kGranuleShift, size_t{1} << cage_shift_)};
  }
  // The pages of the live map that map nothing but `pages`.
  PageRange LiveMapWithin(PageRange pages) const {
    const uintptr_t map = live_map().begin;
    const uintptr_t begin =
        RoundUp(map + ((pages.begin - begin_) >> kGranuleShift), kPageBytes);
    const uintptr_t end =
        RoundDown(map + ((pages.end() - begin_) >> kGranuleShift), kPageBytes);
    return {begin, end > begin ? end - begin : 0};
  }
  // The pages of the live map that map any of `pages`.
  PageRange LiveMapOf(PageRange pages) const {
    const uintptr_t map = live_map().begin;
    const uintptr_t begin =
        RoundDown(map + ((pages.begin - begin_) >> kGranuleShift), kPageBytes);
    const uintptr_t end =
        RoundUp(map + ((pages.end() - begin_) >> kGranuleShift), kPageBytes);
    return {begin, end - begin};
  }

 private:
  uintptr_t begin_ = 0;
  size_t bytes_ = 0;
  size_t metadata_bytes_ = 0;
  size_t cages_ = 0;
  unsigned cage_shift_ = 0;
  CageOwner owners_[kMostCages] = {};
};

extern Reservation reservation;

// Makes pages of the reservation accessible under `key`, and part of core
// files. False: the kernel has no memory for it.
bool OpenForGood(PageRange pages, HardwareKey key);

// Address space for a process under RLIMIT_AS: the most of it that Bulkhead
// takes, so that the program's own mappings still fit. Exposed for tests.
uint64_t AllowedReservation(uint64_t wanted, uint64_t limit, uint64_t used);

// The row that owns `address`, if a compartment or the root does.
inline bool FindOwner(uintptr_t address, CompartmentId& id) {
  const CageOwner owner = reservation.Owner(address);
  if (owner == kNobody || owner == kBulkhead) return false;
  id = CompartmentId{static_cast<uint32_t>(owner - 1)};
  return true;
}

constexpr CageOwner OwnerOf(CompartmentId id) {
  return static_cast<CageOwner>(Index(id) + 1);
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_RESERVATION_H_
