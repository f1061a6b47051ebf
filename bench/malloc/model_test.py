#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a model executes beyond what it models is found, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import model

_ADDITIONS = 28


def _listing(*instructions):
    """As objdump prints it, each instruction at the address of its number."""
    lines = ["0000000000000000 <gate>:"]
    lines += [f"   {at:x}:\t{text}" for at, text in enumerate(instructions)]
    return "\n".join(lines)


def _write(register="0x4d8"):
    return ["lfence", "mov    %eax,%edx", *["add    $0x1,%edx"] * _ADDITIONS, "lfence",
            f"mov    %eax,%gs:{register}"]


class SurplusTest(unittest.TestCase):
    def test_write(self):
        # Of two fences, two moves and the additions, three are left.
        found = model.surplus_by_address(_listing("ret", *_write(), "ret"))
        self.assertEqual(found, {1: _ADDITIONS + 4 - 3})

    def test_write_where_the_registers_are_zero(self):
        found = model.surplus_by_address(_listing("ret", *_write(), "xor    %edx,%edx", "ret"))
        self.assertEqual(found, {1: _ADDITIONS + 5 - 1})

    def test_read(self):
        read = ["mov    %gs:0x4d8,%eax", "cmp    %eax,%ecx"]
        assembly = ["mov    %gs:0x4d8,%eax", "xor    %edx,%edx"]
        at = len(_write())
        found = model.surplus_by_address(_listing(*_write(), *read, *assembly))
        self.assertEqual(found[at], -1)
        self.assertNotIn(at + 2, found)

    def test_other_loads_are_no_reads(self):
        found = model.surplus_by_address(_listing(*_write(), "mov    %gs:0x10,%eax"))
        self.assertEqual(list(found), [0])

    def test_shipped_library(self):
        shipped = ["xor    %ecx,%ecx", "xor    %edx,%edx", "wrpkru", "lfence", "rdpkru",
                   "mov    %gs:0x4d8,%eax", "lfence", "mov    %eax,%edx", "lfence"]
        self.assertEqual(model.surplus_by_address(_listing(*shipped)), {})
        self.assertEqual(model.surplus_by_address(""), {})


class ProfileTest(unittest.TestCase):
    profile = """\
ob=/b.so
fn=gate
0x1a0 0 5
0x1a3 0 7
cob=/other.so
cfn=f
calls=1 0x1a0 0
0x1a8 0 900
ob=/other.so
fn=f
0x1a0 0 1000
ob=/b.so
0x1a0 0 2
""".splitlines(keepends=True)

    def test_only_what_the_library_executed(self):
        self.assertEqual(model.surplus_of_run(self.profile, "/b.so", {0x1a0: 29, 0x1a3: -1}),
                         29 * 7 - 7)

    def test_what_it_executed_on_another_stack(self):
        with tempfile.NamedTemporaryFile() as program:
            program.write(b"x" * 0x1a1)
            program.flush()
            lines = [f"ob={program.name}\n", "fn=main\n", "0x1a0 0 3\n", "0x1a3 0 2\n"]
            found = model.surplus_of_run(lines, "/b.so", {0x1a0: 29, 0x1a3: 5},
                                         pathlib.Path(program.name))
        self.assertEqual(found, 5 * 2)

    def test_nothing_modelled(self):
        self.assertEqual(model.surplus_of_run(self.profile, "/b.so", {}), 0)


if __name__ == "__main__":
    unittest.main()
