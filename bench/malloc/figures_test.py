#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""From samples to medians, tables and the closing line."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import headings
import machine
import options
import publication
import stats
import summary
import tables
from allocators import Column
from place import Sample
from rounds import Results

_COLUMNS = [Column("jemalloc", pathlib.Path("/j.so"), "the baseline"),
            Column("scudo", pathlib.Path("/s.so"), "a peer", not_counted="it is too large"),
            Column("bulkhead", pathlib.Path("/b.so"), "this tree")]


def _samples(*seconds, rss=1024):
    return [Sample(value, rss) for value in seconds]


def _results():
    results = Results(3)
    results.timed = {
        "pairs": {"jemalloc": _samples(2, 1, 3), "scudo": _samples(4, 4, 4),
                  "bulkhead": _samples(1, 1, 2, rss=2048)},
        "redis": {"jemalloc": _samples(1, 1, 1), "scudo": _samples(2, 2, 2),
                  "bulkhead": _samples(2, 2, 2, rss=2048)},
    }
    results.idle = {"jemalloc": _samples(0, rss=3072), "scudo": _samples(0, rss=2048),
                    "bulkhead": _samples(0, rss=4096)}
    results.instructions = {"jemalloc": 84.2, "scudo": None, "bulkhead": 55.6}
    results.surplus = {"bulkhead": 7.2}
    return results


class StatsTest(unittest.TestCase):
    def test_median(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 2, 3]), 2.5)
        self.assertEqual(stats.median([7]), 7)

    def test_spread_and_geomean(self):
        self.assertEqual(stats.spread([2, 1, 4]), 1.5)
        self.assertEqual(stats.spread([5]), 0)
        self.assertAlmostEqual(stats.geomean([0.5, 2.0, 8.0]), 2.0)

    def test_ratio(self):
        self.assertEqual(stats.ratio([1, 2, 3], [8, 4, 4]), stats.Ratio(0.5, 0.25, 0.75, 1.0))


class SummaryTest(unittest.TestCase):
    def test_closing_line(self):
        self.assertEqual(
            summary.closing_line(_results()),
            "bench malloc: geomean_time=1.000 worst=redis:2.000 geomean_rss=2.000"
            " instructions_per_pair=56 jemalloc_instructions_per_pair=84")

    def test_a_failed_cell_leaves_no_mean(self):
        results = _results()
        results.timed["redis"]["bulkhead"] = []
        results.failures["redis", "bulkhead"] = "it crashed"
        self.assertIn("geomean_time=n/a worst=n/a geomean_rss=n/a", summary.closing_line(results))
        self.assertIn("failed", tables.text(summary.tables(results, _COLUMNS)[0]))

    def test_a_failed_baseline_fails_the_row(self):
        results = _results()
        results.timed["redis"]["jemalloc"] = []
        line = tables.text(summary.tables(results, _COLUMNS)[0]).splitlines()[4]
        self.assertEqual(line.split(), ["redis", "failed", "failed", "failed", "failed"])
        self.assertIn("geomean_time=n/a", summary.closing_line(results))

    def test_nothing_measured(self):
        self.assertEqual(
            summary.closing_line(Results(1)),
            "bench malloc: geomean_time=n/a worst=n/a geomean_rss=n/a"
            " instructions_per_pair=n/a jemalloc_instructions_per_pair=n/a")
        self.assertEqual(summary.tables(Results(1), _COLUMNS), [])

    def test_tables(self):
        time, memory, idle, instructions = summary.tables(_results(), _COLUMNS)
        lines = tables.text(time).splitlines()
        self.assertIn("median of 3 runs", lines[0])
        self.assertEqual(lines[2].split()[:3], ["jemalloc", "scudo", "bulkhead"])
        self.assertEqual(lines[3].split(), ["pairs", "1.00", "(100%)", "2.00", "(0%)", "0.50",
                                            "(100%)", "2.000", "s"])
        self.assertEqual(lines[5].split(), ["geometric", "mean", "1.00", "2.00", "1.00"])
        self.assertIn("1.0 MiB", tables.text(memory))
        self.assertIn("+1.0 MiB", tables.text(idle))
        self.assertIn("scudo: it is too large.", tables.text(instructions))
        self.assertIn("bulkhead: 7.2 more were counted", tables.text(instructions))


class TablesTest(unittest.TestCase):
    table = tables.Table("Title", ["", "x"], [
        [tables.Cell("a|b"), tables.Cell("1.5", "bad")], [tables.Cell("c"), tables.Cell("10")]])

    def test_text(self):
        self.assertEqual(tables.text(self.table), "Title\n\n         x\n  a|b  1.5\n  c     10\n")

    def test_colours(self):
        self.assertIn("\033[31m1.5\033[0m", tables.text(self.table, colours=True))

    def test_markdown(self):
        self.assertEqual(
            tables.markdown(self.table),
            "## Title\n\n|  | x |\n| --- | ---: |\n| a\\|b | 1.5 |\n| c | 10 |\n")


class PageTest(unittest.TestCase):
    def page(self, *arguments):
        heading = headings.Heading("./bulkhead bench malloc", "", ["Measured: all."], ["a: b"])
        return publication.page(heading, summary.tables(_results(), _COLUMNS), "bench malloc: x",
                                options.parse(arguments), machine.here(), "2026-01-02", "bench_malloc.svg")

    def test_page(self):
        text = self.page()
        for part in ("](bench_malloc.svg)", "Run on 2026-01-02: ", "- Measured: all.", "- a: b",
                     "| pairs | 1.00 (100%) |", "\n```\nbench malloc: x\n```\n"):
            self.assertIn(part, text)
        self.assertNotIn("trial", text)

    def test_little_work_is_a_trial(self):
        self.assertIn("**A trial run**, of 0.5 times", self.page("--scale=0.5"))
        self.assertIn("and 2 runs of each", self.page("--runs=2"))


class HeadingTest(unittest.TestCase):
    def model(self, *arguments):
        given = options.parse(arguments)
        return headings.heading(given, given.config, "", machine.here(), []).model

    def test_one_build(self):
        (modelled, measured) = self.model("--config=modelled")
        self.assertTrue(modelled.startswith("Modelled: "))
        self.assertTrue(measured.startswith("Measured: "))

    def test_two_builds(self):
        lines = self.model("--config=modelled,none")
        self.assertTrue(lines[0].startswith("bulkhead: Modelled: "))
        self.assertIn("bulkhead-none: Measured: the library as it is shipped", lines[2])

    def test_names(self):
        self.assertEqual(headings.names(["1", "2"]), ["bulkhead", "bulkhead-2"])


class MachineTest(unittest.TestCase):
    def text(self, flags):
        return machine.parse(f"model name\t: A CPU\nflags\t\t: {flags}\n",
                             "MemTotal:       16384000 kB\n", 'PRETTY_NAME="Debian 12"\n',
                             "6.1.0", 4).text()

    def test_keys(self):
        self.assertEqual(
            self.text("fpu hypervisor"),
            "Debian 12, Linux 6.1.0, 4 x A CPU (virtual machine), 16 GiB, without protection keys")
        self.assertIn(", with protection keys", self.text("pku ospke"))
        self.assertIn(", without protection keys", self.text("pku"))


if __name__ == "__main__":
    unittest.main()
