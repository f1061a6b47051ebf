# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead bench statistics`: instructions that statistics cost."""

import datetime
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "bench" / "malloc"))

import build
import cost
import machine
import model
import tables
from allocators import Column
from errors import BenchError, EXIT_FAILURE, EXIT_USAGE, MeasurementError
from place import Place

_ROUNDS = 500
_SNAPSHOTS = 20
_SHAPES = (  # MiB of blocks, threads beside the first
    (0, 0),
    (64, 0),
    (0, 50),
)
_PROGRAMS = ("trips", "snapshots")
_COUNTED, _UNCOUNTED = "modelled", "modelled-uncounted"


def _count(place, column, surplus, *command):
    """The instructions of a run, as the shipped code has them, and its counts."""
    profile, counts = place.directory / "callgrind.out", place.directory / "counts"
    counts.unlink(missing_ok=True)
    _, errors = place.run(
        ["/usr/bin/valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
         "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no", *command],
        column, {"BULKHEAD_OPTIONS": f"stats_json={counts}"})
    found = re.search(r"Collected : (\d+)", errors)
    if not found:
        raise MeasurementError(f"callgrind gave no count\n{errors[-1500:]}")
    with open(profile, encoding="utf-8") as lines:
        beyond = model.surplus_of_run(lines, column.library.resolve(), surplus)
    *_, last = counts.read_text(encoding="utf-8").splitlines()
    return cost.Run(int(found[1]) - beyond, *cost.trips(last))


def _trips(place, column, program):
    """Of two runs, so that the start and the end of the process fall out."""
    surplus = model.of_library(column.library)
    run = [_count(place, column, surplus, program, f"--rounds={rounds}")
           for rounds in (_ROUNDS, 2 * _ROUNDS)]
    return run[1] - run[0]


def _counting(place, columns, program):
    found = cost.counting_cost(*(_trips(place, column, program) for column in columns))
    row = [tables.Cell(text) for text in (
        "refill or flush", f"{found.uncounted:,.0f}", f"{found.counted:,.0f}",
        f"{found.counts:,.1f}", f"{found.share:.1%}")]
    return tables.Table(
        "Instructions for each trip to the monitor, work of the program included",
        ["", "without counts", "with counts", "counts", "share"], [row],
        ("A hit counts nothing: //tests/fast_path:fast_path_test holds its code.",))


def _snapshots(place, column, program):
    surplus = model.of_library(column.library)
    rows = []
    for mebibytes, threads in _SHAPES:
        shape = (f"--mebibytes={mebibytes}", f"--threads={threads}")
        few, many = (
            _count(place, column, surplus, program, f"--snapshots={number}", *shape)
            for number in (_SNAPSHOTS, 2 * _SNAPSHOTS))
        instructions = cost.per_snapshot(few, many, _SNAPSHOTS)
        rows.append([tables.Cell(text) for text in (
            f"{mebibytes} MiB in blocks, threads: {threads + 1}", f"{instructions:,.0f}")])
    return tables.Table("Instructions of one bh_stats(), those of the kernel not counted",
                        ["heap", "instructions"], rows)


def _run(directory):
    print("bulkhead: building; the first time takes some minutes", file=sys.stderr)
    programs = build.build(ROOT, "none", [f"bench/statistics/{name}" for name in _PROGRAMS],
                           directory / "programs")
    columns = [Column(config, build.library(ROOT, config, directory), config)
               for config in (_COUNTED, _UNCOUNTED)]
    print(f"./bulkhead bench statistics, {datetime.date.today().isoformat()}")
    print(machine.here().text() + "\n", flush=True)
    place = Place(directory, 1, None, None, directory)
    try:
        print(tables.text(_counting(place, columns, programs["trips"])), flush=True)
        print(tables.text(_snapshots(place, columns[0], programs["snapshots"])))
    finally:
        place.close()


def main(arguments):
    if arguments:
        print(f"bulkhead: bench statistics: unexpected argument {arguments[0]}", file=sys.stderr)
        return EXIT_USAGE
    try:
        with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as directory:
            _run(pathlib.Path(directory))
    except (BenchError, MeasurementError, OSError, ValueError) as error:
        print(f"bulkhead: {error}", file=sys.stderr)
        return getattr(error, "status", EXIT_FAILURE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
