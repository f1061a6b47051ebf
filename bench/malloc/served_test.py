#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A program that another malloc serves is not measured."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import served
from allocators import Column
from errors import MeasurementError
from place import Place

_COLUMN = Column("a", pathlib.Path("/lib/a.so"), "a")
_LIBC = pathlib.Path("/usr/lib/x86_64-linux-gnu/libc.so.6")


def _binding(user, found, symbol="malloc"):
    return f"  7:\tbinding file {user} [0] to {found} [0]: normal symbol `{symbol}' [GLIBC_2.2.5]\n"


class BindingsTest(unittest.TestCase):
    def test_served(self):
        served.check_bindings(_COLUMN, _binding("prog", "/lib/a.so") +
                              _binding("/lib/b.so", "/lib/a.so") +
                              _binding("prog", "/lib/c.so", "malloc_info"))

    def test_served_through_the_programs_own_entry(self):
        served.check_bindings(_COLUMN, _binding("/lib/b.so", "prog") +
                              _binding("prog", "/lib/a.so"))
        with self.assertRaisesRegex(MeasurementError, "malloc came from prog"):
            served.check_bindings(_COLUMN, _binding("/lib/b.so", "prog") +
                                  _binding("/lib/d.so", "/lib/a.so"))

    def test_not_served(self):
        text = _binding("prog", "/lib/a.so") + _binding("/lib/b.so", "/lib/c.so")
        with self.assertRaisesRegex(MeasurementError, "for /lib/b.so, malloc came from /lib/c.so"):
            served.check_bindings(_COLUMN, text)

    def test_silence_is_no_proof(self):
        with self.assertRaisesRegex(MeasurementError, "never looks malloc up"):
            served.check_bindings(_COLUMN, _binding("prog", "/lib/a.so", "free"))


class ProveTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Place(directory.name, 1.0, "none", "none", directory.name)
        self.addCleanup(self.place.close)

    def test_a_program_and_what_it_starts(self):
        command = ["/bin/sh", "-c", "/usr/bin/true; exit 0"]
        served.prove(self.place, Column("glibc", _LIBC, "glibc"), command)
        self.assertEqual(list(self.place.directory.glob("bindings*")), [])
        with self.assertRaisesRegex(MeasurementError, "not from"):
            # A library that has no malloc takes nothing over.
            served.prove(self.place, Column("m", _LIBC.with_name("libm.so.6"), "m"), command)


if __name__ == "__main__":
    unittest.main()
