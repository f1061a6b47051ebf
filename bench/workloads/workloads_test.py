#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Every workload runs on glibc's malloc and on Bulkhead, to the same end."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

_WORKLOADS, _MEASURE, _LIBRARY = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:4]

_NAMES = ("pairs", "pairs_without_malloc", "bursts", "producer_consumer", "reallocs",
          "mixed_threads", "idle")
_LINE = re.compile(r"seconds=\d+\.\d+ amount=(\d+) checksum=(\d+) malloc=(\S+)$")


def _run(*command, library=None):
    environment = {"PATH": "/usr/bin:/bin"}
    if library:
        environment["LD_PRELOAD"] = library
    return subprocess.run(command, check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env=environment)


class WorkloadsTest(unittest.TestCase):
    def outcome(self, name, library):
        result = _run(_WORKLOADS, name, "--scale=0.0005", library=library)
        self.assertEqual((result.returncode, result.stderr), (0, ""), name)
        return _LINE.match(result.stdout.splitlines()[-1]).groups()

    def test_every_workload(self):
        for name in _NAMES:
            with self.subTest(name):
                amount, checksum, malloc = self.outcome(name, None)
                self.assertIn("libc.so.6", malloc)
                self.assertEqual(self.outcome(name, _LIBRARY), (amount, checksum, _LIBRARY))
                self.assertNotEqual(checksum, "0")

    def test_amount(self):
        result = _run(_WORKLOADS, "pairs", "--amount=7")
        self.assertIn("amount=7 ", result.stdout)

    def test_wrong_use(self):
        for arguments in ([], ["none"], ["pairs", "7"], ["pairs", "--scale=x"],
                          ["pairs", "--scale=-1"], ["pairs", "--amount=1", "--scale=1"]):
            result = _run(_WORKLOADS, *arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn("usage: workloads", result.stderr)


class MeasureTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.report = pathlib.Path(directory.name) / "report"

    def measure(self, times, *command):
        return _run(_MEASURE, str(self.report), str(times), *command)

    def peak_kib(self):
        text = self.report.read_text(encoding="utf-8")
        return int(re.match(
            r"seconds=\d+\.\d+ cpu_seconds=\d+\.\d+ peak_rss_kib=(\d+)\n$", text)[1])

    def test_the_peak_is_the_programs_own(self):
        self.assertEqual(self.measure(3, "/usr/bin/true").returncode, 0)
        # Far less than this process, which started it all.
        self.assertLess(self.peak_kib(), 4096)
        self.measure(1, "/usr/bin/python3", "-c", "x = b'x' * (64 << 20)")
        self.assertGreater(self.peak_kib(), 64 << 10)

    def test_descendants_count(self):
        self.measure(1, "/bin/sh", "-c", "python3 -c \"x = b'x' * (64 << 20)\"; true")
        self.assertGreater(self.peak_kib(), 64 << 10)

    def test_failures(self):
        self.assertEqual(self.measure(1, "/bin/sh", "-c", "exit 5").returncode, 5)
        self.assertEqual(self.measure(1, "/no/such/program").returncode, 127)
        ended = self.measure(1, "/bin/sh", "-c", "kill -9 $$")
        self.assertEqual(ended.returncode, 137)
        self.assertIn("was ended by signal 9", ended.stderr)
        self.assertEqual(self.measure(0, "/usr/bin/true").returncode, 2)
        self.assertFalse(self.report.exists())


if __name__ == "__main__":
    unittest.main()
