// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Sandboxes in C++: what runs in one is not believed.
//
//   int Width(const unsigned char* image, size_t bytes) { ... }
//   BULKHEAD_ENTRY(kWidth, "decoder", Width);
//
//   absl::StatusOr<bulkhead::Sandbox> decoder =
//       bulkhead::Sandbox::Create("decoder");
//   absl::StatusOr<bulkhead::Untrusted<int>> width =
//       decoder->Call(kWidth, image, bytes);
//   absl::StatusOr<int> checked =
//       width->Check([](int w) { return w > 0 && w < 10000; });
//
// What goes in lies in shared memory (Share()), what comes out is Untrusted
// until it has been looked at. The sandbox may change shared memory at any
// time: copy what is there before the look, by CopyOut().
//
// Create() also readies the C++ library, so that streams, regular expressions
// and exceptions work inside. What works and what does not:
// docs/sandbox_libc.md.
//
// Thread safety: a Sandbox is a value; all of it may be used by any thread.

#ifndef BULKHEAD_SANDBOX_H_
#define BULKHEAD_SANDBOX_H_

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <locale>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/compartment.h"

namespace bulkhead {

// A value that code in a sandbox chose.
template <typename T>
class Untrusted {
 public:
  explicit Untrusted(T value) : value_(value) {}

  // The value, if `is_good(value)` says so; OutOfRange otherwise.
  template <typename Predicate>
  absl::StatusOr<T> Check(Predicate&& is_good) const {
    const T value = value_;
    if (!std::forward<Predicate>(is_good)(value)) {
      return absl::OutOfRangeError("a value out of a sandbox was refused");
    }
    return value;
  }

  // The value as it is. For what any value is good for: a sum to print, say.
  T Unchecked() const { return value_; }

 private:
  T value_;
};

// Memory of the shared heap: the root, vaults and sandboxes read and write it.
// Released with the object. Not for copying.
template <typename T>
class SharedArray {
 public:
  static_assert(std::is_trivially_copyable_v<T>,
                "what is shared with a sandbox has no invariants");

  // ResourceExhausted without memory; the errors of bh_shared() otherwise.
  static absl::StatusOr<SharedArray> Create(size_t count) {
    bh_compartment shared;
    const bh_status status = bh_shared(&shared);
    if (status != BH_OK) return ToStatus(status, "shared memory");
    if (count > static_cast<size_t>(PTRDIFF_MAX) / sizeof(T)) {
      return absl::ResourceExhaustedError("shared memory: too much");
    }
    void* const memory = bh_aligned_alloc(
        shared, alignof(T) < 16 ? 16 : alignof(T), count * sizeof(T));
    if (memory == nullptr) {
      return absl::ResourceExhaustedError("shared memory: none left");
    }
    return SharedArray(static_cast<T*>(memory), count);
  }

  SharedArray(SharedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  SharedArray& operator=(SharedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedArray() { free(data_); }

  T* data() const { return data_; }
  size_t size() const { return size_; }

  // What stands there now, for nobody to change any more.
  std::vector<T> CopyOut() const {
    return std::vector<T>(data_, data_ + size_);
  }

 private:
  SharedArray(T* data, size_t size) : data_(data), size_(size) {}

  T* data_;
  size_t size_;
};

namespace internal_sandbox {

// Has the C++ library make what it makes when it is first needed, in variables
// that a sandbox cannot write to: the tables of std::ctype, the unwinder's.
// Inline and hidden, so that it is the caller's own library.
__attribute__((visibility("hidden"))) inline void PrepareCxxLibrary() {
  const auto& type = std::use_facet<std::ctype<char>>(std::locale::classic());
  (void)type.widen('a');
  for (int c = 1; c <= UCHAR_MAX; ++c) {
    (void)type.narrow(static_cast<char>(c), '\0');
  }
  const char text[] = "a";
  char narrow[sizeof(text)];
  type.narrow(text, text + sizeof(text), '\0', narrow);
#ifdef __cpp_exceptions
  try {
    throw 0;
  } catch (int) {
  }
#endif
}

}  // namespace internal_sandbox

class Sandbox {
 public:
  // As Compartment::Create(), of kind BH_KIND_SANDBOX unless the options ask
  // for the relaxed one. Inline and hidden, so that the gates are the caller's
  // own.
  __attribute__((visibility("hidden"))) static absl::StatusOr<Sandbox> Create(
      const std::string& name, Compartment::Options options = {}) {
    if (options.kind != BH_KIND_RELAXED_SANDBOX) options.kind = BH_KIND_SANDBOX;
    internal_sandbox::PrepareCxxLibrary();
    absl::StatusOr<Compartment> made = Compartment::Create(name, options);
    if (!made.ok()) return made.status();
    return Sandbox(*made);
  }

  explicit Sandbox(Compartment compartment) : compartment_(compartment) {}

  const Compartment& compartment() const { return compartment_; }

  // Runs the gate's entry inside: absl::StatusOr<Untrusted<R>>, or absl::Status
  // for an entry that returns nothing. On an error the entry has not run, or it
  // ended otherwise than by a return; throws nothing.
  template <typename Function, typename... Args>
  auto Call(const Gate<Function>& gate, Args&&... args) const {
    using R = typename internal_gate::Signature<Function>::Result;
    auto result = compartment_.TryCall(gate, std::forward<Args>(args)...);
    if constexpr (std::is_void_v<R>) {
      return result;
    } else {
      using Result = absl::StatusOr<Untrusted<R>>;
      if (!result.ok()) return Result(result.status());
      return Result(Untrusted<R>(*std::move(result)));
    }
  }

  // Lets code inside call the gate, which is one of "root": see bh_allow().
  template <typename Function>
  absl::Status Allow(const Gate<Function>& gate) const {
    return ToStatus(bh_allow(compartment_.handle(), gate.declaration()),
                    gate.declaration()->name);
  }

  absl::Status Destroy() const { return compartment_.Destroy(); }

 private:
  Compartment compartment_;
};

// The root, for code in a sandbox: Root().Call(gate, ...) of what it is
// allowed.
inline Compartment Root() { return Compartment(bh_compartment{0, 0}); }

}  // namespace bulkhead

#endif  // BULKHEAD_SANDBOX_H_
