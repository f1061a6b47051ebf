// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on the code that changes rights, the gates', the monitor's and the
// signal entry's: jumps into the middle of it, and what its registers give
// away. Without protection keys that code has no rights to give, and a jump
// into it may change any memory: there is nothing to hold there.

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/monitor.h"
#include "isolation/arch/pkru.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/signal_frame.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/child.h"

extern "C" {
void JumpWithRegisters(const uint64_t registers[16], const void* target);
void LandWithRights();
void Landed();
void CallAndCapture(const void* function, const uint64_t arguments[8],
                    uint64_t after[40]);
uint64_t FillRegisters(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t);
}

namespace {

using bulkhead::Compartment;
using bulkhead_test::RunInChild;

BULKHEAD_GATE(kFillRegisters, "attacked", FillRegisters);

// How a jump ended: as it should; with rights; or as it should, but with the
// lock of the way in taken for good, for which later jumps would wait in the
// monitor.
enum : int { kClosed = 1, kOpen = 2, kLocked = 3 };

uint32_t rights_inside = 0;

// Where a jump that a gate survives may lead: into the vault, with its caller's
// rights and its own, and no other compartment open. Or there with the root's
// rights, as any jump may.
void LookAround() {
  const uint32_t pkru =
      bulkhead::Bits(bulkhead::ReadPkru()) & bulkhead_owned_pkru;
  if (pkru != rights_inside && pkru != bulkhead_root_pkru) _exit(kOpen);
}
BULKHEAD_GATE(kLookAround, "attacked", LookAround);

// A stack full of return addresses to LandWithRights().
alignas(64) std::array<uint64_t, 4096> stack;

uint64_t vault_bits = 0;

// Whether this thread can read the vault.
bool VaultIsOpen() {
  const uint32_t pkru = bulkhead::Bits(bulkhead::ReadPkru());
  return (pkru & vault_bits) != vault_bits;
}

sigjmp_buf next_jump;

// libc's own: Bulkhead's looks at the domain first, and ends a thread that has
// rights of none, whether they were to be had or not.
const auto libcs_jump =
    reinterpret_cast<decltype(&siglongjmp)>(dlsym(RTLD_NEXT, "siglongjmp"));
[[noreturn]] void JumpBack(int result) {
  libcs_jump(next_jump, result);
  abort();
}

// Whether this thread has any right that the root does not have, or its record
// tells of one.
bool HasMoreThanTheRoot() {
  const uint32_t pkru = bulkhead::Bits(bulkhead::ReadPkru());
  const bulkhead::ThreadRecord& record = *bulkhead::RecordAtGs();
  return (pkru & bulkhead_owned_pkru) != bulkhead_root_pkru ||
         bulkhead::Bits(record.pkru) != bulkhead_root_pkru || record.busy != 0;
}

// A handler that ran with more rights than the root's.
void TellRights(int) { JumpBack(HasMoreThanTheRoot() ? kOpen : kClosed); }

// A fault is an end of the attack: whatever was open, the process would die.
void Fault(int) { JumpBack(kClosed); }

}  // namespace

// With the root's rights; what the record tells is seen here.
void Landed() { JumpBack(HasMoreThanTheRoot() ? kOpen : kClosed); }

namespace {

#define SKIP_WITHOUT_KEYS()                            \
  if (bh_get_level() != BH_LEVEL_PKU) {                \
    GTEST_SKIP() << "there are no rights to jump for"; \
  }

class GateAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(bh_create("attacked", nullptr, &vault), BH_OK);
    // The thread's stack there exists: attackers may use it.
    ASSERT_EQ(bh_call(vault, &kFillRegisters, 0, 0, 0, 0, 0, 0).status,
              uint64_t{BH_OK});
  }
  void TearDown() override { EXPECT_EQ(bh_destroy(vault), BH_OK); }

  const bulkhead::EntryRow& Entry(const bh_gate& gate) const {
    const auto& row = bulkhead_compartments[vault.id];
    return bulkhead_entries[row.first_entry + (&gate - row.gates)];
  }

  bh_compartment vault = {};
};

// Register sets, in the order of JumpWithRegisters().
using Registers = std::array<uint64_t, 16>;

