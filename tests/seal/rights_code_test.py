#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Behind every WRPKRU of the library, the value is compared before anything else.

Most jumps to a WRPKRU that is not compared show in gate_attack_test: they land
with more rights. Those within the monitor and the signal entry do not: what they
lead to ends in the right rights again, and meanwhile more is open than may be. The
code itself is therefore read: from each WRPKRU on, nothing may happen but loads
and comparisons until the value is known to be the one that belongs there.
"""

import re
import subprocess
import sys
import unittest

_LIBRARY = sys.argv.pop(1)

_VIOLATED = re.compile(r"[0-9a-f]+ <bulkhead_gate_violated>$")
# Gives back all rights but the record's, by a WRPKRU of its own.
_TURNS_BACK = re.compile(r"([0-9a-f]+) <bulkhead_gate_turns_back>$")
# They write to their first operand, which must be a register.
_HARMLESS = {"mov", "cmove", "movzx", "lea", "add", "sub", "and", "or", "xor", "shl", "shr",
             "rdfsbase", "rdgsbase"}
_COMPARE = {"cmp", "test"}
_REGISTER = re.compile(r"(e|r)?([a-d]x|[sd]i|[sb]p|[89]|1[0-5])d?$")


def _wide(register):
    """The 64-bit register that a register is part of."""
    match = _REGISTER.fullmatch(register)
    return "r" + match[2] if match else None


def instructions(listing):
    """(address, mnemonic, operands) of a listing of objdump's."""
    found = []
    for line in listing.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*$", line)
        if match:
            found.append((match[1], match[2], match[3]))
    return found


def turns_back(code, address):
    """Whether nothing but registers changes from an address to the next WRPKRU."""
    start = [at for at, (place, _, _) in enumerate(code) if place == address]
    for _, name, operands in code[start[0]:start[0] + 20] if start else ():
        if name == "wrpkru":
            return True
        first = operands.partition(",")[0]
        if name != "rdpkru" and not (name == "movd" and first.startswith("xmm")) and (
                name not in _HARMLESS or not _wide(first)):
            return False
    return False


def unchecked(code, at):
    """What is wrong behind the WRPKRU code[at], or None."""
    held, owned = "rax", False
    compared = False
    for address, name, operands in code[at + 1:at + 80]:
        first, _, rest = operands.partition(",")
        back = _TURNS_BACK.match(operands)
        ends = _VIOLATED.search(operands) or (back and turns_back(code, back[1]))
        if name == "jne" and compared:
            return None if ends else f"{address}: it does not end there"
        if name.startswith("j") and name != "jmp" and ends:
            continue
        compared = False
        if name == "cmp" and owned and _wide(first) == held:
            compared = True
        elif name in _COMPARE:
            pass
        elif name == "and" and _wide(first) == held and "<bulkhead_owned_pkru>" in rest:
            owned = True
        elif name == "mov" and _wide(rest) == held and not owned and _wide(first):
            held = _wide(first)
        elif name not in _HARMLESS or _wide(first) in (None, held):
            return f"{address}: {name} {operands} before the comparison"
    return "no comparison in sight"


class RightsCodeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        listing = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", "-M", "intel", _LIBRARY],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        cls.code = instructions(listing)
        cls.places = [at for at, (_, name, _) in enumerate(cls.code) if name == "wrpkru"]

    def test_every_wrpkru_is_compared(self):
        # Gates, scopes, violations, the monitor's ways, signals.
        self.assertGreater(len(self.places), 12)
        found = {self.code[at][0]: unchecked(self.code, at) for at in self.places}
        self.assertEqual({place: why for place, why in found.items() if why}, {})

    def test_it_sees_what_is_not(self):
        good = """
          1: wrpkru
          2: mov    edx,eax
          3: mov    ecx,DWORD PTR [rbx+0x10]
          4: and    edx,DWORD PTR [rip+0x1]        # 5 <bulkhead_owned_pkru>
          5: cmp    edx,ecx
          6: jne    9f26f <bulkhead_gate_violated>
          7: ret
        """
        self.assertIsNone(unchecked(instructions(good), 0))
        back = """
          7: jne    9 <bulkhead_gate_turns_back>
          8: ret
          9: mov    eax,0x1
          a: rdpkru
          b: or     eax,DWORD PTR gs:0x10
          c: wrpkru
        """
        early = good.replace("3: mov ", "8: jne    9 <bulkhead_gate_turns_back>\n 3: mov ")
        self.assertIsNone(unchecked(instructions(early + back), 0))
        for bad in ("call   r14", "mov    DWORD PTR [rsi],ecx", "ret"):
            self.assertIsNotNone(
                unchecked(instructions(early + back.replace("mov    eax,0x1", bad)), 0), bad)
        for removed in (4, 5, 6):
            bad = "\n".join(line for line in good.splitlines() if f" {removed}: " not in line)
            self.assertIsNotNone(unchecked(instructions(bad), 0), removed)
        for added in ("mov    DWORD PTR [rsi],ecx", "push   rax", "call   r14",
                      "jmp    9 <elsewhere>", "mov    edx,0x0", "xor    edx,edx",
                      "je     9 <elsewhere>", "pop    rdx"):
            bad = good.replace("3: mov ", f"8: {added}\n 3: mov ")
            self.assertIsNotNone(unchecked(instructions(bad), 0), added)


if __name__ == "__main__":
    # Verbose, as the driver of the mutants reads it.
    unittest.main(verbosity=2)
