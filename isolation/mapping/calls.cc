// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The functions of libc's names. What a domain may not do to pages is EPERM, or
// a report if the option says so, and nothing has changed; all else is as the
// kernel answers it.
//
// pkey_alloc() is left as it is, for the kernel gives nobody a key that is
// taken; so is posix_madvise(), none of whose advice changes what a page holds.

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "bulkhead/bulkhead.h"
#include "isolation/base/options.h"
#include "isolation/domain/reservation.h"
#include "isolation/mapping/rights.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/current.h"
#include "isolation/thread/root_pages.h"
#include "isolation/violation/report.h"

namespace bulkhead {
namespace {

constexpr int kProtectionBits = PROT_READ | PROT_WRITE | PROT_EXEC;

int Fail(int error) {
  errno = error;
  return -1;
}

// What a system call returned, as libc returns it.
long ToErrno(long result) {
  return sys::Failed(result) ? Fail(static_cast<int>(-result)) : result;
}

int Status(long result) { return static_cast<int>(ToErrno(result)); }

uintptr_t AddressOf(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Answers a call that is not made.
int Refuse(const void* address, const void* return_address) {
  const bool is_running = reservation.bytes() != 0;
  if (is_running && static_cast<RefusedMappings>(GetOptions().mappings) ==
                        RefusedMappings::kReport) {
    ViolationPlace place;
    place.address = AddressOf(address);
    place.program_counter = AddressOf(return_address);
    place.after_call = true;
    place.domain = CurrentCompartment(*CurrentRecord());
    ReportViolation(ViolationKind::kMappingRefused, place);
  }
  return Fail(EPERM);
}

// What the root maps for itself is not a sandbox's to read.
void* KeepFromSandboxes(void* mapped, size_t bytes, int protection, int flags) {
  constexpr int kOwn = MAP_PRIVATE | MAP_ANONYMOUS;
  if (mapped == MAP_FAILED || !IsClosingRoot() || (flags & kOwn) != kOwn) {
    return mapped;
  }
  const PageRange pages = {AddressOf(mapped), RoundUp(bytes, kPageBytes)};
  if (TryCloseRootPages(pages, protection & kProtectionBits) == 0) {
    return mapped;
  }
  sys::Munmap(pages.begin, pages.bytes);
  errno = ENOMEM;
  return MAP_FAILED;
}

int Protect(void* address, size_t bytes, int protection,
            const void* return_address) {
  if (!MayProtect(PagesOf(address, bytes), protection)) {
    return Refuse(address, return_address);
  }
  return Status(sys::Mprotect(AddressOf(address), bytes, protection));
}

}  // namespace
}  // namespace bulkhead

extern "C" {

BULKHEAD_API void* mmap(void* address, size_t bytes, int protection, int flags,
                        int file, off_t offset) noexcept {
  const bool may_map =
      (flags & MAP_FIXED) != 0
          ? bulkhead::MayReplace(bulkhead::PagesOf(address, bytes))
          : !bulkhead::IsInSandbox();
  if (!may_map) {
    bulkhead::Refuse(address, __builtin_return_address(0));
    return MAP_FAILED;
  }
  auto* mapped = reinterpret_cast<void*>(bulkhead::ToErrno(bulkhead::sys::Mmap(
      bulkhead::AddressOf(address), bytes, protection, flags, file, offset)));
  return bulkhead::KeepFromSandboxes(mapped, bytes, protection, flags);
}
BULKHEAD_API void* mmap64(void* address, size_t bytes, int protection,
                          int flags, int file, off64_t offset) noexcept
    __attribute__((alias("mmap")));

BULKHEAD_API int munmap(void* address, size_t bytes) noexcept {
  if (!bulkhead::MayReplace(bulkhead::PagesOf(address, bytes))) {
    return bulkhead::Refuse(address, __builtin_return_address(0));
  }
  return bulkhead::Status(
      bulkhead::sys::Munmap(bulkhead::AddressOf(address), bytes));
}

BULKHEAD_API void* mremap(void* address, size_t bytes, size_t new_bytes,
                          int flags, ...) noexcept {
  void* target = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    target = va_arg(arguments, void*);
    va_end(arguments);
  }
  if (!bulkhead::MayReplace(bulkhead::PagesOf(address, bytes))) {
    bulkhead::Refuse(address, __builtin_return_address(0));
    return MAP_FAILED;
  }
  if ((flags & MREMAP_FIXED) != 0 &&
      !bulkhead::MayReplace(bulkhead::PagesOf(target, new_bytes))) {
    bulkhead::Refuse(target, __builtin_return_address(0));
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(bulkhead::ToErrno(
      bulkhead::sys::Mremap(bulkhead::AddressOf(address), bytes, new_bytes,
                            flags, bulkhead::AddressOf(target))));
}

BULKHEAD_API int madvise(void* address, size_t bytes, int advice) noexcept {
  if (!bulkhead::MayAdvise(bulkhead::PagesOf(address, bytes), advice)) {
    return bulkhead::Refuse(address, __builtin_return_address(0));
  }
  return bulkhead::Status(
      bulkhead::sys::Madvise(bulkhead::AddressOf(address), bytes, advice));
}

BULKHEAD_API int mprotect(void* address, size_t bytes,
                          int protection) noexcept {
  return bulkhead::Protect(address, bytes, protection,
                           __builtin_return_address(0));
}

BULKHEAD_API int pkey_mprotect(void* address, size_t bytes, int protection,
                               int key) noexcept {
  if (key == -1) {  // mprotect(), says the kernel
    return bulkhead::Protect(address, bytes, protection,
                             __builtin_return_address(0));
  }
  if (!bulkhead::MayReplace(bulkhead::PagesOf(address, bytes))) {
    return bulkhead::Refuse(address, __builtin_return_address(0));
  }
  // As the kernel says of a key that pkey_alloc() has not given.
  if (bulkhead::IsBulkheadsKey(key)) return bulkhead::Fail(EINVAL);
  return bulkhead::Status(bulkhead::sys::PkeyMprotect(
      bulkhead::AddressOf(address), bytes, protection, key));
}

BULKHEAD_API int pkey_free(int key) noexcept {
  if (bulkhead::IsBulkheadsKey(key)) return bulkhead::Fail(EINVAL);
  return bulkhead::Status(bulkhead::sys::PkeyFree(key));
}

}  // extern "C"
