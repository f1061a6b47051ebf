# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What statistics cost, from counts of instructions and of trips."""

import dataclasses
import json


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of a workload: instructions, and the monitor's trips in it."""

    instructions: float
    refills: int = 0
    flushes: int = 0

    def __sub__(self, other):
        return Run(self.instructions - other.instructions, self.refills - other.refills,
                   self.flushes - other.flushes)

    @property
    def trips(self):
        return self.refills + self.flushes


@dataclasses.dataclass(frozen=True)
class CountingCost:
    """Of one trip: with the counts, without them."""

    counted: float
    uncounted: float

    @property
    def counts(self):
        return self.counted - self.uncounted

    @property
    def share(self):
        return self.counts / self.uncounted


def counting_cost(counted, uncounted):
    """From a Run with the counts and one without: the same work, so that what the
    program itself executes falls out only in `counts`. Raises ValueError where no
    trip was made."""
    if counted.trips <= 0:
        raise ValueError("the workload made no trips to the monitor")
    return CountingCost(counted.instructions / counted.trips,
                        uncounted.instructions / counted.trips)


def trips(line):
    """(refills, flushes) of the root's heap in what stats_json wrote."""
    root, *_ = json.loads(line)["compartments"]
    return root["refills"], root["flushes"]


def per_snapshot(few, many, difference):
    """Instructions of one snapshot, from runs that differ by so many."""
    return (many.instructions - few.instructions) / difference
