// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Whose domain the calling thread runs in.

#ifndef BULKHEAD_ISOLATION_THREAD_CURRENT_H_
#define BULKHEAD_ISOLATION_THREAD_CURRENT_H_

#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// PKRU opens more than the record's domain: the owner of the one key more.
// Dies when there is none, or more than one: an unknown domain.
CompartmentId OwnerOfOpenKey(Pkru pkru, const ThreadRecord& record);

// The compartment in whose domain the thread of `record`, the caller, runs.
inline CompartmentId CurrentCompartment(const ThreadRecord& record) {
  if (enforcement != Enforcement::kPku) return record.current;
  const Pkru pkru = ReadPkru();
  if (__builtin_expect((pkru & Pkru{bulkhead_owned_pkru}) == record.pkru, true)) {
    return record.current;
  }
  return OwnerOfOpenKey(pkru, record);
}

// Whether the domain in which the thread of `record`, the caller, runs may write
// to the heap of `owner`.
bool MayWrite(const ThreadRecord& record, CompartmentId owner);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_CURRENT_H_