// As between the two WRPKRU of a gate: the handle and the entry's row, with all
// keys open or with those that the gate opens, as they would be written; and
// with the stack there that the entry shall run on.
std::vector<Registers> RegisterSets(bh_compartment vault,
                                    const bulkhead::EntryRow& entry) {
  const auto land = reinterpret_cast<uint64_t>(&LandWithRights);
  const auto record = reinterpret_cast<uint64_t>(bulkhead::RecordAtGs());
  auto& row = bulkhead_compartments[vault.id];
  const auto row_address = reinterpret_cast<uint64_t>(&row);
  const auto entry_address = reinterpret_cast<uint64_t>(&entry);
  const uint64_t handle = bulkhead::AsNumber(vault);
  const uint64_t top = reinterpret_cast<uint64_t>(&stack[2048]);
  const uint64_t vault_stack = bulkhead::RecordAtGs()->stacks[vault.id];
  const uint64_t exact = bulkhead::Bits(bulkhead::ReadPkru()) & row.open_mask;
  std::vector<Registers> sets;
  for (const uint64_t eax : {uint64_t{0}, exact}) {
    for (const uint64_t rdx : {uint64_t{0}, vault_stack}) {
      //            rax  rbx     rcx rdx  rsi            rdi
      sets.push_back({eax, record, 0, rdx, entry_address, handle,
                      // rbp r8 r9    r10   r11          r12
                      top, top, land, land, row_address, land,
                      // r13       r14   r15          rsp
                      row_address, land, vault_stack, top});
    }
  }
  return sets;
}

// The same for the monitor's code: claims to be in no row, or in the vault's,
// with the rights that the claim calls for, with none closed, or with none
// more.
std::vector<Registers> MonitorSets(bh_compartment vault) {
  const auto land = reinterpret_cast<uint64_t>(&LandWithRights);
  const auto record = reinterpret_cast<uint64_t>(bulkhead::RecordAtGs());
  const uint64_t top = reinterpret_cast<uint64_t>(&stack[2048]);
  const auto inspect = static_cast<uint64_t>(bulkhead::MonitorCall::kInspect);
  std::vector<Registers> sets;
  for (const uint64_t id : {uint64_t{0}, uint64_t{vault.id}}) {
    auto& row = bulkhead_compartments[id];
    const auto row_address = reinterpret_cast<uint64_t>(&row);
    const uint64_t exact =
        (bulkhead_monitor_pkru & row.open_mask) | row.read_bits;
    const uint64_t out = bulkhead_root_pkru & row.open_mask;
    for (const uint64_t eax : {uint64_t{0}, exact, out}) {
      //            rax  rbx     rcx    rdx rsi  rdi
      sets.push_back({eax, record, exact, 0, top, inspect | id << 32,
                      // rbp r8   r9   r10 r11 r12 r13         r14   r15   rsp
                      top, land, exact, 0, 0, id, row_address, land, land,
                      top});
    }
  }
  return sets;
}

// For the signal entry: as the kernel enters it, with a handler that tells of
// its rights, and with none closed.
std::vector<Registers> SignalSets(bh_compartment vault) {
  static siginfo_t info = {};
  static ucontext_t context = {};
  std::vector<Registers> sets = MonitorSets(vault);
  const auto land = reinterpret_cast<uint64_t>(&LandWithRights);
  const auto record = reinterpret_cast<uint64_t>(bulkhead::RecordAtGs());
  const auto frame = reinterpret_cast<uint64_t>(&context);
  const uint64_t top = reinterpret_cast<uint64_t>(&stack[2048]);
  const uint64_t information = reinterpret_cast<uint64_t>(&info);
  info.si_signo = SIGUSR1;
  for (const uint64_t eax : {uint64_t{0}, uint64_t{bulkhead_deferring_pkru}}) {
    //            rax  rbx     rcx rdx    rsi          rdi
    sets.push_back({eax, record, 0, frame, information, SIGUSR1,
                    // rbp r8     r9 r10 r11   r12 r13 r14   r15   rsp
                    top, frame, 0, 0, land, 0, 0, land, land, top});
  }
  return sets;
}

// Where the attack stands, for the parent too if the child does not come back.
struct Progress {
  const unsigned char* place;
  const unsigned char* end;
  size_t set;
  int jumps;
};

const Progress* attack = nullptr;

