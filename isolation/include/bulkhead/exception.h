// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Exceptions and gates. An exception object lies in the heap of the compartment
// that it would leave, so it ends inside; its type's name and the text of
// what() come out. Out of a vault, those types of the standard library that
// hold nothing else are thrown again outside, by Compartment::Call(). All
// others become a status, and so does everything from a sandbox, which shall
// not choose where its caller goes on.

#ifndef BULKHEAD_EXCEPTION_H_
#define BULKHEAD_EXCEPTION_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bulkhead/bulkhead.h"

#ifdef __cpp_exceptions
#include <cxxabi.h>

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <typeinfo>
#include <variant>
#endif

namespace bulkhead {
namespace internal_exception {

#ifdef __cpp_exceptions

// Says what the exception is that is being handled. Runs in: the compartment.
inline void ExplainCurrent() {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  const char* const name = type != nullptr ? type->name() : "";
  try {
    throw;
  } catch (const std::exception& exception) {
    bh_explain(name, exception.what());
  } catch (...) {
    bh_explain(name, "");
  }
}

// Runs body() and says of an exception what it is. Runs in: the compartment.
template <typename Body>
auto Explained(Body body) -> decltype(body()) {
  try {
    return body();
#ifdef __GLIBCXX__
  } catch (const abi::__forced_unwind&) {
    throw;
#endif
  } catch (...) {
    ExplainCurrent();
    throw;
  }
}

template <typename T>
void ThrowWithText(const bh_exception& said) {
  if (absl::string_view(said.type) == typeid(T).name()) throw T(said.text);
}

template <typename T>
void ThrowAlone(const bh_exception& said) {
  if (absl::string_view(said.type) == typeid(T).name()) throw T();
}

// Throws what was said to be thrown, if it can be made again.
inline void ThrowAgain(const bh_exception& said) {
  ThrowWithText<std::runtime_error>(said);
  ThrowWithText<std::range_error>(said);
  ThrowWithText<std::overflow_error>(said);
  ThrowWithText<std::underflow_error>(said);
  ThrowWithText<std::logic_error>(said);
  ThrowWithText<std::domain_error>(said);
  ThrowWithText<std::invalid_argument>(said);
  ThrowWithText<std::length_error>(said);
  ThrowWithText<std::out_of_range>(said);
  ThrowAlone<std::exception>(said);
  ThrowAlone<std::bad_exception>(said);
  ThrowAlone<std::bad_alloc>(said);
  ThrowAlone<std::bad_array_new_length>(said);
  ThrowAlone<std::bad_cast>(said);
  ThrowAlone<std::bad_typeid>(said);
  ThrowAlone<std::bad_function_call>(said);
  ThrowAlone<std::bad_weak_ptr>(said);
  ThrowAlone<std::bad_optional_access>(said);
  ThrowAlone<std::bad_variant_access>(said);
}

#else

template <typename Body>
auto Explained(Body body) -> decltype(body()) {
  return body();
}

#endif  // __cpp_exceptions

// The status of a call of `gate` that ended by an exception.
absl::Status ToStatus(const bh_exception& said, absl::string_view gate);

}  // namespace internal_exception
}  // namespace bulkhead

#endif  // BULKHEAD_EXCEPTION_H_
