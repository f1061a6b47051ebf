# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead bench mapping`: calls of libc's that Bulkhead checks or forwards."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "bench" / "gate"), str(ROOT / "bench" / "malloc")]

import build
import launch
import machine
import model
import stats
import tables
from allocators import Column
from errors import MeasurementError
from place import Place, fields

# Of this directory, before those of the others.
import rows
from counts import Counter

_LIBC, _BULKHEAD, _BOTH = "libc", "bulkhead", "both"
# Of each sample: enough that the median turn is one that nothing disturbed.
_CALLS = 50_000


def parser():
    found = argparse.ArgumentParser(
        prog="./bulkhead bench mapping", add_help=False, allow_abbrev=False)
    found.add_argument("--runs", type=int, default=5)
    found.add_argument("--library", type=pathlib.Path)
    found.add_argument("--calls", type=pathlib.Path)
    found.add_argument("--no-instructions", action="store_true")
    found.add_argument("--json", type=pathlib.Path)
    return found


def _parse(arguments):
    options = parser().parse_args(arguments)
    if options.runs < 1:
        parser().error("--runs: one run is the least")
    if (options.library is None) != (options.calls is None):
        parser().error("--library and --calls are given together")
    for file in (options.library, options.calls):
        if file and not file.is_file():
            parser().error(f"there is no file {file}")
    return options


@dataclasses.dataclass(frozen=True)
class Sample:
    """Nanoseconds of a call, by libc's own function and through Bulkhead."""

    libc: float
    bulkhead: float

    @property
    def added(self):
        return self.bulkhead - self.libc


@dataclasses.dataclass(frozen=True)
class Bench:
    place: Place
    program: pathlib.Path
    by_keys: Column
    shipped: Column
    counted: Column

    def _command(self, row, way, calls):
        return [self.program, f"--call={row.call}", f"--where={row.where}", f"--way={way}",
                f"--calls={calls}"]

    def sample(self, row):
        column = self.by_keys if row.needs_keys else self.shipped
        output, _ = self.place.run(self._command(row, _BOTH, _CALLS), column)
        found = fields(output)
        return Sample(float(found["libc_ns"]), float(found["bulkhead_ns"]))

    def instructions(self, counter, row):
        """Those that Bulkhead adds to a call."""
        added = counter.added_per_call(
            self.place, self.counted,
            *(lambda calls, way=way: self._command(row, way, calls)
              for way in (_LIBC, _BULKHEAD)))
        return added.wrpkru + added.vectors + added.others


def _sample_all(bench, runs):
    """Row -> samples, the rows in turns."""
    samples = {row: [] for row in rows.ROWS}
    for run in range(runs):
        print(f"bulkhead: times, run {run + 1} of {runs}", file=sys.stderr)
        for row in rows.ROWS:
            samples[row].append(bench.sample(row))
    return samples


def _count_all(bench):
    """Row -> instructions; empty where nothing can be counted, and why."""
    try:
        counter = Counter(bench.counted.library)
        found = {}
        for number, row in enumerate(rows.ROWS, 1):
            print(f"bulkhead: instructions, row {number} of {len(rows.ROWS)}", file=sys.stderr)
            found[row] = bench.instructions(counter, row)
        return found
    except MeasurementError as failure:
        print(f"bulkhead: instructions are not counted: {failure}", file=sys.stderr)
        return {}


def _cells(row, samples, instructions):
    added = [sample.added for sample in samples]
    count = instructions.get(row)
    return [tables.Cell(text) for text in (
        f"{row.call}, {rows.PLACES[row.where]}",
        f"{stats.median([sample.libc for sample in samples]):,.1f}",
        f"{stats.median([sample.bulkhead for sample in samples]):,.1f}",
        f"{stats.median(added):,.1f}",
        f"{min(added):,.1f} to {max(added):,.1f}",
        "n/a" if count is None else f"{count:,.0f}")]


def shown(samples, instructions):
    """The tables."""
    def table(title, calls, notes=()):
        return tables.Table(
            title, ["call", "libc ns", "Bulkhead ns", "added", "of all runs", "instructions"],
            [_cells(row, each, instructions) for row, each in samples.items()
             if row.call in calls], notes)

    return [
        table("Calls that the kernel refuses at once: what is added is the check",
              rows.REFUSED),
        table("The same calls, obeyed", rows.DONE,
              ("Beside a sandbox, mmap() gives what it mapped the root's key: a system call"
               " more.",)),
        table("Functions that are forwarded to libc's own", rows.FORWARDED,
              ("Timed on the library as it is shipped, but for the rows beside a sandbox.",)),
    ]


def closing(samples):
    """The line that names the check that costs most."""
    added = {row: stats.median([sample.added for sample in each])
             for row, each in samples.items() if row.is_check}
    worst = max(added, key=added.get)
    return (f"bench mapping: worst_check_ns={added[worst]:.1f} call={worst.call} "
            f"where={worst.where}")


def _columns(options, this, directory):
    """(program, by keys, shipped, counted, whether keys are modelled)"""
    if options.library:
        column = Column("bulkhead", options.library.resolve(), "")
        modelled = bool(model.writes_by_address(model.listing(column.library)))
        return options.calls.resolve(), column, column, column, modelled
    print("bulkhead: building; the first time takes some minutes", file=sys.stderr)
    program = build.build(ROOT, "none", ["bench/mapping/calls"], directory / "programs")["calls"]
    shipped, modelled = (Column(config, build.library(ROOT, config, directory), "")
                         for config in ("none", "modelled"))
    return program, shipped if this.has_keys else modelled, shipped, modelled, not this.has_keys


def _run(options, arguments, directory):
    this = machine.here()
    *measured, modelled = _columns(options, this, directory)
    print(shlex.join(["./bulkhead", "bench", "mapping", *arguments]))
    print(f"\nRun on {datetime.date.today().isoformat()}: {this.text()}; "
          f"keys are {'modelled' if modelled else 'the processor' + chr(39) + 's own'}.\n",
          flush=True)
    place = Place(directory, 1.0, None, None, directory)
    try:
        bench = Bench(place, *measured)
        samples = _sample_all(bench, options.runs)
        instructions = {} if options.no_instructions else _count_all(bench)
    finally:
        place.close()
    for table in shown(samples, instructions):
        print(tables.text(table))
    if options.json:
        options.json.write_text(json.dumps(
            [{**dataclasses.asdict(row), "instructions": instructions.get(row),
              "samples": [dataclasses.asdict(sample) for sample in each]}
             for row, each in samples.items()], indent=1) + "\n", encoding="utf-8")
    print(closing(samples))
    return 0


def main(arguments):
    options = _parse(arguments)
    return launch.run(lambda directory: _run(options, arguments, directory))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
