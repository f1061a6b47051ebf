// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_action.h"

#include <errno.h>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/root_pages.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {
namespace {

using sys::KernelAction;

constexpr uint64_t kRestorer = 0x04000000;  // SA_RESTORER
constexpr uintptr_t kDefault = 0;           // SIG_DFL
constexpr int kLastStandard = 31;
constexpr uintptr_t kIgnore = 1;  // SIG_IGN

uintptr_t Entry() {
#ifdef BULKHEAD_MODELLED
  // No register changes hands there.
  return reinterpret_cast<uintptr_t>(bulkhead_signal_entry_plain);
#else
  return reinterpret_cast<uintptr_t>(enforcement == Enforcement::kPku
                                         ? bulkhead_signal_entry_pku
                                         : bulkhead_signal_entry_plain);
#endif
}

bool IsRunning() { return reservation.bytes() != 0; }

// A fault shows that someone overstepped, whatever the program does with it.
bool IsWatched(int signal) {
  return signal == SIGSEGV && fault_handler != nullptr;
}

// Whether a thread may be on a stack that its handlers have no right to.
bool NeedHandlerStacks() { return HasHadCompartments() || IsClosingRoot(); }

// Flags that the kernel's action need not share with the program's.
uint64_t FlagsSetBehind(int signal) {
  const uint64_t always =
      SA_SIGINFO | SA_RESETHAND | (NeedHandlerStacks() ? SA_ONSTACK : 0);
  if (!IsWatched(signal)) return always;
  return always | SA_ONSTACK | SA_NODEFER;
}

// Those below SIGRTMIN that no program may use are libc's own.
bool IsSignal(int signal) {
  return signal > 0 && signal < kSignals &&
         (signal <= kLastStandard || signal >= SIGRTMIN);
}

// What the kernel is told so that `wanted` is done.
KernelAction Behind(int signal, const KernelAction& wanted) {
  KernelAction action = wanted;
  const bool has_handler =
      wanted.handler != kDefault && wanted.handler != kIgnore;
  if (!has_handler && !IsWatched(signal)) return action;
  // Before the start there is no record, and nothing to keep rights from.
  if (!IsRunning()) return action;
  action.handler = Entry();
  action.restorer = reinterpret_cast<uintptr_t>(bulkhead_signal_return);
  action.flags |= SA_SIGINFO | kRestorer;
  // The entry outlives a handler that wants to be called once: the signal may
  // have to come again.
  action.flags &= ~uint64_t{SA_RESETHAND};
  action.mask = kAllButFaults;
  if (NeedHandlerStacks()) action.flags |= SA_ONSTACK;
  if (IsWatched(signal) && !has_handler) {
    action.flags |= SA_ONSTACK | SA_NODEFER;
  }
  return action;
}

void SetOwnAction(int signal, ActionOwner owner, const SignalAction& action) {
  CallMonitor(*CurrentRecord(), MonitorCall::kSetAction,
              static_cast<uint64_t>(signal) | static_cast<uint64_t>(owner)
                                                  << kActionOwnerShift,
              action.handler, action.flags, action.mask);
}

long ChangeAction(int signal, const KernelAction* wanted, KernelAction* old) {
  if (!IsSignal(signal)) return -EINVAL;
  // What a signal does, it does to the whole program.
  if (wanted != nullptr && RunsInSandbox()) return -EPERM;
  KernelAction kernel_old;
  const SignalAction before = signal_actions[signal];
  long result;
  if (wanted == nullptr) {
    result = sys::SetAction(signal, nullptr, &kernel_old);
  } else {
    const KernelAction action = Behind(signal, *wanted);
    if (action.handler == Entry() && IsRunning()) {
      // First, so that no signal finds the entry without it.
      SetOwnAction(signal, ActionOwner::kByCaller,
                   {wanted->handler, wanted->flags, wanted->mask});
    }
    result = sys::SetAction(signal, &action, &kernel_old);
  }
  if (result != 0) return result;
  if (old != nullptr) {
    *old = kernel_old;
    if (kernel_old.handler == Entry()) {
      // libc itself changes flags of what is installed (siginterrupt).
      const uint64_t own = FlagsSetBehind(signal);
      old->handler = before.handler;
      old->mask = before.mask;
      old->flags = (kernel_old.flags & ~own) | (before.flags & own);
    }
  }
  return 0;
}

int ToErrno(long result) {
  if (result == 0) return 0;
  errno = static_cast<int>(-result);
  return -1;
}

int Change(int signal, const struct sigaction* wanted, struct sigaction* old) {
  KernelAction kernel_wanted;
  KernelAction kernel_old;
  if (wanted != nullptr) {
    kernel_wanted.handler = reinterpret_cast<uintptr_t>(wanted->sa_sigaction);
    kernel_wanted.flags = static_cast<unsigned>(wanted->sa_flags);
    kernel_wanted.restorer =
        reinterpret_cast<uintptr_t>(bulkhead_signal_return);
    kernel_wanted.flags |= kRestorer;
    __builtin_memcpy(&kernel_wanted.mask, &wanted->sa_mask,
                     sizeof(kernel_wanted.mask));
  }
  const long result =
      ChangeAction(signal, wanted != nullptr ? &kernel_wanted : nullptr,
                   old != nullptr ? &kernel_old : nullptr);
  if (result == 0 && old != nullptr) {
    *old = {};
    old->sa_sigaction =
        reinterpret_cast<void (*)(int, siginfo_t*, void*)>(kernel_old.handler);
    old->sa_flags = static_cast<int>(kernel_old.flags & ~kRestorer);
    __builtin_memcpy(&old->sa_mask, &kernel_old.mask, sizeof(kernel_old.mask));
  }
  return ToErrno(result);
}

// signal() and its kin: installs `handler` with these flags, the signal itself
// blocked meanwhile or not.
sighandler_t Install(int signal, sighandler_t handler, int flags) {
  struct sigaction wanted = {};
  struct sigaction old = {};
  wanted.sa_handler = handler;
  wanted.sa_flags = flags;
  if (!IsSignal(signal) || handler == SIG_ERR) {
    errno = EINVAL;
    return SIG_ERR;
  }
  if ((flags & SA_NODEFER) == 0) sigaddset(&wanted.sa_mask, signal);
  return Change(signal, &wanted, &old) == 0 ? old.sa_handler : SIG_ERR;
}

// The default action, taken when the handler is left: the fault happens again,
// or the signal comes again.
void TakeDefaultAction(int signal, bool is_fault) {
  const KernelAction by_default = {};
  sys::SetAction(signal, &by_default, nullptr);
  if (!is_fault) sys::TgKill(sys::GetPid(), sys::GetTid(), signal);
}

// What blocks while the program's handler runs. The kernel's mask in a context
// is not glibc's, which is longer.
void SetHandlerMask(int signal, const SignalAction& action,
                    const ucontext_t& context) {
  uint64_t mask;
  __builtin_memcpy(
      &mask,
      reinterpret_cast<const unsigned char*>(&context) + BH_CONTEXT_SIGMASK,
      sizeof(mask));
  mask |= action.mask;
  if ((action.flags & SA_NODEFER) == 0) mask |= SignalBit(signal);
  // No rights change before those that stand in registers there were compared.
  if (IsOnItsWay(context)) mask |= SignalBit(kChangeUser);
  sys::SetSignalMask(&mask, nullptr);
}

// A handler that wants to be called once is the action no more.
void ForgetHandler(int signal, const SignalAction& action) {
  if (IsWatched(signal)) {
    SetOwnAction(signal, ActionOwner::kByRoot,
                 {kDefault, action.flags, action.mask});
    return;
  }
  KernelAction by_default;
  by_default.flags = action.flags;
  by_default.mask = action.mask;
  sys::SetAction(signal, &by_default, nullptr);
}

void CallHandler(int signal, siginfo_t& info, ucontext_t& context) {
  const SignalAction action = signal_actions[signal];
  if (action.handler == kIgnore && !IsFault(info)) return;
  if (action.handler == kDefault || action.handler == kIgnore) {
    TakeDefaultAction(signal, IsFault(info));
    return;
  }
  NoteHandlerStack(context);
  // The handler may be the thread's first to call into a compartment.
  greg_t& counter = context.uc_mcontext.gregs[REG_RIP];
  if (heap_hooks.begin_again != nullptr) {
    counter = static_cast<greg_t>(
        heap_hooks.begin_again(static_cast<uintptr_t>(counter)));
  }
  if ((action.flags & SA_RESETHAND) != 0) ForgetHandler(signal, action);
  SetHandlerMask(signal, action, context);
  if (action.owner != 0) {
    const bh_status status =
        handler_caller(AsHandle(action.owner), signal, info, context);
    if (status == BH_OK) return;
    DieExpected(
        "the handler of a signal belongs to a compartment that cannot be "
        "entered, with this status",
        BH_OK, static_cast<uint64_t>(status));
  }
  // A handler of one argument leaves the others alone.
  reinterpret_cast<void (*)(int, siginfo_t*, void*)>(action.handler)(
      signal, &info, &context);
}

// Without keys: whether the thread is in the monitor, and the signal was put
// down in its record.
bool Defer(int signal, const siginfo_t& info, ucontext_t& context) {
  ThreadRecord* record = FindOwnRecord();
  if (record == nullptr || record->busy == 0) return false;
  if (IsFault(info)) {
    bulkhead_fault_in_monitor(signal, &info, &context);
  }
  auto* mask = reinterpret_cast<unsigned char*>(&context) + BH_CONTEXT_SIGMASK;
  __builtin_memcpy(&record->pending_mask, mask, sizeof(record->pending_mask));
  __builtin_memset(mask, 0xff, sizeof(record->pending_mask));
  __builtin_memcpy(record->pending_info, &info, BH_SIGINFO_BYTES);
  record->pending_signal = static_cast<uint32_t>(signal);
  return true;
}

// Whether the kernel can read there. It takes what it finds for a path.
bool IsReadable(uintptr_t address) {
  return sys::Call(SYS_access, sys::Word(address), 0) != -EFAULT;
}

// libc finds errno by a word at the FS base. Where something has overwritten
// that word, or the base itself, errno is nowhere, and to ask for it is the
// next fault.
bool HasErrno() {
  if (!UsesFsGsBase()) return true;
  const uintptr_t base = FsBase();
  if (FindOwnRecord() == nullptr && !IsReadable(base)) return false;
  return ThreadControlBlock() == base;
}

class SavedErrno {
 public:
  SavedErrno() : is_there_(HasErrno()), value_(is_there_ ? errno : 0) {}
  void Restore() const {
    if (is_there_) errno = value_;
  }

