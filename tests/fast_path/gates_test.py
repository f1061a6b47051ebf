#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The gates are instruction for instruction what `gates` says."""

import difflib
import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import listing

_LIBRARY = sys.argv.pop()
_HERE = pathlib.Path(__file__).parent

# A call, none of the refusals taken: what bench/gate counts, but for vectors.
_CALL = re.compile(r"(.*?)^ret$", re.MULTILINE | re.DOTALL)
_VECTORS = re.compile(r"bulkhead_vector_state|^(vpxorq|kxorw|vzeroall|pxor)\b")
_MOST_INSTRUCTIONS = 80


def _golden(function):
    return listing.golden(_HERE, function).read_text(encoding="utf-8")


class GatesTest(unittest.TestCase):
    maxDiff = None

    def test_as_reviewed(self):
        for function in listing.FUNCTIONS:
            golden, built = _golden(function), listing.of_library(_LIBRARY, function)
            changes = "\n".join(difflib.unified_diff(
                golden.splitlines(), built.splitlines(), "golden", "as built", lineterm=""))
            self.assertTrue(golden.startswith("endbr64\n"), function)
            self.assertEqual(golden, built, f"{function}:\n{changes}\n"
                             "If this is meant: bazel run //tests/fast_path:write_gates")

    def test_a_call_changes_rights_twice(self):
        call = _CALL.match(_golden("bh_call"))[1].splitlines()
        self.assertEqual(call.count("wrpkru"), 2)
        self.assertLessEqual(
            len([line for line in call if not _VECTORS.search(line)]), _MOST_INSTRUCTIONS)


if __name__ == "__main__":
    unittest.main()
