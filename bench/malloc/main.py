# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead bench malloc`: Bulkhead beside other allocators, as ratios to one."""

import os
import pathlib
import shlex
import sys

import allocators
import build
import headings
import instructions
import launch
import machine
import options as command_line
import programs
import publication
import rounds
import rows
import served
import summary
import svg
import tables
from errors import BenchError, EXIT_FAILURE, MeasurementError
from place import Place

ROOT = pathlib.Path(__file__).resolve().parents[2]
_INPUTS = pathlib.Path(__file__).resolve().parent / "inputs"


class Progress:
    """One line that changes, on a terminal; elsewhere a line for each row."""

    def __init__(self, stream):
        self._stream = stream
        self._row = None

    def __call__(self, text):
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{text}")
        elif text.partition(":")[0] != self._row:
            self._row = text.partition(":")[0]
            self._stream.write(f"bulkhead: {self._row}\n")
        self._stream.flush()

    def done(self):
        if self._stream.isatty():
            self._stream.write("\r\033[K")
            self._stream.flush()


def _count_instructions(place, columns, results, progress):
    for column in columns:
        if column.not_counted:
            results.instructions[column.name] = None
            continue
        progress(f"instructions: {column.name}")
        try:
            count = instructions.per_pair(place, column)
            results.instructions[column.name] = count.instructions
            if count.surplus:
                results.surplus[column.name] = count.surplus
        except MeasurementError as failure:
            results.instructions[column.name] = None
            results.failures[rows.INSTRUCTIONS, column.name] = str(failure)
        finally:
            place.close()


def _prove_columns(place, columns, workloads):
    """A library that fails to take malloc over would be measured as glibc."""
    proofs = [row.proof for row in rows.TIMED if row.proof and row.name in workloads]
    for column in columns:
        try:
            programs.prove_serves(place, column)
            for proof in proofs:
                served.prove(place, column, proof(place))
        except MeasurementError as failure:
            raise BenchError(f"{column.name} cannot be measured: {failure}") from failure


def measure(place, columns, options, progress):
    results = rounds.Results(options.runs)
    for row in rows.TIMED:
        if row.name in options.workloads:
            results.timed[row.name] = rounds.sample_row(place, row, columns, results, progress)
    if rows.IDLE.name in options.workloads:
        results.idle = rounds.sample_row(place, rows.IDLE, columns, results, progress)
    if rows.INSTRUCTIONS in options.workloads:
        _count_instructions(place, columns, results, progress)
    progress.done()
    return results


def _print_failures(results):
    for (row, column), why in results.failures.items():
        print(f"bulkhead: {row} failed on {column}: {why}", file=sys.stderr)


def _bulkheads(options, configs, directory):
    """The columns of Bulkhead: libraries given, or one build for each configuration."""
    if allocators.BULKHEAD not in options.allocators:
        return []
    if options.bulkhead:
        variants = [str(number) for number in range(1, len(options.bulkhead) + 1)]
        found = [(library.resolve(), headings.bulkhead_what(None, library))
                 for library in options.bulkhead]
    else:
        variants = configs
        found = [(build.library(ROOT, config, directory), headings.bulkhead_what(config, None))
                 for config in configs]
    return [allocators.Column(name, library, what)
            for name, (library, what) in zip(headings.names(variants), found)]


def _write_files(options, heading, shown, panels, columns, results, closing, this):
    page = options.markdown or (ROOT / publication.PAGE if options.publish else None)
    plot = options.svg or (ROOT / publication.PLOT if options.publish else None)
    if plot and not panels:
        raise BenchError("nothing was timed, so there is nothing to plot.")
    if plot:
        plot.write_text(svg.draw(panels, [column.name for column in columns]), encoding="utf-8")
    if page:
        link = os.path.relpath(plot, page.resolve().parent) if plot else None
        text = publication.page(
            heading, shown, closing, options, this, publication.today(), link)
        page.write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(
            publication.raw(results, columns, this, heading.command, closing), encoding="utf-8")


def _run(options, arguments, directory):
    this = machine.here()
    configs = options.config or ["none" if this.has_keys else "modelled"]
    print("bulkhead: building; the first time takes some minutes", file=sys.stderr)
    built = build.programs(ROOT, directory)
    columns = allocators.columns(
        options.allocators, _bulkheads(options, configs, directory))
    command = shlex.join(["./bulkhead", "bench", "malloc", *arguments])
    heading = headings.heading(options, configs, command, this, columns)
    print(heading.text(), flush=True)

    place = Place(directory, options.scale, built["workloads"], built["measure"], _INPUTS)
    try:
        _prove_columns(place, columns, options.workloads)
        results = measure(place, columns, options, Progress(sys.stderr))
    finally:
        place.close()
    shown = summary.tables(results, columns)
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for table in shown:
        print(tables.text(table, colours))
    _print_failures(results)
    closing = summary.closing_line(results)

    _write_files(options, heading, shown, summary.panels(results), columns, results, closing, this)
    print(closing)
    return EXIT_FAILURE if results.failures else 0


def main(arguments):
    options = command_line.parse(arguments)
    return launch.run(lambda directory: _run(options, arguments, directory))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
