// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Whose domain the calling thread runs in.

#ifndef BULKHEAD_ISOLATION_THREAD_CURRENT_H_
#define BULKHEAD_ISOLATION_THREAD_CURRENT_H_

#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The compartment in whose domain a thread with this PKRU and record runs: the
// record's, or the owner of the one key that PKRU opens beyond it. False when
// the value is of no known domain.
bool FindDomain(Pkru pkru, const ThreadRecord& record, CompartmentId& id);

// As above. Dies when the domain is unknown.
CompartmentId DomainOf(Pkru pkru, const ThreadRecord& record);

// The compartment in whose domain the thread of `record`, the caller, runs.
inline CompartmentId CurrentCompartment(const ThreadRecord& record) {
  if (enforcement != Enforcement::kPku) return record.current;
  const Pkru pkru = ReadPkru();
  if (__builtin_expect((pkru & Pkru{bulkhead_owned_pkru}) == record.pkru,
                       true)) {
    return record.current;
  }
  return DomainOf(pkru, record);
}

// The compartment that the thread of `record`, the caller, is in beyond the
// record's domain: through a gate or a scope that changed nothing but PKRU. The
// root: none. REQUIRES: protection keys.
inline CompartmentId CompartmentBeyond(const ThreadRecord& record) {
  const Pkru pkru = ReadPkru();
  if (__builtin_expect((pkru & Pkru{bulkhead_owned_pkru}) == record.pkru,
                       true)) {
    return kRoot;
  }
  return DomainOf(pkru, record);
}

// Whose heap malloc serves: the current compartment's, unless libc asks for
// itself.
inline CompartmentId AllocatingCompartment(const ThreadRecord& record) {
  const CompartmentId current = CurrentCompartment(record);
  if (__builtin_expect(record.serving_libc != 0, false)) return kRoot;
  return current;
}

// Whether the domain in which the thread of `record`, the caller, runs may
// write to the heap of `owner`.
bool MayWrite(const ThreadRecord& record, CompartmentId owner);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_CURRENT_H_
