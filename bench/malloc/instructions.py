# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Instructions of one malloc and one free, counted by callgrind."""

import re

from errors import MeasurementError

_PAIRS = 100000


def _count(place, column, workload, pairs):
    _, errors = place.run(
        ["/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         place.workloads, workload, f"--amount={pairs}"], column)
    found = re.search(r"Collected : (\d+)", errors)
    if not found:
        raise MeasurementError(f"callgrind gave no count\n{errors[-1500:]}")
    return int(found[1])


def _per_pair(place, column, workload):
    """Of two runs, so that the start of the process falls out."""
    once = _count(place, column, workload, _PAIRS)
    twice = _count(place, column, workload, 2 * _PAIRS)
    return (twice - once) / _PAIRS


def per_pair(place, column):
    """Instructions of a pair, without those of the loop around it."""
    loop = _per_pair(place, column, "pairs_without_malloc")
    return _per_pair(place, column, "pairs") - loop