// A byte inside an instruction may be a jump to itself (EB FE, say, of a
// displacement). Who is still in the same jump a tick later has landed there.
void EndEndlessJump(int, siginfo_t*, void* raw_context) {
  static int seen = 0;
  if (attack->jumps != seen) {
    seen = attack->jumps;
    return;
  }
  bulkhead::Pkru pkru;
  const bool is_there =
      bulkhead::InterruptedPkru(*static_cast<ucontext_t*>(raw_context), pkru);
  JumpBack(is_there && (bulkhead::Bits(pkru) & bulkhead_owned_pkru) ==
                           bulkhead_root_pkru
               ? kClosed
               : kOpen);
}

void WatchForEndlessJumps(const Progress& progress) {
  attack = &progress;
  struct sigaction action = {};
  action.sa_sigaction = EndEndlessJump;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  sigaction(SIGVTALRM, &action, nullptr);
  itimerval ticks = {};
  ticks.it_interval.tv_usec = ticks.it_value.tv_usec = 500000;
  setitimer(ITIMER_VIRTUAL, &ticks, nullptr);
}

// Attacks every byte of the code with every set of registers, in a child that
// survives its own faults. Exits with 0 when all jumps from `progress` on ended
// closed.
void JumpEverywhere(const std::vector<Registers>& sets, Progress* progress) {
  static unsigned char fault_stack[65536];
  stack_t alternate = {};
  alternate.ss_sp = fault_stack;
  alternate.ss_size = sizeof(fault_stack);
  sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_handler = Fault;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (int fatal : {SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE}) {
    sigaction(fatal, &action, nullptr);
  }
  action.sa_handler = TellRights;
  sigaction(SIGUSR1, &action, nullptr);
  WatchForEndlessJumps(*progress);
  alarm(120);  // what does not end so is a failure, by SIGALRM
  // Static: JumpBack() leaves it as it is.
  static Progress* at;
  at = progress;
  for (; at->place < at->end; ++at->place, at->set = 0) {
    while (at->set < sets.size()) {
      ++at->jumps;
      const Registers& registers = sets[at->set++];
      stack.fill(reinterpret_cast<uint64_t>(&LandWithRights));
      const int landed = sigsetjmp(next_jump, 1);
      if (landed == 0) JumpWithRegisters(registers.data(), at->place);
      if (landed != kClosed) _exit(kOpen);
      if (bulkhead_attach_lock != 0) _exit(kLocked);
    }
  }
  _exit(0);
}

// Jumps to every byte between the two addresses.
void Attack(const unsigned char* begin, const unsigned char* end,
            const std::vector<Registers>& sets) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* progress = static_cast<Progress*>(shared);
  progress->place = begin;
  progress->end = end;
  const auto expected =
      static_cast<int>(static_cast<size_t>(end - begin) * sets.size());
  // A jump may end the child for good (a far return into no segment, say); the
  // attack goes on with the next.
  int lost = 0;
  for (bool done = false; !done; ++lost) {
    const auto child = RunInChild([&] { JumpEverywhere(sets, progress); });
    done = child.ExitedWith(0);
    // A report that could not be finished on the attacker's stack ends so.
    constexpr int kReportFailed = 134;
    ASSERT_TRUE(done || child.ExitedWith(kReportFailed) ||
                child.ExitedWith(kLocked) ||
                (!child.exited && child.code != SIGALRM))
        << "status or signal " << child.code << " at offset "
        << progress->place - begin << " with register set " << progress->set - 1
        << child.errors;
    ASSERT_LT(lost * 2, expected) << "most jumps shall be survived";
  }
  EXPECT_EQ(progress->jumps, expected);
  munmap(shared, sizeof(Progress));
}

TEST_F(GateAttackTest, NoJumpIntoAGateLandsWithTheVaultOpen) {
  SKIP_WITHOUT_KEYS();
  const auto& row = bulkhead_compartments[vault.id];
  vault_bits = bulkhead::Bits(bulkhead::Closed(row.key));
  rights_inside = bulkhead_root_pkru & row.open_mask;
  ASSERT_GT(bulkhead_gates_end - bulkhead_gates_begin, 500);
  Attack(bulkhead_gates_begin, bulkhead_gates_end,
         RegisterSets(vault, Entry(kLookAround)));
}

