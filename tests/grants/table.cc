// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/grants/table.h"

#include <signal.h>
#include <stdlib.h>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace bulkhead_test {
namespace {

using ::bulkhead::Compartment;

volatile uint64_t* MakeNumber() {
  auto* number = static_cast<uint64_t*>(malloc(sizeof(uint64_t)));
  *number = kNumber;
  return number;
}
BULKHEAD_ENTRY(kMakeNumber, "table", MakeNumber);

Compartment MakeTable() {
  bh_options options = {};
  options.grants = BH_ON;
  options.scopes = BH_ON;
  absl::StatusOr<Compartment> made = Compartment::Create("table", options);
  if (!made.ok()) abort();
  return *made;
}

bool Reports(const ChildResult& child, absl::string_view kind) {
  return child.DiedOf(SIGABRT) && absl::StrContains(child.errors, kind) &&
         absl::StrContains(child.errors, "compartment 'table'");
}

}  // namespace

Compartment Make(const char* name, bh_kind kind) {
  bh_options options = {};
  options.kind = kind;
  absl::StatusOr<Compartment> made = Compartment::Create(name, options);
  if (!made.ok()) abort();
  return *made;
}

Table::Table()
    : compartment_(MakeTable()), number_(*compartment_.Call(kMakeNumber)) {}

Table::~Table() {
  if (!compartment_.Destroy().ok()) abort();
}

bool IsReportedRead(const std::function<void()>& body) {
  return ReportsRead(RunInChild(body));
}

bool IsReportedWrite(const std::function<void()>& body) {
  return ReportsWrite(RunInChild(body));
}

bool ReportsRead(const ChildResult& child) {
  return Reports(child, "ERROR: Bulkhead: compartment-read on");
}

bool ReportsWrite(const ChildResult& child) {
  return Reports(child, "ERROR: Bulkhead: compartment-write on");
}

}  // namespace bulkhead_test
