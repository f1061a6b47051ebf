# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Proof that a column's library serves a program, before its time is taken.

A library that fails to take malloc over would be measured as another one.
"""

import pathlib
import re

from errors import MeasurementError

# What the loader says with LD_DEBUG=bindings.
_BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol `malloc'")


def _is_file_of(column, found):
    return pathlib.Path(found).resolve() == column.library.resolve()


def check_file(column, found):
    """Raises MeasurementError unless malloc came from the column's file."""
    if not _is_file_of(column, found):
        raise MeasurementError(f"malloc came from {found}, not from {column.library}")


def check_bindings(column, text):
    """The same of every object of a process, from what its loader said.

    A program that takes malloc's address lends its own entry of malloc to the
    libraries: they are served by what serves the program.
    """
    bindings = _BINDING.findall(text)
    if not bindings:
        raise MeasurementError("it never looks malloc up")
    served = {user for user, found in bindings if _is_file_of(column, found)}
    for user, found in bindings:
        if found in served:
            continue
        try:
            check_file(column, found)
        except MeasurementError as failure:
            raise MeasurementError(f"for {user}, {failure}") from failure


def prove(place, column, command):
    """Runs a command that does little, and checks it and all that it starts."""
    said = place.directory / "bindings"
    place.run(command, column,
              {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(said), "LD_BIND_NOW": "1"})
    files = list(place.directory.glob(f"{said.name}.*"))
    if not files:
        raise MeasurementError(f"{command[0]} has no dynamic loader")
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        file.unlink()
        try:
            check_bindings(column, text)
        except MeasurementError as failure:
            raise MeasurementError(f"{command[0]}: {failure}") from failure
