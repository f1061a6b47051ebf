# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Instructions of one malloc and one free, counted by callgrind."""

import dataclasses
import re

import model
from errors import MeasurementError

_PAIRS = 100000


@dataclasses.dataclass(frozen=True)
class Count:
    """Of a pair, or of a run."""

    # As the shipped library would execute them.
    instructions: float
    # What was taken off for that: what a model executes beyond what it models.
    surplus: float = 0.0

    def __sub__(self, other):
        return Count(self.instructions - other.instructions, self.surplus - other.surplus)

    def __truediv__(self, number):
        return Count(self.instructions / number, self.surplus / number)


def _count(place, column, surplus, workload, pairs):
    profile = place.directory / "callgrind.out"
    addresses = ["--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"]
    _, errors = place.run(
        ["/usr/bin/valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
         *(addresses if surplus else []), place.workloads, workload, f"--amount={pairs}"],
        column)
    found = re.search(r"Collected : (\d+)", errors)
    if not found:
        raise MeasurementError(f"callgrind gave no count\n{errors[-1500:]}")
    total, beyond = int(found[1]), 0
    if surplus:
        with open(profile, encoding="utf-8") as lines:
            beyond = model.surplus_of_run(lines, column.library.resolve(), surplus,
                                           place.workloads)
    return Count(total - beyond, beyond)


def _per_pair(*what):
    """Of two runs, so that the start of the process falls out."""
    return (_count(*what, 2 * _PAIRS) - _count(*what, _PAIRS)) / _PAIRS


def per_pair(place, column):
    """The Count of a pair, without the loop around it."""
    surplus = model.of_library(column.library)
    loop = _per_pair(place, column, surplus, "pairs_without_malloc")
    return _per_pair(place, column, surplus, "pairs") - loop
