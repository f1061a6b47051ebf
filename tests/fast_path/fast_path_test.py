#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A hit of malloc and of free is as short as it is said to be."""

import os
import re
import subprocess
import sys
import unittest

_LIBRARY = sys.argv.pop()

# Instructions from the first to the return, both included, where every check
# passes. One more is a change of design; one less is welcome, and noted here.
_GOLDEN = {"malloc": 20, "_Znwm": 20, "free": 24, "free_sized": 31}
# The same where there are compartments: these ask PKRU for the domain.
_GOLDEN_IN_DOMAIN = {
    f"bulkhead_{name}_in_domain": _GOLDEN[function] + 4
    for name, function in {
        "malloc": "malloc",
        "new": "_Znwm",
        "free": "free",
        "free_sized": "free_sized",
    }.items()
}
_TOLERANCE = 0
_MOST_BYTES = 512

# What a hit never does: calls, locked instructions, changes of rights, system
# calls. XCHG with memory locks, too.
_NEVER = re.compile(r"call|lock |wrpkru|syscall|xchg|mfence|lfence")


def _output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout


def _address_of(function):
    for line in _output_of("nm", "--defined-only", "--format=posix", _LIBRARY).splitlines():
        name, kind, address, *_ = line.split()
        if name == function and kind in "Tt":
            return int(address, 16)
    raise AssertionError(f"no {function}")


def _hit(function):
    """The instructions of a hit: no jump is taken until the return."""
    begin = _address_of(function)
    listing = _output_of(
        "objdump",
        "--disassemble",
        "--no-show-raw-insn",
        f"--start-address={begin}",
        f"--stop-address={begin + _MOST_BYTES}",
        _LIBRARY,
    )
    found = []
    for line in listing.splitlines():
        if line.count("\t") == 0:
            continue
        found.append(line.split("\t")[1].strip())
        if found[-1].startswith("ret"):
            return found
    raise AssertionError(f"{function} has no return")


class FastPathTest(unittest.TestCase):
    def test_counts(self):
        for function, golden in {**_GOLDEN, **_GOLDEN_IN_DOMAIN}.items():
            hit = _hit(function)
            self.assertLessEqual(abs(len(hit) - golden), _TOLERANCE, "\n".join([function, *hit]))

    def test_nothing_expensive(self):
        for function in [*_GOLDEN, *_GOLDEN_IN_DOMAIN]:
            for text in _hit(function):
                self.assertIsNone(_NEVER.match(text), f"{function}: {text}")

    def test_rights_are_read_once_at_most(self):
        for reads, functions in ((0, _GOLDEN), (1, _GOLDEN_IN_DOMAIN)):
            for function in functions:
                hit = _hit(function)
                self.assertEqual(sum(text == "rdpkru" for text in hit), reads, function)


if __name__ == "__main__":
    unittest.main()