 private:
  const bool is_there_;
  const int value_;
};

}  // namespace

constinit BULKHEAD_SEALED SignalAction signal_actions[kSignals] = {};
constinit BULKHEAD_CONSTANT_AFTER_START FaultHandler fault_handler = nullptr;
constinit BULKHEAD_CONSTANT_AFTER_START HandlerCaller handler_caller = nullptr;

uintptr_t ForeignHandler(int signal) {
  KernelAction now;
  if (sys::SetAction(signal, nullptr, &now) != 0) return 0;
  const bool has_handler = now.handler != kDefault && now.handler != kIgnore;
  return has_handler && now.handler != Entry() ? now.handler : 0;
}

bool IsAdopted(int signal, uint64_t flags) {
  const SignalAction& action = signal_actions[signal];
  return action.handler != kDefault && (action.flags & flags) == flags;
}

void AdoptHandler(int signal, uintptr_t in_place, uint64_t flags) {
  if (IsAdopted(signal, flags)) return;
  KernelAction now;
  if (sys::SetAction(signal, nullptr, &now) != 0 || now.handler == kDefault ||
      now.handler == kIgnore) {
    return;
  }
  if (in_place == 0) in_place = now.handler;
  const bool is_entry = now.handler == Entry();
  const SignalAction before = signal_actions[signal];
  if (is_entry) {
    SetOwnAction(signal, ActionOwner::kAsBefore,
                 {before.handler, now.flags | flags, before.mask});
  } else {
    SetOwnAction(signal, ActionOwner::kByRoot,
                 {in_place, now.flags | flags, now.mask});
  }
  now.handler = Entry();
  now.restorer = reinterpret_cast<uintptr_t>(bulkhead_signal_return);
  now.flags |= flags | SA_SIGINFO | kRestorer;
  now.mask = kAllButFaults;
  BULKHEAD_CHECK(sys::SetAction(signal, &now, nullptr) == 0,
                 "the handler of a signal of libc's could not be replaced");
}

