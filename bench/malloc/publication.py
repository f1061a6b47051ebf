# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The page that --publish writes, and the raw samples of --json."""

import dataclasses
import datetime
import json
import pathlib

import tables

PAGE = pathlib.Path("docs/bench_malloc.md")
PLOT = pathlib.Path("docs/bench_malloc.svg")


def _paragraph(title, lines):
    return [f"## {title}", "", *(f"- {line}" for line in lines), ""]


# With less, a page says that it is a trial.
_LEAST_RUNS, _LEAST_SCALE = 5, 1.0


def _caution(options):
    if options.runs >= _LEAST_RUNS and options.scale >= _LEAST_SCALE:
        return []
    return [f"**A trial run**, of {options.scale:g} times the work and {options.runs} runs of each:"
            " it shows that everything runs; its figures are not to be relied on.", ""]


def page(heading, shown, closing, options, machine, date, plot):
    """The Markdown text. `heading` is what the run prints first; `plot` the way from
    the page to the plot, or None."""
    parts = [
        "# malloc, measured",
        "",
        "Written by the command below. [benchmarks.md](benchmarks.md) says what the rows and",
        "columns are, and how to repeat it.",
        "",
        "```sh",
        heading.command,
        "```",
        "",
        *_caution(options),
        f"Run on {date}: {machine.text()}.",
        "",
        *([f"![Ratios to jemalloc]({plot})", ""] if plot else []),
        *_paragraph("What is modelled, and what is measured", heading.model),
        *_paragraph("Columns", heading.columns),
    ]
    for table in shown:
        parts.append(tables.markdown(table))
    return "\n".join([*parts, "```", closing, "```", ""])


def today():
    return datetime.date.today().isoformat()


def raw(results, columns, machine, command, closing):
    """The samples as JSON, in the order in which they were taken."""
    def samples(by_column):
        return {name: [dataclasses.asdict(sample) for sample in each]
                for name, each in by_column.items()}

    return json.dumps(
        {
            "date": today(),
            "command": command,
            "machine": dataclasses.asdict(machine),
            "columns": {column.name: {"library": str(column.library), "what": column.what}
                        for column in columns},
            "timed": {row: samples(by_column) for row, by_column in results.timed.items()},
            "idle": samples(results.idle),
            "instructions_per_pair": results.instructions,
            "taken_off_as_modelled": results.surplus,
            "failures": [{"row": row, "column": column, "why": why}
                         for (row, column), why in results.failures.items()],
            "closing_line": closing,
        },
        indent=1) + "\n"
