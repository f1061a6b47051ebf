#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""options.md is what write_options writes, and names what help=1 names."""

import os
import re
import subprocess
import sys
import unittest

_WRITER, _PAGE, _LIBRARY = sys.argv[1:4]
del sys.argv[1:4]


def _page():
    with open(_PAGE, encoding="utf-8") as file:
        return file.read()


class OptionsPageTest(unittest.TestCase):
    def test_page_is_fresh(self):
        written = subprocess.run([_WRITER], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(
            _page(), written, "run: bazel run //docs:write_options > docs/options.md"
        )

    def test_page_names_the_options_of_the_library(self):
        result = subprocess.run(
            ["/bin/true"],
            env={"LD_PRELOAD": os.path.abspath(_LIBRARY), "BULKHEAD_OPTIONS": "help=1"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        offered = re.findall(r"^  (\w+)=", result.stdout, flags=re.MULTILINE)
        self.assertIn("require", offered)
        self.assertEqual(re.findall(r"^\| `(\w+)`", _page(), flags=re.MULTILINE), offered)


if __name__ == "__main__":
    unittest.main()