TEST_F(GateAttackTest, NoJumpIntoTheMonitorsWayLandsWithAnythingOpen) {
  SKIP_WITHOUT_KEYS();
  ASSERT_GT(bulkhead_monitor_end - bulkhead_monitor_begin, 500);
  Attack(bulkhead_monitor_begin, bulkhead_monitor_end, MonitorSets(vault));
}

TEST_F(GateAttackTest, NoJumpIntoTheSignalEntryLandsWithAnythingOpen) {
  SKIP_WITHOUT_KEYS();
  ASSERT_GT(bulkhead_signals_end - bulkhead_signals_begin, 100);
  Attack(bulkhead_signals_begin, bulkhead_signals_end, SignalSets(vault));
}

void DoNothing() {}
BULKHEAD_GATE(kDoNothing, "attacked-box", DoNothing);
BULKHEAD_GATE(kDoNothingInside, "attacked", DoNothing);

TEST_F(GateAttackTest, NoJumpIntoASandboxesGateLandsWithAnythingOpen) {
  SKIP_WITHOUT_KEYS();
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  bh_compartment box = {};
  // Its code is there whether this machine can have one or not.
  if (bh_create("attacked-box", &options, &box) == BH_OK) {
    ASSERT_EQ(bh_call(box, &kDoNothing, 0, 0, 0, 0, 0, 0).status,
              uint64_t{BH_OK});
  }
  std::vector<Registers> sets = MonitorSets(vault);
  // As the way back begins it, and as the way in would go on.
  const auto land = reinterpret_cast<uint64_t>(&LandWithRights);
  const auto record = reinterpret_cast<uint64_t>(bulkhead::RecordAtGs());
  const auto gate = reinterpret_cast<uint64_t>(&kDoNothing);
  const uint64_t top = reinterpret_cast<uint64_t>(&stack[2048]);
  const auto enter =
      static_cast<uint64_t>(bulkhead::MonitorCall::kEnterSandbox);
  const auto enter_vault =
      static_cast<uint64_t>(bulkhead::MonitorCall::kEnterVault);
  const auto vaults_gate = reinterpret_cast<uint64_t>(&kDoNothingInside);
  const auto root = reinterpret_cast<uint64_t>(&bulkhead_compartments[0]);
  const uint64_t inside =
      bulkhead_root_pkru & bulkhead_compartments[box.id].open_mask;
  for (const uint64_t eax : {uint64_t{0}, inside}) {
    //            rax  rbx     rcx   rdx   rsi                      rdi
    sets.push_back({eax, record, eax, gate, bulkhead::AsNumber(box), enter,
                    // rbp r8 r9   r10   r11   r12 r13   r14   r15 rsp
                    top, land, eax, gate, land, 0, root, land, 0, top});
    sets.push_back({eax, record, eax, vaults_gate, bulkhead::AsNumber(vault),
                    enter_vault, top, land, eax, vaults_gate, land, 0, root,
                    land, 0, top});
  }
  ASSERT_GT(bulkhead_domain_gate_end - bulkhead_domain_gate_begin, 500);
  Attack(bulkhead_domain_gate_begin, bulkhead_domain_gate_end, sets);
  if (box.id != 0) {
    EXPECT_EQ(bh_destroy(box), BH_OK);
  }
}

// The test above can tell: with the vault open, they would say so.
TEST_F(GateAttackTest, TheCheckOfTheAttackWorks) {
  SKIP_WITHOUT_KEYS();
  bh_options options = {};
  options.scopes = BH_ON;
  auto scoped = Compartment::Create("scoped", options);
  ASSERT_TRUE(scoped.ok());
  vault_bits = bulkhead::Bits(
      bulkhead::Closed(bulkhead_compartments[scoped->handle().id].key));
  EXPECT_FALSE(VaultIsOpen());
  EXPECT_FALSE(HasMoreThanTheRoot());
  bool open = false;
  bool more = false;
  EXPECT_TRUE(scoped
                  ->WithScope([&] {
                    open = VaultIsOpen();
                    more = HasMoreThanTheRoot();
                  })
                  .ok());
  EXPECT_TRUE(open);
  EXPECT_TRUE(more);
  EXPECT_EQ(scoped->Destroy(), absl::OkStatus());
}

