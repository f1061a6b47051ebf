// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The C++ interface of Bulkhead: a layer over bulkhead.h that the user's own
// compiler builds.
//
//   uint32_t Checksum(const char* data, size_t size) { ... }
//   BULKHEAD_ENTRY(kChecksum, "keys", Checksum);
//
//   absl::StatusOr<bulkhead::Compartment> keys =
//       bulkhead::Compartment::Create("keys");
//   absl::StatusOr<uint32_t> sum = keys->Call(kChecksum, data, size);
//
// An entry takes up to six arguments and returns one value; each is trivially
// copyable and at most eight bytes, so that everything crosses in registers and
// nothing in memory that the caller can change meanwhile. Pass larger things by
// pointer, and check such a pointer with Outside() before its first use.
//
// Thread safety: a Compartment is a value; all of it may be used by any thread.

#ifndef BULKHEAD_COMPARTMENT_H_
#define BULKHEAD_COMPARTMENT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bulkhead/bulkhead.h"

namespace bulkhead {

namespace internal_gate {

template <typename T>
inline constexpr bool kCrossesInRegister = std::is_trivially_copyable_v<T> &&
                                           sizeof(T) <= sizeof(uint64_t);

template <typename T>
uint64_t ToRegister(const T& value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  return bits;
}

template <typename T>
T FromRegister(uint64_t bits) {
  std::remove_const_t<T> value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// An entry's function type, taken apart: its own arguments and result, and a
// function of the fixed type that gates call.
template <typename Function>
struct Signature;

template <typename R, typename... Args>
struct Signature<R (*)(Args...)> {
  static_assert(sizeof...(Args) <= 6, "an entry takes at most six arguments");
  static_assert((kCrossesInRegister<Args> && ...),
                "an entry's arguments are trivially copyable and at most eight "
                "bytes; pass larger ones by pointer");
  static_assert(!(std::is_reference_v<Args> || ...),
                "an entry takes no references; pass a pointer and check it");

  using Result = R;

  template <R (*kFunction)(Args...), size_t... kIndex>
  static uint64_t Invoke(const uint64_t (&registers)[6],
                         std::index_sequence<kIndex...>) {
    if constexpr (std::is_void_v<R>) {
      kFunction(FromRegister<Args>(registers[kIndex])...);
      return 0;
    } else {
      static_assert(kCrossesInRegister<R>,
                    "an entry's result is trivially copyable and at most eight "
                    "bytes; write larger ones through a checked pointer");
      return ToRegister<R>(kFunction(FromRegister<Args>(registers[kIndex])...));
    }
  }

  template <R (*kFunction)(Args...)>
  static uint64_t Thunk(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5) {
    const uint64_t registers[6] = {a0, a1, a2, a3, a4, a5};
    return Invoke<kFunction>(registers, std::index_sequence_for<Args...>{});
  }
};

template <typename R, typename... Args>
struct Signature<R (*)(Args...) noexcept> : Signature<R (*)(Args...)> {};

}  // namespace internal_gate

// A declared way into a compartment, typed as its entry is.
template <typename Function>
class Gate {
 public:
  constexpr explicit Gate(const bh_gate* declaration)
      : declaration_(declaration) {}
  constexpr const bh_gate* declaration() const { return declaration_; }

 private:
  const bh_gate* declaration_;
};

// Declares at namespace scope that `function` is an entry of compartments named
// `compartment`, reached through the constant `gate`.
#define BULKHEAD_ENTRY(gate, compartment, function)                           \
  __attribute__((                                                             \
      section("bulkhead_gates"),                                              \
      used)) static const ::bh_gate bulkhead_declaration_of_##gate = {        \
      compartment, #function,                                                 \
      BULKHEAD_AS_CALLED((&::bulkhead::internal_gate::Signature<              \
                          decltype(&function)>::template Thunk<&function>))}; \
  static constexpr ::bulkhead::Gate<decltype(&function)> gate(                \
      &bulkhead_declaration_of_##gate)

// absl's form of a bh_status; `what` says what was tried.
absl::Status ToStatus(bh_status status, absl::string_view what);

// What every heap holds, as one line of JSON: see bh_stats().
absl::StatusOr<std::string> Statistics();

class Compartment {
 public:
  using Options = bh_options;

  // Creates a compartment with the gates that this program or shared object
  // declares under `name`. Errors are those of bh_create().
  // Inline and hidden, so that these are the caller's own gates.
  __attribute__((visibility("hidden"))) static absl::StatusOr<Compartment>
  Create(const std::string& name, const Options& options = Options()) {
    bh_compartment created;
    const bh_status status = bh_create(name.c_str(), &options, &created);
    if (status != BH_OK) return ToStatus(status, name);
    return Compartment(created);
  }

  // The live compartment of that name, or NotFound.
  static absl::StatusOr<Compartment> Find(const std::string& name);

  explicit Compartment(bh_compartment handle) : handle_(handle) {}

  bh_compartment handle() const { return handle_; }

  // The name, or "(destroyed)".
  absl::string_view name() const;

  // Runs the gate's entry inside. Returns absl::StatusOr<R> for an entry that
  // returns R, absl::Status for one that returns nothing. On an error the entry
  // has not run.
  template <typename Function, typename... Args>
  auto Call(const Gate<Function>& gate, Args&&... args) const {
    using Signature = internal_gate::Signature<Function>;
    using R = typename Signature::Result;
    const bh_result result = CallWithArguments(
        gate, static_cast<Function>(nullptr), std::forward<Args>(args)...);
    const auto status = static_cast<bh_status>(result.status);
    if constexpr (std::is_void_v<R>) {
      return ToStatus(status, gate.declaration()->name);
    } else {
      if (status != BH_OK) {
        return absl::StatusOr<R>(ToStatus(status, gate.declaration()->name));
      }
      return absl::StatusOr<R>(internal_gate::FromRegister<R>(result.value));
    }
  }

  // Runs `body()` with the compartment's heap open, on the caller's stack: for
  // trusted code, not for secrets. See bh_with_scope().
  template <typename Body>
  absl::Status WithScope(Body&& body) const {
    auto run = [](void* context) {
      (*static_cast<std::remove_reference_t<Body>*>(context))();
    };
    return ToStatus(
        bh_with_scope(handle_, run,
                      const_cast<void*>(static_cast<const void*>(&body))),
        "WithScope");
  }

  // Allocates from this compartment's heap from anywhere; nullptr when there is
  // no memory.
  void* Allocate(size_t size) const { return bh_malloc(handle_, size); }

  // Whether no byte of the range belongs to this compartment.
  bool Outside(const void* pointer, size_t size) const {
    return bh_is_outside(handle_, pointer, size) != 0;
  }

  absl::Status Destroy() const {
    return ToStatus(bh_destroy(handle_), "Destroy");
  }

 private:
  template <typename Function, typename R, typename... Parameters,
            typename... Args>
  bh_result CallWithArguments(const Gate<Function>& gate, R (*)(Parameters...),
                              Args&&... args) const {
    static_assert(sizeof...(Parameters) == sizeof...(Args),
                  "the gate's entry takes another number of arguments");
    uint64_t registers[6] = {};
    size_t next = 0;
    ((registers[next++] = internal_gate::ToRegister<Parameters>(
          static_cast<Parameters>(std::forward<Args>(args)))),
     ...);
    (void)next;
    return bh_call(handle_, gate.declaration(), registers[0], registers[1],
                   registers[2], registers[3], registers[4], registers[5]);
  }

  bh_compartment handle_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_COMPARTMENT_H_
