#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The tables of statistics.md are what write_fields writes."""

import subprocess
import sys
import unittest

_WRITER, _PAGE = sys.argv[1:3]
del sys.argv[1:3]

_BEGIN, _END = "<!-- fields: begin -->\n", "<!-- fields: end -->\n"


class StatisticsPageTest(unittest.TestCase):
    def test_tables_are_fresh(self):
        written = subprocess.run([_WRITER], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn("| `refills` |", written)
        with open(_PAGE, encoding="utf-8") as page:
            tables = page.read().partition(_BEGIN)[2].partition(_END)[0]
        self.assertEqual(
            tables, written, "put between the marks what bazel run //docs:write_fields writes")


if __name__ == "__main__":
    unittest.main()