void RequireHandlerStacks() {
  for (int signal = 1; signal < kSignals; ++signal) {
    KernelAction now;
    if (sys::SetAction(signal, nullptr, &now) != 0 || now.handler != Entry() ||
        (now.flags & SA_ONSTACK) != 0) {
      continue;
    }
    now.flags |= SA_ONSTACK;
    BULKHEAD_CHECK(sys::SetAction(signal, &now, nullptr) == 0,
                   "the kernel refused to give a handler its stack");
  }
}

void AdoptHandlers() {
  const SignalsBlocked blocked;
  for (int signal = 1; signal < kSignals; ++signal) {
    if (!IsSignal(signal) || ForeignHandler(signal) == 0) continue;
    KernelAction now;
    long result = sys::SetAction(signal, nullptr, &now);
    if (result == 0) result = ChangeAction(signal, &now, nullptr);
    BULKHEAD_CHECK(result == 0, "a handler could not be replaced");
  }
}

void WatchFaults() {
  KernelAction kernel;
  long result = sys::SetAction(SIGSEGV, nullptr, &kernel);
  if (result == 0 && kernel.handler != Entry()) {
    result = ChangeAction(SIGSEGV, &kernel, nullptr);
  }
  BULKHEAD_CHECK(result == 0, "the SIGSEGV handler could not be installed");
}

}  // namespace bulkhead

