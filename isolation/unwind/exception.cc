// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/unwind/exception.h"

#include <dlfcn.h>
#include <unwind.h>

#include <cstdint>

#include "isolation/arch/gate.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/libc_function.h"
#include "isolation/thread/remembered.h"

namespace bulkhead {
namespace {

// "GNUCC++" and "CLNGC++", without the last byte, which tells dependent ones.
constexpr uint64_t kGnuCxx = 0x474e5543432b2b00;
constexpr uint64_t kClangCxx = 0x434c4e47432b2b00;

bool IsCxx(const _Unwind_Exception& exception) {
  const uint64_t language = exception.exception_class & ~uint64_t{0xff};
  return language == kGnuCxx || language == kClangCxx;
}

void FindOf(const char* name, Remembered slot) {
  if (Recall(slot) != 0) return;
  const auto found = reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, name));
  if (found != 0) Remember(slot, found);
}

template <size_t kBytes>
void Copy(const char* text, char (&to)[kBytes]) {
  for (size_t i = 0; i + 1 < kBytes && text[i] != '\0'; ++i) to[i] = text[i];
}

void Tell(uint64_t place, const uint64_t (&words)[kExplainedWords]) {
  CallMonitor(*CurrentRecord(), MonitorCall::kExplain, place, words[0],
              words[1], words[2]);
}

}  // namespace

void FindCxxLibrary() {
  const ServingLibc serving;
  // What the unwinder makes the first time.
  _Unwind_Backtrace([](_Unwind_Context*, void*) { return _URC_END_OF_STACK; },
                    nullptr);
  FindOf("__cxa_begin_catch", Remembered::kBeginCatch);
  FindOf("__cxa_end_catch", Remembered::kEndCatch);
}

void Explain(const char* type, const char* text) {
  bh_exception explained = {};
  if (type != nullptr) Copy(type, explained.type);
  if (text != nullptr) Copy(text, explained.text);
  uint64_t words[kExplainedParts][kExplainedWords];
  static_assert(sizeof(words) == sizeof(explained));
  __builtin_memcpy(words, &explained, sizeof(words));
  for (size_t i = 0; i < kExplainedParts; ++i) Tell(i, words[i]);
}

bh_exception Explanation() {
  const ThreadRecord& record = *CurrentRecord();
  bh_exception explained;
  static_assert(sizeof(explained) == sizeof(record.explanation));
  __builtin_memcpy(&explained, record.explanation, sizeof(explained));
  explained.type[sizeof(explained.type) - 1] = '\0';
  explained.text[sizeof(explained.text) - 1] = '\0';
  if (explained.type[0] != '\0' || explained.text[0] != '\0') {
    Explain(nullptr, nullptr);
  }
  return explained;
}

}  // namespace bulkhead

void bulkhead_drop_exception(_Unwind_Exception* exception) {
  using bulkhead::Recall;
  using bulkhead::Remembered;
  const auto begin =
      reinterpret_cast<void* (*)(void*)>(Recall(Remembered::kBeginCatch));
  const auto end = reinterpret_cast<void (*)()>(Recall(Remembered::kEndCatch));
  if (begin == nullptr || end == nullptr || !bulkhead::IsCxx(*exception)) {
    _Unwind_DeleteException(exception);
    return;
  }
  begin(exception);
  end();
}
