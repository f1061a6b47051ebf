# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead bench gate`: calls into compartments and back."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "bench" / "malloc"))

import build
import counts
import launch
import machine
import plot
import rows
import stats
import tables
from allocators import Column
from errors import MeasurementError
from place import Place, fields

_PAGE, _PLOT = pathlib.Path("docs/bench_gate.md"), pathlib.Path("docs/bench_gate.svg")
# How long a sample takes, and the calls that tell how many that is.
_SECONDS, _TRIAL = 0.1, 20
_MOST_CALLS = 2_000_000


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./bulkhead bench gate", add_help=False, allow_abbrev=False)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--calls", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs: one run is the least")
    if (options.library is None) != (options.calls is None):
        parser.error("--library and --calls are given together")
    for file in (options.library, options.calls):
        if file and not file.is_file():
            parser.error(f"there is no file {file}")
    return options


@dataclasses.dataclass(frozen=True)
class Bench:
    """What is measured: a library by keys and one by pages, and who calls."""

    place: Place
    program: pathlib.Path
    keys: Column
    pages: Column

    def _command(self, row, calls):
        return [self.program, f"--pair={row.pair}", f"--calls={calls}",
                f"--mebibytes={row.mebibytes}", f"--threads={row.threads}",
                f"--others={row.others}"]

    def count(self, counter, pair):
        return counter.per_call(
            self.place, self.keys,
            lambda calls: self._command(rows.Row(pair), calls))

    def nanoseconds(self, row, calls):
        """Of one call, the loop included."""
        by_pages = row.backend == rows.PAGES
        output, _ = self.place.run(
            self._command(row, calls), self.pages if by_pages else self.keys,
            {"BULKHEAD_OPTIONS": "backend=mprotect"} if by_pages else None)
        return float(fields(output)["seconds"]) * 1e9 / calls


def _sample(bench, runs):
    """Row -> nanoseconds of each run, the rows in turns."""
    sizes = {}
    for row in rows.TIMED:
        once = bench.nanoseconds(row, _TRIAL)
        sizes[row] = min(max(int(_SECONDS * 1e9 / once), _TRIAL), _MOST_CALLS)
    samples = {row: [] for row in rows.TIMED}
    for run in range(runs):
        print(f"bulkhead: times, run {run + 1} of {runs}", file=sys.stderr)
        for row in rows.TIMED:
            samples[row].append(bench.nanoseconds(row, sizes[row]))
    return samples


def _count_all(bench):
    """Pair -> counts.Count of a call, without the loop; empty where nothing can be
    counted, and why."""
    try:
        counter = counts.Counter(bench.keys.library)
        print("bulkhead: instructions", file=sys.stderr)
        loop = bench.count(counter, rows.LOOP)
        return {pair: bench.count(counter, pair) - loop for pair in rows.PAIRS}, ""
    except MeasurementError as failure:
        return {}, str(failure)


def _tables(found, why, samples, modelled):
    keys = "modelled keys" if modelled else "keys"
    times = [[tables.Cell(text) for text in (
        row.name.replace("by keys", f"by {keys}"), f"{stats.median(values):,.0f}",
        f"{stats.spread(values):.0%}")] for row, values in samples.items()]
    counted = [[tables.Cell(text) for text in (
        pair, f"{count.wrpkru:g}", f"{count.others:,.0f}", f"{count.vectors:g}")]
        for pair, count in found.items()]
    shown = [tables.Table("Nanoseconds of a call, median and spread",
                          ["call", "ns", "spread"], times)]
    if counted:
        shown.insert(0, tables.Table(
            "Executed by a call, beyond a call without a gate",
            ["pair", "WRPKRU", "further instructions", "clearing of vectors"], counted,
            ("Counted on the modelled build, in the form in which they are shipped; "
             "valgrind has no AVX-512, which takes 24 more to clear.",)))
    elif why:
        print(f"bulkhead: instructions are not counted: {why}", file=sys.stderr)
    return shown


def _closing(found, samples):
    for pair in rows.PAIRS:
        count = found.get(pair)
        counted = (f"wrpkru={count.wrpkru:g} instructions={count.others:.0f} "
                   f"vector_instructions={count.vectors:g}" if count else
                   "wrpkru=n/a instructions=n/a vector_instructions=n/a")
        yield f"bench gate: pair={pair} {counted} ns={stats.median(samples[rows.Row(pair)]):.0f}"


def _series(samples):
    series = {}
    for row, values in samples.items():
        if row.pair == rows.PAIRS[0] and not row.others:
            points = series.setdefault((row.backend, row.threads), {})
            points[row.mebibytes] = stats.median(values)
    return series


def _heading(command, this, modelled):
    what = ("keys are **modelled**: the time of WRPKRU and RDPKRU is that of code that stands "
            "for them" if modelled else "keys are the processor's own")
    return (f"{command}\n\nRun on {datetime.date.today().isoformat()}: {this.text()}; {what}. "
            "Page protection is the shipped build's.\n")


def _publish(heading, shown, closing, samples):
    command, _, rest = heading.partition("\n")
    (ROOT / _PLOT).write_text(plot.draw(_series(samples)), encoding="utf-8")
    parts = ["# Gates, measured", "",
             "Written by the command below. [benchmarks.md](benchmarks.md) says what is measured.",
             "", "```sh", command, "```", rest, f"![Time against heap size]({_PLOT.name})", "",
             *map(tables.markdown, shown), "```", *closing, "```", ""]
    (ROOT / _PAGE).write_text("\n".join(parts), encoding="utf-8")


def _columns(options, this, directory):
    """(program, keys, pages, whether keys are modelled)"""
    if options.library:
        library = options.library.resolve()
        column = Column("keys", library, "")
        return options.calls.resolve(), column, column, bool(
            counts.model.writes_by_address(counts.model.listing(library)))
    print("bulkhead: building; the first time takes some minutes", file=sys.stderr)
    program = build.build(ROOT, "none", ["bench/gate/calls"], directory / "programs")["calls"]
    shipped = Column("pages", build.library(ROOT, "none", directory), "")
    if this.has_keys:
        return program, shipped, shipped, False
    return program, Column("keys", build.library(ROOT, "modelled", directory), ""), shipped, True


def _run(options, arguments, directory):
    this = machine.here()
    program, keys, pages, modelled = _columns(options, this, directory)
    heading = _heading(shlex.join(["./bulkhead", "bench", "gate", *arguments]), this, modelled)
    print(heading)
    place = Place(directory, 1.0, None, None, directory)
    try:
        bench = Bench(place, program, keys, pages)
        found, why = _count_all(bench)
        samples = _sample(bench, options.runs)
    finally:
        place.close()
    shown = _tables(found, why, samples, modelled)
    closing = list(_closing(found, samples))
    for table in shown:
        print(tables.text(table))
    if options.json:
        options.json.write_text(json.dumps(
            [{**dataclasses.asdict(row), "nanoseconds": values}
             for row, values in samples.items()], indent=1) + "\n", encoding="utf-8")
    if options.publish:
        _publish(heading, shown, closing, samples)
    print("\n".join(closing))
    return 0


def main(arguments):
    options = _parse(arguments)
    return launch.run(lambda directory: _run(options, arguments, directory))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
