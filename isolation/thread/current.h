// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Whose domain the calling thread runs in.

#ifndef BULKHEAD_ISOLATION_THREAD_CURRENT_H_
#define BULKHEAD_ISOLATION_THREAD_CURRENT_H_

#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The compartment in whose domain a thread with this PKRU runs whose record
// says that `current` runs with the rights `domain`: that one, or the owner of
// the one key that PKRU opens beyond it. False when the value is of no known
// domain.
bool FindDomain(Pkru pkru, Pkru domain, CompartmentId current,
                CompartmentId& id);

// The compartment in whose domain the thread of `record`, the caller, runs, or
// that it is in beyond it: what the next two do where PKRU is not the record's.
// Dies when the domain is unknown.
CompartmentId DomainBeyond(const ThreadRecord& record);

// The compartment in whose domain the thread of `record`, the caller, runs.
inline CompartmentId CurrentCompartment(const ThreadRecord& record) {
  if (enforcement != Enforcement::kPku) return record.current;
  if (__builtin_expect((ReadPkru() & Pkru{bulkhead_owned_pkru}) == record.pkru,
                       true)) {
    return record.current;
  }
  return DomainBeyond(record);
}

// The compartment that the thread of `record`, the caller, is in beyond the
// record's domain: through a gate or a scope that changed nothing but PKRU. The
// root: none. REQUIRES: protection keys.
inline CompartmentId CompartmentBeyond(const ThreadRecord& record) {
  if (__builtin_expect((ReadPkru() & Pkru{bulkhead_owned_pkru}) == record.pkru,
                       true)) {
    return kRoot;
  }
  const CompartmentId id = DomainBeyond(record);
  return id == record.current ? kRoot : id;
}

// Whose heap malloc serves: the current compartment's, unless libc asks for
// itself.
inline CompartmentId AllocatingCompartment(const ThreadRecord& record) {
  const CompartmentId current = CurrentCompartment(record);
  if (__builtin_expect(record.serving_libc != 0, false)) return kRoot;
  return current;
}

// Whether the caller runs in a sandbox's domain, or in that of what was called
// from one and is no callback. May be asked before the library is initialised,
// and by a thread that has no record yet. Signal-safe.
inline bool RunsInSandbox() {
  return __builtin_expect(is_root_closed, false) &&
         IsConfined(*CurrentRecord());
}

// Whether the domain in which the thread of `record`, the caller, runs may
// write to the heap of `owner`.
bool MayWrite(const ThreadRecord& record, CompartmentId owner);

// The same by what the record and the grants say, where pages are what
// protects.
bool MayWriteByPages(const ThreadRecord& record, CompartmentId owner);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_CURRENT_H_