TEST_F(GateAttackTest, NothingButTheResultLeavesInRegisters) {
  uint64_t after[40];
  const uint64_t arguments[8] = {bulkhead::AsNumber(vault),
                                 reinterpret_cast<uint64_t>(&kFillRegisters),
                                 1,
                                 2,
                                 3,
                                 4,
                                 5,
                                 6};
  CallAndCapture(reinterpret_cast<const void*>(&bh_call), arguments, after);
  for (size_t i = 0; i < 40; ++i) {
    for (int byte = 0; byte < 8; ++byte) {
      EXPECT_NE(after[i] >> (8 * byte) & 0xff, 0x5au) << i;
    }
  }
}

TEST_F(GateAttackTest, OthersKeysAreLeftAlone) {
  if (bh_get_level() != BH_LEVEL_PKU) {
    EXPECT_EQ(bulkhead_owned_pkru, 0u);
    return;
  }
  const uint32_t before = bulkhead::Bits(bulkhead::ReadPkru());
  ASSERT_EQ(bh_call(vault, &kFillRegisters, 0, 0, 0, 0, 0, 0).status,
            uint64_t{BH_OK});
  EXPECT_EQ(bulkhead::Bits(bulkhead::ReadPkru()), before);
  // A key of the program's own, open: still open inside and after a call.
  const long key = syscall(SYS_pkey_alloc, 0, 0);
  ASSERT_GT(key, 0);
  const uint32_t open = bulkhead::Bits(bulkhead::ReadPkru());
  const uint32_t bits = uint32_t{3} << (2 * key);
  EXPECT_EQ(open & bits, 0u);
  EXPECT_EQ(bulkhead_owned_pkru & bits, 0u);
  ASSERT_EQ(bh_call(vault, &kFillRegisters, 0, 0, 0, 0, 0, 0).status,
            uint64_t{BH_OK});
  EXPECT_EQ(bulkhead::Bits(bulkhead::ReadPkru()), open);
  syscall(SYS_pkey_free, key);
}

TEST_F(GateAttackTest, TwoKeysAreLeftToOthers) {
  if (bh_get_level() != BH_LEVEL_PKU) {
    EXPECT_EQ(bulkhead_owned_pkru, 0u);
    return;
  }
  int left = 0;
  std::vector<long> keys;
  for (long key; (key = syscall(SYS_pkey_alloc, 0, 0)) > 0; ++left) {
    keys.push_back(key);
  }
  EXPECT_EQ(left, 2);
  for (long key : keys) syscall(SYS_pkey_free, key);
}

// Gates that name no entry, or one of another compartment, and handles that
// name no compartment.
TEST_F(GateAttackTest, ForgedTargetsAreRefused) {
  const auto status_of = [](bh_compartment handle, const bh_gate* gate) {
    return bh_call(handle, gate, 0, 0, 0, 0, 0, 0).status;
  };
  static const bh_gate forged = {"attacked", "forged", nullptr};
  const auto& row = bulkhead_compartments[vault.id];
  for (const bh_gate* gate :
       {&forged, row.gates + row.entry_count, row.gates - 1,
        row.gates + BH_MAX_ENTRIES, row.gates - BH_MAX_ENTRIES}) {
    EXPECT_EQ(status_of(vault, gate), uint64_t{BH_ERR_ENTRY});
  }
  // One that leads to a row of the attacker's own making.
  static bulkhead::EntryRow row_of_ones_own = Entry(kFillRegisters);
  row_of_ones_own.function = reinterpret_cast<decltype(row.gates->function)>(
      reinterpret_cast<void (*)()>(&LookAround));
  const auto* const leads_there = reinterpret_cast<const bh_gate*>(
      reinterpret_cast<uintptr_t>(&row_of_ones_own) - row.gate_delta);
  EXPECT_EQ(status_of(vault, leads_there), uint64_t{BH_ERR_ENTRY});
  for (const uint32_t id : {0u, 1000u, ~0u, vault.id + BH_MAX_COMPARTMENTS}) {
    EXPECT_EQ(status_of({id, vault.generation}, &kFillRegisters),
              uint64_t{BH_ERR_DESTROYED});
  }
  EXPECT_EQ(status_of({vault.id, vault.generation + 1}, &kFillRegisters),
            uint64_t{BH_ERR_DESTROYED});
}

}  // namespace
