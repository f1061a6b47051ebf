// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "bulkhead/compartment.h"

#include <cxxabi.h>
#include <stdlib.h>

namespace bulkhead {
namespace {

absl::StatusCode CodeOf(bh_status status) {
  switch (status) {
#define BH_STATUS(name, code, text) \
  case name:                        \
    return absl::StatusCode::code;
#include "bulkhead/status.inc"
#undef BH_STATUS
  }
  return absl::StatusCode::kUnknown;
}

// A type's name as the source has it.
std::string Demangled(const char* mangled) {
  int status = 0;
  char* const name = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string text = status == 0 ? name : mangled;
  free(name);
  return text;
}

}  // namespace

absl::Status ToStatus(bh_status status, absl::string_view what) {
  if (status == BH_OK) return absl::OkStatus();
  return absl::Status(CodeOf(status),
                      absl::StrCat(what, ": ", bh_status_text(status)));
}

absl::Status internal_exception::ToStatus(const bh_exception& said,
                                          absl::string_view gate) {
  std::string what(gate);
  if (said.type[0] != '\0') {
    absl::StrAppend(&what, ": ", Demangled(said.type));
  }
  if (said.text[0] != '\0') absl::StrAppend(&what, ": ", said.text);
  return bulkhead::ToStatus(BH_ERR_EXCEPTION, what);
}

absl::StatusOr<Compartment> Compartment::Find(const std::string& name) {
  bh_compartment found;
  const bh_status status = bh_find(name.c_str(), &found);
  if (status != BH_OK) return ToStatus(status, name);
  return Compartment(found);
}

absl::StatusOr<std::string> Statistics() {
  std::string text;
  size_t needed = 0;
  for (;;) {
    // The text is a block of the heap that it describes, and others run on.
    text.resize(needed + needed / 8 + 4096);
    const bh_status status = bh_stats(&text[0], text.size(), &needed);
    if (status == BH_OK) {
      text.resize(needed - 1);
      return text;
    }
    if (status != BH_ERR_BUFFER) return ToStatus(status, "Statistics");
  }
}

absl::string_view Compartment::name() const {
  const char* name = bh_name(handle_);
  return name != nullptr ? name : "(destroyed)";
}

}  // namespace bulkhead
