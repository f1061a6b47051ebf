// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Scopes: a compartment's heap, opened for code on its caller's stack.

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/monitor/calls.h"

namespace bulkhead {
namespace {

// With keys: has the record's domain open the row's. Pages are opened by
// themselves.
bh_result BeginScope(ThreadRecord& record, const CompartmentRow& row) {
  if (enforcement != Enforcement::kPku) return {};
  const bh_result pushed =
      MonitorPushFrame(record, Index(record.caller), 0, 0, 0);
  if (pushed.status != 0) return pushed;
  SetDomain(record, record.pkru & Pkru{row.open_mask}, IdOf(row));
  // The frame tells what the thread was in beyond.
  record.claimed = kRoot;
  return {};
}

}  // namespace

bh_result MonitorBeginScope(ThreadRecord& record, uint64_t id,
                            uint64_t generation, uint64_t, uint64_t) {
  const bh_compartment scoped = {static_cast<uint32_t>(id),
                                 static_cast<uint32_t>(generation)};
  CompartmentRow* row = FindLive(scoped);
  if (row == nullptr || id == 0) return Refused(BH_ERR_DESTROYED);
  if (row->scopes == 0) return Refused(BH_ERR_NO_SCOPES);
  // Said before the state is read again: see the gate.
  __atomic_fetch_add(&record.scopes[id], 1, __ATOMIC_SEQ_CST);
  bh_result result = Refused(BH_ERR_DESTROYED);
  if (FindLive(scoped) == row) result = BeginScope(record, *row);
  if (result.status != BH_OK) {
    __atomic_fetch_sub(&record.scopes[id], 1, __ATOMIC_SEQ_CST);
  }
  return result;
}

bh_result MonitorEndScope(ThreadRecord& record, uint64_t id, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(id != 0 && id < BH_MAX_COMPARTMENTS && record.scopes[id] != 0,
                 "the end of a scope that nobody began");
  __atomic_fetch_sub(&record.scopes[id], 1, __ATOMIC_SEQ_CST);
  return enforcement == Enforcement::kPku ? MonitorPopFrame(record, 0, 0, 0, 0)
                                          : bh_result{};
}

}  // namespace bulkhead
