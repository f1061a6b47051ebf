// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/domains.h"

#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {

struct Domains::Visit {
  Domains& domains;
  const Path& path;
  size_t next;
  void (*work)(void*);
  void* context;

  // An entry of each compartment.
  static void Enter(Visit* visit) { Go(visit); }
};

namespace {

constexpr const char* kNames[kOwners] = {"root", "fuzz0", "fuzz1", "fuzz2",
                                         "fuzz3"};
static_assert(kCompartments == 4, "a gate for each");

void EnterByGate(void* visit);
BULKHEAD_GATE(kGate0, "fuzz0", EnterByGate);
BULKHEAD_GATE(kGate1, "fuzz1", EnterByGate);
BULKHEAD_GATE(kGate2, "fuzz2", EnterByGate);
BULKHEAD_GATE(kGate3, "fuzz3", EnterByGate);
constexpr const bh_gate* kGates[kCompartments] = {&kGate0, &kGate1, &kGate2,
                                                  &kGate3};

void (*go)(void*) = nullptr;
void EnterByGate(void* visit) { go(visit); }

void CheckStatus(uint64_t status, const char* what, Owner owner) {
  if (status == BH_OK) return;
  Found("%s of %s was refused: %s", what, kNames[owner],
        bh_status_text(static_cast<bh_status>(status)));
}

Owner OwnerOfStep(const Step& step) {
  return step.way == Way::kStay ? kRootOwner : step.compartment + 1u;
}

}  // namespace

bool KeysAreEnforced() {
  return bh_get_level() == BH_LEVEL_PKU && !bulkhead::IsModelled();
}

bool HasCaches(Owner owner) {
  return owner == kRootOwner || bh_get_level() == BH_LEVEL_PKU;
}

Owner CurrentAt(const Path& path) {
  Owner current = kRootOwner;
  for (const Step& step : path) {
    if (step.way != Way::kStay) current = OwnerOfStep(step);
  }
  return current;
}

bool MayWriteAt(const Path& path, Owner owner) {
  if (owner == kRootOwner) return true;
  for (const Step& step : path) {
    if (OwnerOfStep(step) == owner) return true;
  }
  return false;
}

Path ScopeOf(Owner owner) {
  Path path = {};
  if (owner != kRootOwner) {
    path[0] = {Way::kScope, static_cast<uint8_t>(owner - 1)};
  }
  return path;
}

void Domains::Prepare(const Path& path) {
  for (const Step& step : path) {
    const Owner owner = OwnerOfStep(step);
    const std::lock_guard<std::mutex> hold(mutex_);
    if (owner == kRootOwner || Exists(owner)) continue;
    bh_options options = {};
    options.wipe = Wipes(owner) ? BH_ON : BH_OFF;
    options.scopes = BH_ON;
    CheckStatus(bh_create(kNames[owner], &options, &handles_[owner]),
                "the creation", owner);
  }
}

bool Domains::Exists(Owner owner) const {
  return owner == kRootOwner || handles_[owner].id != 0;
}

bh_compartment Domains::HandleOf(Owner owner) const { return handles_[owner]; }

void Domains::Destroy(Owner owner) {
  if (owner == kRootOwner || !Exists(owner)) return;
  CheckStatus(bh_destroy(handles_[owner]), "the end", owner);
  handles_[owner] = {};
}

void Domains::Go(void* raw_visit) {
  auto& visit = *static_cast<Visit*>(raw_visit);
  while (visit.next < visit.path.size() &&
         visit.path[visit.next].way == Way::kStay) {
    ++visit.next;
  }
  if (visit.next == visit.path.size()) {
    visit.work(visit.context);
    return;
  }
  const Step step = visit.path[visit.next++];
  const Owner owner = OwnerOfStep(step);
  const bh_compartment handle = visit.domains.HandleOf(owner);
  if (step.way == Way::kGate) {
    CheckStatus(bh_call(handle, kGates[step.compartment],
                        reinterpret_cast<uint64_t>(&visit), 0, 0, 0, 0, 0)
                    .status,
                "a gate", owner);
  } else {
    CheckStatus(bh_with_scope(handle, Go, &visit), "a scope", owner);
  }
}

void Domains::Enter(const Path& path, void (*work)(void*), void* context) {
  go = Go;
  Visit visit = {*this, path, 0, work, context};
  Go(&visit);
}

bool OwnsAddress(Owner owner, uintptr_t address) {
  bulkhead::CompartmentId id;
  return bulkhead::FindOwner(address, id) &&
         bulkhead::Index(id) == TheDomains().HandleOf(owner).id &&
         TheDomains().Exists(owner);
}

Domains& TheDomains() {
  static Domains domains;
  return domains;
}

}  // namespace bulkhead_fuzz
