// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/sandbox/tls.h"

#include <dlfcn.h>
#include <link.h>

#include <new>

#include "isolation/arch/cpu.h"
#include "isolation/base/ids.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/thread_record.h"

// glibc 2.35 and later (sys/rseq.h).
extern "C" {
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
}

namespace bulkhead {
namespace {

// glibc, sysdeps/x86_64/nptl/tls.h: tcbhead_t. The first words are the ABI's.
struct ThreadControl {
  void* tcb;
  void* dtv;
  void* self;
  uint32_t multiple_threads;
  uint32_t gscope_flag;
  uintptr_t sysinfo;
  uint64_t stack_guard;
  uint64_t pointer_guard;
};

// glibc, sysdeps/generic/dl-dtv.h: dtv_t.
struct DtvSlot {
  uintptr_t value;
  uintptr_t to_free;
};

constexpr size_t kSpareSlots = 16;
// dtv[-1] says how many there are, dtv[0] of which generation.
constexpr size_t kHeadSlots = 2;
constexpr size_t kAlignment = 64;
constexpr int32_t kCpuUnknown = -1;  // RSEQ_CPU_ID_UNINITIALIZED

const ThreadControl* OwnControl() {
  return reinterpret_cast<const ThreadControl*>(ThreadControlBlock());
}

template <typename Function>
Function Find(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

// What libc tells debuggers of a field of its struct pthread: bits, count,
// offset (nptl_db/db_info.c).
size_t FieldOffset(const char* name) {
  const auto* field = Find<const uint32_t*>(name);
  return field != nullptr ? field[2] : 0;
}

struct Gathering {
  TlsPlan* plan;
  size_t static_bytes;
  size_t below;  // of what has its place
  bool fits = true;
};

int AddModule(dl_phdr_info* info, size_t, void* raw) {
  auto& gathering = *static_cast<Gathering*>(raw);
  TlsPlan& plan = *gathering.plan;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS || info->dlpi_tls_modid == 0) continue;
    if (plan.modules == kMostTlsModules) {
      gathering.fits = false;
      return 1;
    }
    TlsModule& module = plan.module[plan.modules++];
    module.image = reinterpret_cast<const unsigned char*>(info->dlpi_addr +
                                                          header.p_vaddr);
    module.image_bytes = header.p_filesz;
    module.bytes = header.p_memsz;
    module.number = info->dlpi_tls_modid;
    const size_t below =
        ThreadControlBlock() - reinterpret_cast<uintptr_t>(info->dlpi_tls_data);
    if (info->dlpi_tls_data != nullptr && below <= gathering.static_bytes) {
      module.below = below;
    } else {
      const size_t alignment =
          header.p_align > kAlignment ? header.p_align : kAlignment;
      if (alignment > kPageBytes) gathering.fits = false;
      gathering.below = RoundUp(gathering.below + header.p_memsz, alignment);
      module.below = gathering.below;
    }
    if (module.number >= plan.dtv_slots) plan.dtv_slots = module.number + 1;
  }
  return 0;
}

bool Fill(TlsPlan& plan) {
  const auto static_info =
      Find<void (*)(size_t*, size_t*)>("_dl_get_tls_static_info");
  const auto* control_bytes =
      Find<const uint32_t*>("_thread_db_sizeof_pthread");
  if (static_info == nullptr || control_bytes == nullptr) return false;
  size_t static_bytes = 0;
  size_t alignment = 0;
  static_info(&static_bytes, &alignment);
  // What libc counts there includes the TCB.
  Gathering gathering = {&plan, static_bytes,
                         RoundUp(static_bytes, kPageBytes)};
  dl_iterate_phdr(AddModule, &gathering);
  if (!gathering.fits) return false;
  plan.dtv_slots += kSpareSlots;
  plan.dtv_below =
      RoundUp(gathering.below + (plan.dtv_slots + kHeadSlots) * sizeof(DtvSlot),
              kAlignment);
  plan.bytes_below = plan.dtv_below;
  plan.bytes_above = RoundUp(*control_bytes, kAlignment);
  plan.generation = static_cast<const DtvSlot*>(OwnControl()->dtv)[0].value;
  plan.multiple_threads = OwnControl()->multiple_threads;
  plan.tid_offset = FieldOffset("_thread_db_pthread_tid");
  plan.tid = sys::GetTid();
  if (&__rseq_offset != nullptr) plan.rseq_offset = __rseq_offset;
  plan.use_locale = Find<locale_t (*)(locale_t)>("uselocale");
  plan.locale = newlocale(LC_ALL_MASK, "C", nullptr);
  uint64_t random[2] = {};
  if (sys::Call(SYS_getrandom, sys::Word(random), sizeof(random)) !=
      sizeof(random)) {
    return false;
  }
  // The lowest byte of a stack's guard ends a string, as libc has it.
  plan.stack_guard = random[0] & ~uint64_t{0xff};
  plan.pointer_guard = random[1];
  return true;
}

constexpr size_t kPlanBytes = RoundUp(sizeof(TlsPlan), kPageBytes);

}  // namespace

TlsPlan* MakeTlsPlan() {
  const long mapped = sys::Mmap(0, kPlanBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS);
  if (sys::Failed(mapped)) return nullptr;
  auto* plan = new (reinterpret_cast<void*>(mapped)) TlsPlan;
  if (Fill(*plan)) return plan;
  DropTlsPlan(plan);
  return nullptr;
}

void DropTlsPlan(TlsPlan* plan) {
  sys::Munmap(reinterpret_cast<uintptr_t>(plan), kPlanBytes);
}

uint64_t FillTls(uint64_t raw_plan, uint64_t, uint64_t, uint64_t, uint64_t,
                 uint64_t) {
  const auto& plan = *reinterpret_cast<const TlsPlan*>(raw_plan);
  const uintptr_t base = RecordAtGs()->fs_base;
  __builtin_memset(reinterpret_cast<void*>(base - plan.bytes_below), 0,
                   plan.bytes_below + plan.bytes_above);
  auto* dtv = reinterpret_cast<DtvSlot*>(base - plan.dtv_below) + 1;
  dtv[-1].value = plan.dtv_slots;
  dtv[0].value = plan.generation;
  for (size_t i = 1; i < plan.dtv_slots; ++i) dtv[i].value = ~uintptr_t{0};
  for (size_t i = 0; i < plan.modules; ++i) {
    const TlsModule& module = plan.module[i];
    auto* begin = reinterpret_cast<unsigned char*>(base - module.below);
    __builtin_memcpy(begin, module.image, module.image_bytes);
    dtv[module.number].value = reinterpret_cast<uintptr_t>(begin);
  }
  auto& control = *reinterpret_cast<ThreadControl*>(base);
  control.tcb = &control;
  control.self = &control;
  control.dtv = dtv;
  control.multiple_threads = plan.multiple_threads;
  control.stack_guard = plan.stack_guard;
  control.pointer_guard = plan.pointer_guard;
  const auto put = [base](ptrdiff_t offset, int32_t value) {
    if (offset == 0) return;
    __builtin_memcpy(
        reinterpret_cast<void*>(base + static_cast<size_t>(offset)), &value,
        sizeof(value));
  };
  put(static_cast<ptrdiff_t>(plan.tid_offset), plan.tid);
  if (plan.rseq_offset != 0) {
    put(plan.rseq_offset, kCpuUnknown);
    put(plan.rseq_offset + 4, kCpuUnknown);
  }
  if (plan.use_locale != nullptr) plan.use_locale(plan.locale);
  return 0;
}

}  // namespace bulkhead
