# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a modelled library executes in place of WRPKRU and RDPKRU.

The model of WRPKRU is some thirty instructions, so a count of instructions
would be of the model and not of the code that is shipped. The places are found
in the library itself: two fences with dependent additions between them, and the
store behind them, which tells where the modelled register lies.
"""

import re
import subprocess

from errors import MeasurementError

# xor ecx, ecx; xor edx, edx; wrpkru. Where the registers are 0, wrpkru alone: the
# model clears edx behind its store then, which it used.
_WRITE_SHIPPED, _BARE_WRITE_SHIPPED = 3, 1
# The load is one; shipped it is xor ecx, ecx; rdpkru.
_READ_SURPLUS = -1

_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*?)\s*$")
_ADDITION = re.compile(r"add\s+\$0x1,%edx$")
_STORE = re.compile(r"mov\s+%eax,%gs:(0x[0-9a-f]+)$")
_LOAD = re.compile(r"mov\s+%gs:(0x[0-9a-f]+),%\w+$")
_CLEAR_EDX = re.compile(r"xor\s+%edx,%edx$")
_COST = re.compile(r"^0x([0-9a-f]+) \d+ (\d+)$")


def _writes(instructions):
    """(index of the first fence, index of the store, where it stores)."""
    for at, (_, text) in enumerate(instructions):
        if text != "lfence":
            continue
        end = at + 2
        while end < len(instructions) and _ADDITION.match(instructions[end][1]):
            end += 1
        if end == at + 2 or end + 1 >= len(instructions) or instructions[end][1] != "lfence":
            continue
        store = _STORE.match(instructions[end + 1][1])
        if store:
            yield at, end + 1, store[1]


def _instructions(listing):
    """(address, text) of what objdump lists."""
    matches = map(_INSTRUCTION.match, listing.splitlines())
    return [(int(match[1], 16), match[2]) for match in matches if match]


def writes_by_address(listing):
    """Where each WRPKRU that is modelled begins."""
    instructions = _instructions(listing)
    return {instructions[first][0] for first, _, _ in _writes(instructions)}


def surplus_by_address(listing):
    """Address -> instructions of the model beyond those that it stands for, each
    time that the instruction there is executed. Empty where nothing is modelled."""
    instructions = _instructions(listing)
    surplus, registers = {}, set()
    for first, last, register in _writes(instructions):
        following = instructions[last + 1][1] if last + 1 < len(instructions) else ""
        bare = _CLEAR_EDX.match(following)
        surplus[instructions[first][0]] = (
            last + 2 - first - _BARE_WRITE_SHIPPED if bare else last + 1 - first - _WRITE_SHIPPED)
        registers.add(register)
    for at, (address, text) in enumerate(instructions):
        load = _LOAD.match(text)
        if not load or load[1] not in registers:
            continue
        # Assembly clears edx behind the load, so that it is two here as well.
        following = instructions[at + 1][1] if at + 1 < len(instructions) else ""
        if not _CLEAR_EDX.match(following):
            surplus[address] = _READ_SURPLUS
    return surplus


def listing(library):
    """objdump's, of a library. Raises MeasurementError."""
    result = subprocess.run(
        ["objdump", "--disassemble", "--no-show-raw-insn", library],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise MeasurementError(f"objdump of {library}: {result.stderr.strip()}")
    return result.stdout


def of_library(library):
    return surplus_by_address(listing(library))


def surplus_of_run(profile, library, surplus, program=None):
    """The surplus of a whole run, or another weight that instructions have by
    address. `profile` are lines of callgrind's output with addresses, and with
    neither these nor names compressed.

    What the library executes after it has changed stacks, callgrind may take for
    its caller's, the program's: there the addresses lie beyond the file's end.
    """
    end = program.stat().st_size if program else None
    total, least = 0, None
    for line in profile:
        if line.startswith("ob="):
            name = line.rstrip("\n")[len("ob="):]
            if name == str(library):
                least = 0
            else:
                least = end if program and name == str(program) else None
        elif least is not None:
            cost = _COST.match(line)
            if cost and int(cost[1], 16) >= least:
                total += surplus.get(int(cost[1], 16), 0) * int(cost[2])
    return total
