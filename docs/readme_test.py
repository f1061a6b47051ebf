#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What README.md tells a reader to do, done."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

_README, _LIBRARY, _HEADER = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:4]


def _block(language, containing):
    """The fenced block of README.md in a language that contains a text."""
    text = pathlib.Path(_README).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if containing in block]
    return found


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        (self.root / ".bazel-out/bin").mkdir(parents=True)
        shutil.copy(_LIBRARY, self.root / ".bazel-out/bin")
        headers = pathlib.Path(_HEADER).parent
        shutil.copytree(headers, self.root / "isolation/include/bulkhead")

    def run_line(self, line):
        return subprocess.run(
            ["bash", "-c", line], cwd=self.root, check=False, capture_output=True, text=True
        )

    def test_preload(self):
        result = self.run_line(_block("sh", "LD_PRELOAD"))
        self.assertEqual(result.stdout, "42\n")
        self.assertRegex(result.stderr, r"program=python3\S* backend=\w+ allocations=[1-9]")

    def test_link(self):
        (self.root / "vault.c").write_text(_block("c", "bh_create"), encoding="utf-8")
        build, good, bad = _block("sh", "gcc").splitlines()
        built = self.run_line(build)
        self.assertEqual((built.returncode, built.stderr), (0, ""))
        self.assertEqual(self.run_line(good).stdout, "matches: 1\n")
        stopped = self.run_line(bad)
        self.assertNotEqual(stopped.returncode, 0)
        self.assertNotIn("hunter2", stopped.stdout)
        self.assertIn("SUMMARY: Bulkhead: compartment-read of 'keys'", stopped.stderr)


if __name__ == "__main__":
    unittest.main()
