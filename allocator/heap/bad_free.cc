// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/bad_free.h"

#include "isolation/base/raw_log.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

ViolationKind KindOf(FreeStatus status) {
  switch (status) {
    case FreeStatus::kInterior:
      return ViolationKind::kInteriorFree;
    case FreeStatus::kFree:
      return ViolationKind::kDoubleFree;
    case FreeStatus::kNothing:
      return ViolationKind::kWildFree;
    case FreeStatus::kForeign:
      return ViolationKind::kForeignFree;
    case FreeStatus::kDone:
    case FreeStatus::kNoMemory:
    case FreeStatus::kMoved:
      break;
  }
  Die("a block in use was taken for a bad one");
}

}  // namespace

bool FindObject(uintptr_t address, HeapObject& object) {
  ThreadRecord& record = *CurrentRecord();
  const bh_result found =
      CallMonitor(record, MonitorCall::kInspect, address, 1);
  const auto status = static_cast<FreeStatus>(found.status);
  if (status == FreeStatus::kNothing || found.value == 0) return false;
  object.memory = {record.batch[0], found.value};
  const bool is_cached = record.batch[1] != 0;
  object.in_use = !is_cached && (status == FreeStatus::kDone ||
                                 status == FreeStatus::kInterior);
  return true;
}

void BadFree::Report(ViolationKind kind) const {
  ViolationPlace place;
  place.address = address_;
  place.program_counter = reinterpret_cast<uintptr_t>(return_address_);
  place.after_call = true;
  place.domain = CurrentCompartment(record_);
  ReportViolation(kind, place);
}

void BadFree::ReportStatus(FreeStatus status) const { Report(KindOf(status)); }

void BadFree::ReportState() const {
  ReportUnlessInUse();
  // Another thread freed it, and by now it has been handed out again.
  Report(ViolationKind::kDoubleFree);
}

void BadFree::ReportUnlessInUse() const {
  const bh_result state = CallMonitor(record_, MonitorCall::kInspect, address_);
  const auto status = static_cast<FreeStatus>(state.status);
  if (status != FreeStatus::kDone) ReportStatus(status);
}

size_t BadFree::SizeInUse() const {
  ReportUnlessInUse();
  return CallMonitor(record_, MonitorCall::kInspect, address_).value;
}

void ReportBadFlush(bh_result result, CompartmentId id,
                    const void* return_address) {
  const BadFree bad(*CurrentRecord(), result.value, return_address);
  CompartmentId owner;
  const bool is_own = FindOwner(result.value, owner) && owner == id;
  // What free() let in was a block of the compartment's at that time.
  const bool was_freed_twice =
      is_own && static_cast<FreeStatus>(result.status) == FreeStatus::kFree;
  bad.Report(was_freed_twice ? ViolationKind::kDoubleFree
                             : ViolationKind::kCorruptCache);
}

void ReportBadLeave(bh_result result, const void* return_address) {
  const CompartmentId id{static_cast<uint32_t>(result.status >> kLeftRowShift)};
  result.status = static_cast<uint32_t>(result.status);
  ReportBadFlush(result, id, return_address);
}

}  // namespace bulkhead
