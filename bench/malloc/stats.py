# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Medians, spreads, ratios. Nothing is left out as an outlier."""

import dataclasses
import math


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """(max - min) / median."""
    return (max(values) - min(values)) / median(values)


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A column's median over the baseline's, and how far its runs lie apart.

    `low` and `high` are its least and its greatest run over the baseline's
    median.
    """

    value: float
    low: float
    high: float
    spread: float


def ratio(values, baseline):
    base = median(baseline)
    return Ratio(median(values) / base, min(values) / base, max(values) / base, spread(values))
