# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a call through a gate executes, counted by callgrind on a modelled library."""

import dataclasses
import re

import model
from errors import MeasurementError

_CALLS = 20000

_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*$")
_STATE = "<bulkhead_vector_state>"
_CLEARING = {"jb", "je", "jmp", "vpxorq", "kxorw", "vzeroall", "pxor"}


@dataclasses.dataclass(frozen=True)
class Count:
    """Of a call, or of a run. `others` are neither of the two."""

    wrpkru: float
    vectors: float
    others: float

    def __sub__(self, other):
        return Count(self.wrpkru - other.wrpkru, self.vectors - other.vectors,
                     self.others - other.others)

    def __truediv__(self, number):
        return Count(self.wrpkru / number, self.vectors / number, self.others / number)


def vector_addresses(listing):
    """Where a gate's clearing of vector registers lies, the choice among the
    processor's kinds of them included."""
    found, inside = set(), False
    for match in map(_INSTRUCTION.match, listing.splitlines()):
        if not match:
            inside = False
            continue
        address, name, operands = match.groups()
        chooses = name.startswith("cmp") and _STATE in operands
        inside = chooses or (inside and name in _CLEARING)
        if inside:
            found.add(int(address, 16))
    return found


class Counter:
    """Counts on one library. Raises MeasurementError where nothing is modelled."""

    def __init__(self, library):
        listing = model.listing(library)
        self._library = library
        self._surplus = model.surplus_by_address(listing)
        self._writes = dict.fromkeys(model.writes_by_address(listing), 1)
        self._vectors = dict.fromkeys(vector_addresses(listing), 1)
        if not self._writes:
            raise MeasurementError("valgrind runs modelled libraries alone")

    def _of_profile(self, total, lines, program):
        library = self._library.resolve()
        surplus, wrpkru, vectors = (
            model.surplus_of_run(lines, library, weights, program)
            for weights in (self._surplus, self._writes, self._vectors))
        return Count(wrpkru, vectors, total - surplus - wrpkru - vectors)

    def _run(self, place, column, command, variables):
        profile = place.directory / "callgrind.out"
        _, errors = place.run(
            ["/usr/bin/valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
             "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no", *command],
            column, variables)
        found = re.search(r"Collected : (\d+)", errors)
        if not found:
            raise MeasurementError(f"callgrind gave no count\n{errors[-1500:]}")
        with open(profile, encoding="utf-8") as lines:
            return self._of_profile(int(found[1]), lines.readlines(), command[0])

    def per_call(self, place, column, command, calls=_CALLS, variables=None):
        """Of a call; `command` takes the number of calls. Of two runs, so that the
        start of the process falls out."""
        few, many = (self._run(place, column, command(number), variables)
                     for number in (calls, 2 * calls))
        return (many - few) / calls

    def added_per_call(self, place, column, without, added):
        """What a call executes in one command beyond those in another, which start
        alike; both take the number of calls."""
        run, control = (self._run(place, column, each(_CALLS), None)
                        for each in (added, without))
        return (run - control) / _CALLS
