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
#include "bulkhead/exception.h"

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
  std::memcpy(static_cast<void*>(&value), &bits, sizeof(value));
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

  // An exception goes on to the gate, which ends it.
  template <R (*kFunction)(Args...)>
  static uint64_t Thunk(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5) {
    const uint64_t registers[6] = {a0, a1, a2, a3, a4, a5};
    return internal_exception::Explained([&registers] {
      return Invoke<kFunction>(registers, std::index_sequence_for<Args...>{});
    });
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

// What a domain may do with another compartment's heap.
enum class Access {
  kNone = BH_ACCESS_NONE,
  kRead = BH_ACCESS_READ,
  kReadWrite = BH_ACCESS_READ_WRITE
};

class Compartment {
 public:
  using Options = bh_options;

  // The root, whose domain is that of code outside of compartments.
  static Compartment Root() { return Compartment(bh_compartment{0, 0}); }

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
  // has not run, unless it threw something: see exception.h for what is thrown
  // again here.
  template <typename Function, typename... Args>
  auto Call(const Gate<Function>& gate, Args&&... args) const {
    const bh_result result = CallWithArguments(
        gate, static_cast<Function>(nullptr), std::forward<Args>(args)...);
#ifdef __cpp_exceptions
    if (result.status == BH_ERR_EXCEPTION) {
      const bh_exception said = bh_explanation();
      internal_exception::ThrowAgain(said);
      return FromException(gate, said);
    }
#endif
    return FromResult(gate, result);
  }

  // The same, and throws nothing.
  template <typename Function, typename... Args>
  auto TryCall(const Gate<Function>& gate, Args&&... args) const {
    return FromResult(gate,
                      CallWithArguments(gate, static_cast<Function>(nullptr),
                                        std::forward<Args>(args)...));
  }

  // Runs `body()` with the compartment's heap open, on the caller's stack: for
  // trusted code, not for secrets. See bh_with_scope(). What it throws comes
  // out as from Call().
  template <typename Body>
  absl::Status WithScope(Body&& body) const {
    auto run = [](void* context) {
      auto& wanted = *static_cast<std::remove_reference_t<Body>*>(context);
      internal_exception::Explained(wanted);
    };
    const bh_status status = bh_with_scope(
        handle_, run, const_cast<void*>(static_cast<const void*>(&body)));
    if (status != BH_ERR_EXCEPTION) return ToStatus(status, "WithScope");
    const bh_exception said = bh_explanation();
#ifdef __cpp_exceptions
    internal_exception::ThrowAgain(said);
#endif
    return internal_exception::ToStatus(said, "WithScope");
  }

  // Allocates from this compartment's heap from anywhere; nullptr when there is
  // no memory.
  void* Allocate(size_t size) const { return bh_malloc(handle_, size); }

  // Whether no byte of the range belongs to this compartment.
  bool Outside(const void* pointer, size_t size) const {
    return bh_is_outside(handle_, pointer, size) != 0;
  }

  // Lets the domain of `to`, or every domain, use this compartment's heap; the
  // compartment was created with grants = BH_ON. On return it is so in every
  // thread: see bh_grant().
  absl::Status Grant(const Compartment& to, Access access) const {
    return ToStatus(
        bh_grant(handle_, to.handle_, static_cast<bh_access>(access)), "Grant");
  }
  absl::Status GrantEveryone(Access access) const {
    return ToStatus(bh_grant_everyone(handle_, static_cast<bh_access>(access)),
                    "GrantEveryone");
  }
  absl::Status Revoke(const Compartment& from) const {
    return Grant(from, Access::kNone);
  }
  absl::Status RevokeFromEveryone() const {
    return GrantEveryone(Access::kNone);
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

  template <typename Function>
  static auto FromException(const Gate<Function>& gate,
                            const bh_exception& said) {
    using R = typename internal_gate::Signature<Function>::Result;
    absl::Status status =
        internal_exception::ToStatus(said, gate.declaration()->name);
    if constexpr (std::is_void_v<R>) {
      return status;
    } else {
      return absl::StatusOr<R>(std::move(status));
    }
  }

  template <typename Function>
  static auto FromResult(const Gate<Function>& gate, const bh_result& result) {
    using R = typename internal_gate::Signature<Function>::Result;
    const auto status = static_cast<bh_status>(result.status);
    if (status == BH_ERR_EXCEPTION) {
      return FromException(gate, bh_explanation());
    }
    if constexpr (std::is_void_v<R>) {
      return ToStatus(status, gate.declaration()->name);
    } else {
      if (status != BH_OK) {
        return absl::StatusOr<R>(ToStatus(status, gate.declaration()->name));
      }
      return absl::StatusOr<R>(internal_gate::FromRegister<R>(result.value));
    }
  }

  bh_compartment handle_;
};

// Whether both name the same compartment. One that was destroyed and its
// successor of the same name are two.
inline bool operator==(const Compartment& a, const Compartment& b) noexcept {
  return a.handle().id == b.handle().id &&
         a.handle().generation == b.handle().generation;
}
inline bool operator!=(const Compartment& a, const Compartment& b) noexcept {
  return !(a == b);
}

}  // namespace bulkhead

#endif  // BULKHEAD_COMPARTMENT_H_
