// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/variables.h"

#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constexpr int kAccess = PROT_READ | PROT_WRITE;
constexpr int kMlockOnFault = 1;  // linux/mman.h

constinit BULKHEAD_SEALED Variables table[kMostVariables] = {};
constinit BULKHEAD_SEALED uint32_t count = 0;

uint32_t Count() { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }

void SetOwner(Variables& variables, CompartmentId owner) {
  __atomic_store(&variables.owner, &owner, __ATOMIC_RELEASE);
}

bool Overlap(PageRange a, PageRange b) {
  return a.begin < b.end() && b.begin < a.end();
}

bool AreWholePages(PageRange pages) {
  return pages.begin % kPageBytes == 0 && pages.bytes % kPageBytes == 0 &&
         pages.bytes != 0 && pages.end() > pages.begin;
}

bool AreBulkheads(PageRange pages) {
  return Overlap(pages, {reservation.begin(), reservation.bytes()}) ||
         Overlap(pages, SealedData()) || Overlap(pages, SettledData());
}

Variables* Find(PageRange pages) {
  for (uint32_t i = 0; i < Count(); ++i) {
    if (Overlap(table[i].pages, pages)) return &table[i];
  }
  return nullptr;
}

bool Tag(PageRange pages, HardwareKey key, int protection) {
  return enforcement == Enforcement::kPku
             ? sys::PkeyMprotect(pages.begin, pages.bytes, kAccess,
                                 Number(key)) == 0
             : sys::Mprotect(pages.begin, pages.bytes, protection) == 0;
}

// As for a heap's cages.
bool Advise(const CompartmentRow& row, PageRange pages) {
  if (row.traits.kind != Kind::kShared &&
      sys::Madvise(pages.begin, pages.bytes, MADV_DONTDUMP) != 0) {
    return false;
  }
  if (row.traits.wipe_on_fork &&
      sys::Madvise(pages.begin, pages.bytes, MADV_WIPEONFORK) != 0) {
    return false;
  }
  return !row.traits.lock ||
         sys::Mlock2(pages.begin, pages.bytes, kMlockOnFault) == 0;
}

// To pages of their own, which the monitor alone writes until they are the
// compartment's: the object's may be its file's.
bool Replace(const CompartmentRow& row, PageRange pages, int protection) {
  const long mapped =
      sys::Mmap(0, pages.bytes, kAccess, MAP_PRIVATE | MAP_ANONYMOUS);
  if (sys::Failed(mapped)) return false;
  const PageRange fresh = {static_cast<uintptr_t>(mapped), pages.bytes};
  if (Tag(fresh, metadata_key, kAccess)) {
    __builtin_memcpy(reinterpret_cast<void*>(fresh.begin),
                     reinterpret_cast<const void*>(pages.begin), pages.bytes);
    if (Tag(fresh, row.heap_key, protection) && Advise(row, fresh) &&
        !sys::Failed(sys::Call(SYS_mremap, sys::Word(fresh.begin),
                               sys::Word(pages.bytes), sys::Word(pages.bytes),
                               MREMAP_MAYMOVE | MREMAP_FIXED,
                               sys::Word(pages.begin)))) {
      return true;
    }
  }
  BULKHEAD_CHECK(sys::Call(SYS_munmap, sys::Word(fresh.begin),
                           sys::Word(fresh.bytes)) == 0,
                 "the kernel refused to unmap a copy of variables");
  return false;
}

}  // namespace

bool FindVariables(uintptr_t address, CompartmentId& id) {
  for (uint32_t i = 0; i < Count(); ++i) {
    const Variables& row = table[i];
    if (address - row.pages.begin >= row.pages.bytes) continue;
    id = row.owner;
    return id != kRoot;
  }
  return false;
}

bool AreVariables(PageRange pages) {
  return pages.bytes != 0 && Find(pages) != nullptr;
}

bh_status AdoptVariables(CompartmentRow& row, PageRange pages, int protection) {
  if (!AreWholePages(pages) || AreBulkheads(pages)) return BH_ERR_VARIABLES;
  Variables* known = Find(pages);
  if (known == nullptr) {
    if (count == kMostVariables) return BH_ERR_VARIABLES;
    if (!Replace(row, pages, protection)) return BH_ERR_KERNEL;
    table[count] = {pages, IdOf(row)};
    __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
    return BH_OK;
  }
  if (known->pages.begin != pages.begin || known->pages.bytes != pages.bytes) {
    return BH_ERR_VARIABLES;
  }
  if (known->owner == IdOf(row)) return BH_OK;
  if (known->owner != kRoot) return BH_ERR_VARIABLES;
  if (!Tag(pages, row.heap_key, protection) || !Advise(row, pages)) {
    return BH_ERR_KERNEL;
  }
  SetOwner(*known, IdOf(row));
  return BH_OK;
}

bool ReleaseVariables(CompartmentRow& row) {
  bool done = true;
  for (uint32_t i = 0; i < count; ++i) {
    if (table[i].owner != IdOf(row)) continue;
    const PageRange pages = table[i].pages;
    SetOwner(table[i], kRoot);
    done &= !sys::Failed(
        sys::Mmap(pages.begin, pages.bytes, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED));
  }
  return done;
}

bool ProtectVariables(const CompartmentRow& row, int protection) {
  bool done = true;
  for (uint32_t i = 0; i < Count(); ++i) {
    const Variables& variables = table[i];
    if (variables.owner != IdOf(row)) continue;
    done &= sys::Mprotect(variables.pages.begin, variables.pages.bytes,
                          protection) == 0;
  }
  return done;
}

}  // namespace bulkhead
