# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Takes the samples: in turns, so that a disturbance meets every column."""

import dataclasses

from errors import MeasurementError


@dataclasses.dataclass
class Results:
    """What was measured. A cell that failed has no samples, but a failure."""

    runs: int
    # Name of the row -> name of the column -> [Sample, ...], in order.
    timed: dict = dataclasses.field(default_factory=dict)
    idle: dict = dataclasses.field(default_factory=dict)
    # Name of the column -> instructions per pair.
    instructions: dict = dataclasses.field(default_factory=dict)
    # Name of the column -> what was taken off of that, because it only models.
    surplus: dict = dataclasses.field(default_factory=dict)
    # (row, column) -> why it failed.
    failures: dict = dataclasses.field(default_factory=dict)


def turn(columns, number):
    """The columns in the order of one round: each begins once in so many."""
    first = number % len(columns)
    return columns[first:] + columns[:first]


def sample_row(place, row, columns, results, progress):
    """column -> samples of one row. Failures go into `results`."""
    samples = {column.name: [] for column in columns}
    for number in range(results.runs):
        for column in turn(columns, number):
            if (row.name, column.name) in results.failures:
                continue
            progress(f"{row.name}: round {number + 1} of {results.runs}, {column.name}")
            try:
                samples[column.name].append(row.work(place, column))
            except MeasurementError as failure:
                results.failures[row.name, column.name] = str(failure)
                samples[column.name] = []
            finally:
                place.close()
    return samples