extern "C" {

void bulkhead_handle_signal(int signal, void* raw_info, void* raw_context,
                            uint64_t has_left_domain) {
  auto& info = *static_cast<siginfo_t*>(raw_info);
  auto& context = *static_cast<ucontext_t*>(raw_context);
  if (bulkhead::Defer(signal, info, context)) return;
  const bulkhead::ThreadRecord* record = bulkhead::FindOwnRecord();
  const bulkhead::SavedErrno saved_errno;
  const bool answered =
      signal == SIGSEGV && bulkhead::fault_handler != nullptr &&
      bulkhead::fault_handler(
          info, context,
          record == nullptr
              ? bulkhead::InterruptedDomain()
              : bulkhead::InterruptedDomain(*record, has_left_domain != 0));
  saved_errno.Restore();
  if (!answered) bulkhead::CallHandler(signal, info, context);
  // Where keys are modelled, no register changed hands.
  if (bulkhead::enforcement != bulkhead::Enforcement::kPku ||
      bulkhead::IsModelled()) {
    return;
  }
  bulkhead::sys::SetSignalMask(&bulkhead::kAllButFaults, nullptr);
  if (bulkhead::FindOwnRecord() == nullptr) return;
  bulkhead_leave_handler(&context);
}

void bulkhead_fault_in_monitor(int, const void* raw_info,
                               const void* raw_context) {
  const auto& info = *static_cast<const siginfo_t*>(raw_info);
  const auto& context = *static_cast<const ucontext_t*>(raw_context);
  bulkhead::DieExpected(
      "a fault in the monitor, at this instruction and address",
      static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]),
      reinterpret_cast<uintptr_t>(info.si_addr));
}

void bulkhead_deliver_pending(void) {
  bulkhead::ThreadRecord& record = *bulkhead::RecordAtGs();
  const auto signal = static_cast<int>(record.pending_signal);
  const uint64_t mask = record.pending_mask;
  uint64_t info[BH_SIGINFO_BYTES / 8];
  __builtin_memcpy(info, record.pending_info, sizeof(info));
  bulkhead::CallMonitor(record, bulkhead::MonitorCall::kTakePending);
  // The kernel delivers it as the mask opens.
  BULKHEAD_CHECK(
      bulkhead::sys::QueueSignal(bulkhead::sys::GetPid(),
                                 bulkhead::sys::GetTid(), signal, info) == 0,
      "a signal that came in the monitor could not be sent again");
  bulkhead::sys::SetSignalMask(&mask, nullptr);
}

BULKHEAD_API int sigaction(int signal, const struct sigaction* wanted,
                           struct sigaction* old) {
  return bulkhead::Change(signal, wanted, old);
}
BULKHEAD_API int __sigaction(int signal, const struct sigaction* wanted,
                             struct sigaction* old) noexcept
    __attribute__((alias("sigaction")));

BULKHEAD_API sighandler_t signal(int number, sighandler_t handler) {
  return bulkhead::Install(number, handler, SA_RESTART);
}
BULKHEAD_API sighandler_t bsd_signal(int number, sighandler_t handler) noexcept
    __attribute__((alias("signal")));
BULKHEAD_API sighandler_t ssignal(int number, sighandler_t handler) noexcept
    __attribute__((alias("signal")));

BULKHEAD_API sighandler_t sigset(int number, sighandler_t disposition) {
  uint64_t before = 0;
  if (!bulkhead::IsSignal(number) ||
      bulkhead::sys::SetSignalMask(nullptr, &before) != 0) {
    errno = EINVAL;
    return SIG_ERR;
  }
  const uint64_t own = bulkhead::SignalBit(number);
  sighandler_t old = SIG_ERR;
  if (disposition == SIG_HOLD) {
    struct sigaction now = {};
    if (bulkhead::Change(number, nullptr, &now) == 0) old = now.sa_handler;
    const uint64_t held = before | own;
    bulkhead::sys::SetSignalMask(&held, nullptr);
  } else {
    old = bulkhead::Install(number, disposition, 0);
    if (old != SIG_ERR) bulkhead::sys::UnblockSignals(own);
  }
  return old != SIG_ERR && (before & own) != 0 ? SIG_HOLD : old;
}

BULKHEAD_API int sigignore(int number) {
  return bulkhead::Install(number, SIG_IGN, 0) == SIG_ERR ? -1 : 0;
}

BULKHEAD_API sighandler_t sysv_signal(int number, sighandler_t handler) {
  return bulkhead::Install(number, handler, SA_RESETHAND | SA_NODEFER);
}
BULKHEAD_API sighandler_t __sysv_signal(int number,
                                        sighandler_t handler) noexcept
    __attribute__((alias("sysv_signal")));

}  // extern "C"
