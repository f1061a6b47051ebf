# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the samples say: the tables, the plot's figures and the closing line."""

import stats
import svg
from allocators import BASELINE, BULKHEAD
from tables import Cell, Table

# Bulkhead may not be slower, or larger, than this times the baseline anywhere.
_WORST_ALLOWED = 1.10
_FAILED = "failed"
_NONE = "n/a"
_KIB_PER_MIB = 1024

_SECONDS, _RSS = "seconds", "peak_rss_kib"


def _values(samples, field):
    return [getattr(sample, field) for sample in samples]


def ratios(timed, field):
    """row -> column -> Ratio to the baseline; what failed is not there."""
    found = {}
    for row, by_column in timed.items():
        baseline = _values(by_column[BASELINE], field)
        found[row] = {
            column: stats.ratio(_values(samples, field), baseline)
            for column, samples in by_column.items() if samples and baseline
        }
    return found


def geomeans(by_row, columns):
    """column -> geometric mean over the rows, or None where a row is missing: a
    mean without the row that went wrong would flatter."""
    means = {}
    for column in columns:
        found = [row[column].value for row in by_row.values() if column in row]
        complete = found and len(found) == len(by_row)
        means[column] = stats.geomean(found) if complete else None
    return means


def _mark(column, value):
    if column != BULKHEAD:
        return ""
    return "bad" if value > _WORST_ALLOWED else "good" if value < 1 else ""


def _ratio_cell(column, ratio):
    if ratio is None:
        return Cell(_FAILED, "bad")
    return Cell(f"{ratio.value:.2f} ({ratio.spread:.0%})", _mark(column, ratio.value))


def _ratio_table(title, results, columns, field, absolute):
    by_row = ratios(results.timed, field)
    rows = []
    for row, by_column in by_row.items():
        baseline = results.timed[row][BASELINE]
        rows.append(
            [Cell(row), *(_ratio_cell(column, by_column.get(column)) for column in columns),
             Cell(absolute(stats.median(_values(baseline, field))) if baseline else _FAILED)])
    means = geomeans(by_row, columns)
    rows.append([Cell("geometric mean"),
                 *(Cell(_NONE) if means[column] is None else
                   Cell(f"{means[column]:.2f}", _mark(column, means[column]))
                   for column in columns), Cell("")])
    return Table(title, ["", *columns, f"{BASELINE} itself"], rows)


def _mib(kib):
    return f"{kib / _KIB_PER_MIB:.1f} MiB"


def _runs(count):
    return "1 run" if count == 1 else f"{count} runs"


def _idle_table(results, columns):
    values = {column: [sample.peak_rss_kib for sample in results.idle[column]]
              for column in columns}

    def cell(column, show):
        return Cell(show(stats.median(values[column]))) if values[column] else Cell(
            _FAILED, "bad")

    def above(kib):
        if not values[BASELINE]:
            return _NONE
        return f"{(kib - stats.median(values[BASELINE])) / _KIB_PER_MIB:+.1f} MiB"

    return Table(
        "Resident memory of an idle process", ["", *columns],
        [[Cell("resident"), *(cell(column, _mib) for column in columns)],
         [Cell(f"above {BASELINE}"), *(cell(column, above) for column in columns)]])


def _count_text(results, column):
    count = results.instructions.get(column)
    return _NONE if count is None else f"{count:.0f}"


def _instruction_table(results, columns, notes):
    def cell(column):
        if ("instructions", column) in results.failures:
            return Cell(_FAILED, "bad")
        return Cell(_count_text(results, column))

    return Table("Instructions per pair of malloc and free", ["", *columns],
                 [[Cell("instructions"), *map(cell, columns)]], tuple(notes))


def tables(results, columns):
    """The tables of what was measured; `columns` are Columns."""
    names = [column.name for column in columns]
    found = []
    if results.timed:
        found.append(_ratio_table(
            f"Time, as a ratio to {BASELINE}: median of {_runs(results.runs)}"
            " (spread: (max - min) / median); less is better",
            results, names, _SECONDS, lambda seconds: f"{seconds:.3f} s"))
        found.append(_ratio_table(
            f"Peak resident memory, as a ratio to {BASELINE}: median (spread); less is better",
            results, names, _RSS, _mib))
    if results.idle:
        found.append(_idle_table(results, names))
    if results.instructions:
        notes = [f"{column.name}: {column.not_counted}." for column in columns
                 if column.not_counted]
        notes += [f"{name}: {surplus:.1f} more were counted, which only model others."
                  for name, surplus in results.surplus.items() if round(surplus, 1)]
        found.append(_instruction_table(results, names, notes))
    return found


def panels(results):
    """What the plot shows."""
    if not results.timed:
        return []
    return [svg.Panel(f"Time / {BASELINE}", ratios(results.timed, _SECONDS)),
            svg.Panel(f"Peak RSS / {BASELINE}", ratios(results.timed, _RSS))]


def closing_line(results):
    means, worst = {}, _NONE
    for field in (_SECONDS, _RSS):
        by_row = ratios(results.timed, field)
        mean = geomeans(by_row, [BULKHEAD])[BULKHEAD]
        means[field] = _NONE if mean is None else f"{mean:.3f}"
        if field == _SECONDS and mean is not None:
            row = max(by_row, key=lambda name: by_row[name][BULKHEAD].value)
            worst = f"{row}:{by_row[row][BULKHEAD].value:.3f}"
    return (f"bench malloc: geomean_time={means[_SECONDS]} worst={worst}"
            f" geomean_rss={means[_RSS]}"
            f" instructions_per_pair={_count_text(results, BULKHEAD)}"
            f" jemalloc_instructions_per_pair={_count_text(results, BASELINE)}")
