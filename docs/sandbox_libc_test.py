#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The tables of sandbox_libc.md are what write_libc writes."""

import subprocess
import sys
import unittest

_WRITER, _PAGE = sys.argv[1:3]
del sys.argv[1:3]

_BEGIN, _END = "<!-- rows: begin -->\n", "<!-- rows: end -->\n"


class SandboxLibcPageTest(unittest.TestCase):
    def test_tables_are_fresh(self):
        written = subprocess.run([_WRITER], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn("| snprintf |", written)
        with open(_PAGE, encoding="utf-8") as page:
            tables = page.read().partition(_BEGIN)[2].partition(_END)[0]
        self.assertEqual(
            tables, written,
            "put between the marks what bazel run //tests/sandboxes:write_libc writes")


if __name__ == "__main__":
    unittest.main()
