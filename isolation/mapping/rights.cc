// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/mapping/rights.h"

#include <sys/mman.h>

#include "isolation/arch/gate.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/thread/current.h"
#include "isolation/thread/root_pages.h"

namespace bulkhead {
namespace {

// Bits of an address that the kernel drops where the process asked for linear
// address masking (Linux 6.4, LAM_U57); elsewhere it refuses those addresses.
constexpr uintptr_t kTagBits = uintptr_t{0x3f} << 57;

constexpr int kLastKey = 15;

bool Overlap(PageRange a, PageRange b) {
  return a.bytes != 0 && b.bytes != 0 && a.begin < b.end() && b.begin < a.end();
}

bool AreBulkheads(PageRange pages) {
  return Overlap(pages, {reservation.begin(), reservation.bytes()}) ||
         Overlap(pages, SealedData()) || Overlap(pages, SettledData()) ||
         AreVariables(pages);
}

// Whether all of the pages are of one heap that the domain may write, and whose
// it is.
bool AreOfOpenHeap(PageRange pages, CompartmentId& owner) {
  // Who may write to a compartment is inside: it is not destroyed meanwhile.
  return FindOwner(pages.begin, owner) && MayWrite(*CurrentRecord(), owner) &&
         HoldsHeapPages(RowOf(owner), pages);
}

}  // namespace

PageRange PagesOf(const void* address, size_t bytes) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(address) & ~kTagBits;
  const uintptr_t most = RoundDown(UINTPTR_MAX, kPageBytes) - begin;
  if (begin % kPageBytes != 0 || bytes > most) return {};
  return {begin, RoundUp(bytes, kPageBytes)};
}

bool IsInSandbox() { return IsClosingRoot() && IsConfined(*CurrentRecord()); }

bool MayReplace(PageRange pages) {
  return !AreBulkheads(pages) && !IsInSandbox();
}

bool MayProtect(PageRange pages, int protection) {
  if (!AreBulkheads(pages)) return !IsInSandbox();
  CompartmentId owner;
  if (!AreOfOpenHeap(pages, owner)) return false;
  // Pages that can be executed and nothing else get a key of the kernel's
  // choice, and key 0 after that.
  constexpr int kAccess = PROT_READ | PROT_WRITE | PROT_EXEC;
  return owner == kRoot || (protection & kAccess) != PROT_EXEC;
}

bool MayAdvise(PageRange pages, int advice) {
  if (!AreBulkheads(pages)) return !IsInSandbox();
  CompartmentId owner;
  if (!AreOfOpenHeap(pages, owner)) return false;
  switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    // Zeros, which the domain may write.
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
      return true;
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
      return owner == kRoot;
    // MADV_DONTFORK is among the rest: a forked child's reservation would have
    // a hole, into which the kernel maps whatever comes next.
    default:
      return false;
  }
}

bool IsBulkheadsKey(int key) {
  return key > 0 && key <= kLastKey &&
         Bits(Pkru{bulkhead_owned_pkru} & BothBits(HardwareKey{key})) != 0;
}

}  // namespace bulkhead
