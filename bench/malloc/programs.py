# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Rows that are a program run to its end."""

from errors import MeasurementError
from place import Sample, fields
from served import check_file

SQLITE3 = "/usr/bin/sqlite3"
PYTHON3 = "/usr/bin/python3"
GXX = "/usr/bin/g++"
TRUE = "/usr/bin/true"

_STARTS = 1000
_SQL_ROWS = 150000
_PYTHON_ROUNDS = 40
_COMPILED_PARTS = 3


def prove_serves(place, column):
    """Raises MeasurementError unless the column's library serves a program."""
    output, _ = place.run([place.workloads, "pairs", "--amount=1"], column)
    check_file(column, fields(output)["malloc"])


def own(name):
    """The work of a row that is a workload of bench/workloads."""
    checksums = {}

    def work(place, column):
        sample, output = place.measured(
            [place.workloads, name, f"--scale={place.scale}"], column)
        said = fields(output)
        check_file(column, said["malloc"])
        # Of the same amount of work, whatever the allocator.
        expected = checksums.setdefault(said["amount"], said["checksum"])
        if said["checksum"] != expected:
            raise MeasurementError(f"{name}: checksum {said['checksum']}, not {expected}: "
                                   "memory did not keep what was written")
        return Sample(float(said["seconds"]), sample.peak_rss_kib, sample.cpu_seconds)

    return work


def sqlite3(place, column):
    script = (place.inputs / "table.sql").read_text(encoding="utf-8")
    path = place.directory / "table.sql"
    path.write_text(script.replace(":rows", str(place.scaled(_SQL_ROWS, 100))),
                    encoding="utf-8")
    with open(path, encoding="utf-8") as stdin:
        sample, output = place.measured([SQLITE3, "-bail", ":memory:"], column,
                                        stdin=stdin)
    if output.splitlines()[-1:] != ["ok"]:
        raise MeasurementError(f"sqlite3 ended with {output[-200:]!r}")
    return sample


def python3(place, column):
    rounds = place.scaled(_PYTHON_ROUNDS)
    sample, output = place.measured(
        # Not -I or -E, under which Python ignores PYTHONMALLOC.
        [PYTHON3, "-S", "-s", place.inputs / "objects.py", rounds], column,
        {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"})
    if not output.startswith("objects "):
        raise MeasurementError(f"python3 said {output[-200:]!r}")
    return sample


def compile_cxx(place, column):
    text = (place.inputs / "compiled.txt").read_text(encoding="utf-8")
    parts = place.scaled(_COMPILED_PARTS)
    source = place.directory / "compiled.cc"
    source.write_text(text + "".join(f"template struct Part<{number}>;\n"
                                     for number in range(parts)), encoding="utf-8")
    sample, _ = place.measured(
        [GXX, "-std=c++17", "-O1", "-c", source, "-o", place.directory / "compiled.o"],
        column)
    return sample


def startup(place, column):
    sample, _ = place.measured([TRUE], column, times=place.scaled(_STARTS))
    return sample
