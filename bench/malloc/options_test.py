#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the command line takes, and what it refuses."""

import contextlib
import io
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import allocators
import options
import rows


class OptionsTest(unittest.TestCase):
    def refused(self, *arguments):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as end:
            options.parse(arguments)
        self.assertEqual(end.exception.code, 2)
        return errors.getvalue()

    def test_defaults(self):
        given = options.parse([])
        self.assertEqual((given.runs, given.scale, given.config), (5, 1.0, []))
        self.assertEqual(given.workloads, list(rows.NAMES))
        self.assertEqual(given.allocators, list(allocators.NAMES))
        self.assertFalse(given.publish)

    def test_numbers(self):
        given = options.parse(["--runs=2", "--scale=0.05"])
        self.assertEqual((given.runs, given.scale), (2, 0.05))
        self.assertLess(options.parse(["--scale", "small"]).scale, 0.1)
        for wrong in ("--runs=0", "--runs=1.5", "--scale=0", "--scale=nan", "--scale=x"):
            self.assertIn("is not a number from", self.refused(wrong))

    def test_lists_keep_the_order_of_the_table(self):
        given = options.parse(["--workloads=redis,pairs", "--allocators=bulkhead,glibc,jemalloc"])
        self.assertEqual(given.workloads, ["pairs", "redis"])
        self.assertEqual(given.allocators, ["glibc", "jemalloc", "bulkhead"])
        self.assertIn("'lua' is unknown; there are pairs,", self.refused("--workloads=lua"))
        self.assertIn("names none", self.refused("--allocators=,"))

    def test_several_builds(self):
        self.assertEqual(options.parse(["--config=none,modelled"]).config, ["modelled", "none"])
        given = options.parse([f"--bulkhead={__file__}", f"--bulkhead={__file__}"])
        self.assertEqual(len(given.bulkhead), 2)

    def test_the_baseline_is_always_there(self):
        given = options.parse(["--allocators=bulkhead"])
        self.assertEqual(given.allocators, ["jemalloc", "bulkhead"])

    def test_refused(self):
        self.assertIn("no file /none.so", self.refused("--bulkhead=/none.so"))
        self.assertIn("--config builds one",
                      self.refused(f"--bulkhead={__file__}", "--config=none"))
        self.assertIn("'fast' is unknown", self.refused("--config=fast"))
        self.assertIn("no directory /none", self.refused("--json=/none/samples.json"))
        self.assertIn("leave --svg and --markdown out", self.refused("--publish", "--svg=plot.svg"))
        self.assertIn("unrecognized", self.refused("--run=2"))


class HelpTest(unittest.TestCase):
    def test_names(self):
        text = (pathlib.Path(__file__).parent / "usage.txt").read_text(encoding="utf-8")
        for name in (*rows.NAMES, *allocators.NAMES, *options.CONFIGS):
            self.assertRegex(text, rf"\b{name}\b")


if __name__ == "__main__":
    unittest.main()
