#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The order in which samples are taken, and what becomes of failures."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import rounds
from allocators import Column
from errors import MeasurementError
from place import Sample, fields
from rows import Row

_COLUMNS = [Column(name, pathlib.Path(f"/{name}.so"), name) for name in "abc"]


class _Place:
    closed = 0

    def close(self):
        self.closed += 1


class RoundsTest(unittest.TestCase):
    def setUp(self):
        self.place = _Place()
        self.order = []

    def sample(self, runs, broken=()):
        def work(_, column):
            self.order.append(column.name)
            if column.name in broken:
                raise MeasurementError("it broke")
            return Sample(len(self.order), 1)

        results = rounds.Results(runs)
        row = Row("row", "a row", work)
        return results, rounds.sample_row(self.place, row, _COLUMNS, results, lambda _: None)

    def test_each_column_begins_in_turn(self):
        results, samples = self.sample(4)
        self.assertEqual("".join(self.order), "abc" "bca" "cab" "abc")
        self.assertEqual([sample.seconds for sample in samples["a"]], [1, 6, 8, 10])
        self.assertEqual(results.failures, {})
        self.assertEqual(self.place.closed, 12)

    def test_a_failure_takes_the_cell_and_not_the_row(self):
        results, samples = self.sample(2, broken="b")
        self.assertEqual("".join(self.order), "abc" "ca")
        self.assertEqual(results.failures, {("row", "b"): "it broke"})
        self.assertEqual([len(samples[name]) for name in "abc"], [2, 0, 2])


class FieldsTest(unittest.TestCase):
    def test_fields(self):
        self.assertEqual(fields("seconds=0.5 malloc=/lib/x=y.so\n"),
                         {"seconds": "0.5", "malloc": "/lib/x=y.so"})


if __name__ == "__main__":
    unittest.main()
