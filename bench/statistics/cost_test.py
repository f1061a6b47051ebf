#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The arithmetic of `bench statistics`, and that what it runs runs."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cost

_SNAPSHOTS, _TRIPS, _LIBRARY = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:4]


def _run(*command, **environment):
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


class ArithmeticTest(unittest.TestCase):
    def test_counts(self):
        counted = cost.Run(1300, 9, 7) - cost.Run(200, 4, 2)
        self.assertEqual(counted, cost.Run(1100, 5, 5))
        found = cost.counting_cost(counted, cost.Run(1000))
        self.assertEqual((found.counted, found.uncounted, found.counts), (110, 100, 10))
        self.assertAlmostEqual(found.share, 0.1)

    def test_no_trips(self):
        with self.assertRaisesRegex(ValueError, "made no trips"):
            cost.counting_cost(cost.Run(1000), cost.Run(1000))

    def test_snapshots(self):
        self.assertEqual(cost.per_snapshot(cost.Run(100), cost.Run(400), 3), 100)


class ProgramsTest(unittest.TestCase):
    def test_snapshots(self):
        arguments = (_SNAPSHOTS, "--snapshots=2", "--mebibytes=1", "--threads=3")
        result = _run(*arguments, LD_PRELOAD=_LIBRARY)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^bytes=\d{4,}\n$")
        self.assertIn("not preloaded", _run(*arguments).stderr)

    def trips(self, rounds):
        with tempfile.NamedTemporaryFile("r") as counts:
            result = _run(_TRIPS, f"--rounds={rounds}", LD_PRELOAD=_LIBRARY,
                          BULKHEAD_OPTIONS=f"stats_json={counts.name}")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            return cost.trips(counts.read())

    def test_rounds_of_trips_are_alike(self):
        first, second, third = (self.trips(rounds) for rounds in (100, 200, 300))
        for one, two, three in zip(first, second, third):
            self.assertGreater(two - one, 100)
            # The looks after caches have a period of their own.
            self.assertAlmostEqual(three - two, two - one, delta=(two - one) / 100)


if __name__ == "__main__":
    unittest.main()
