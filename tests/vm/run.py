#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Runs one program on an emulated machine. `--help` and README.md say more."""

import argparse
import contextlib
import os
import signal
import sys
import time

# The modules beside this file lie in the source tree, which stays as it is.
sys.dont_write_bytecode = True

import guest
import machine
import packages
import snapshot

_EXIT_USAGE = 2
_EXIT_TIME_LIMIT = 124
_EXIT_NO_STATUS = 125
_DEFAULT_TIME_LIMIT = 300
# What Bazel's own time limit leaves for bringing the results back.
_RESERVE = 10
_CPUS = {"pku": "max", "nopku": "max,-pku"}
_KERNELS = {"6.12": "kernel_6_12", "6.1": "kernel_6_1"}

_DESCRIPTION = """\
Runs PROGRAM with its arguments, as root, on an emulated x86-64 machine that has
protection keys, and exits as it did: its status, or 128 + n when signal n
ended it. The program's runfiles, libraries, arguments and working directory
are there under the same paths, and of the environment TEST_*, GTEST_*,
BULKHEAD_*, XML_OUTPUT_FILE and what --env names.
"""

_EPILOG = """\
A program that needs Debian's programs has among its runfiles a file whose name
ends in .vm_packages, with one package name on each line and # for comments.
Those packages, as installed here, are then the guest's file system.

exit status: the program's own; 2 for wrong use, 124 at the time limit, 125
when the machine ended without a status of the program.

cache of packed packages: $BULKHEAD_VM_CACHE, or $XDG_CACHE_HOME/bulkhead/vm,
or ~/.cache/bulkhead/vm, or else a directory of the user's own in /var/tmp or
/tmp: the first that can be written to.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"vm: {message}; see --help", file=sys.stderr)
        sys.exit(_EXIT_USAGE)


def _seconds(text):
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError
    return value


def _memory(text):
    if not text[:-1].isdigit() or text[-1] not in "MG":
        raise ValueError
    return text


def _parser():
    parser = _Parser(
        prog="run", usage="run [--OPTION=VALUE ...] [--] PROGRAM [ARG ...]",
        description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", choices=_KERNELS, default="6.12",
        help="Linux version (default: 6.12)")
    add("--cpu", choices=_CPUS, default="pku",
        help="with protection keys or without (default: pku)")
    add("--memory", metavar="SIZE", type=_memory, default="2G",
        help="the machine's memory, as 512M or 2G (default: 2G)")
    add("--timeout", metavar="SECONDS", type=_seconds,
        help="time limit (default: a little less than $TEST_TIMEOUT, or "
        f"{_DEFAULT_TIME_LIMIT})")
    add("--env", metavar="NAME[=VALUE]", action="append", default=[],
        help="set in the guest, or pass on; may be repeated")
    add("--file", metavar="PATH", action="append", default=[],
        help="a file or directory to have there too; may be repeated")
    add("--back", metavar="PATH", action="append", default=[],
        help="a file or directory to bring back afterwards; may be repeated")
    add("--packages", metavar="NAME,...", default="",
        help="Debian packages to have there too")
    add("--console", action="store_true",
        help="show the kernel's console on stderr, all of it")
    add("--quiet", action="store_true",
        help="do not say which machine it was")
    return parser


def _parse(argv):
    """(options, program with arguments); exits on wrong use."""
    split = 0
    while split < len(argv) and argv[split].startswith("-"):
        split += 1
        if argv[split - 1] == "--":
            break
    own, command = argv[:split], argv[split:]
    if own and own[-1] == "--":
        own.pop()
    parser = _parser()
    options = parser.parse_args(own)
    if not command:
        parser.error("no PROGRAM given (options are written --NAME=VALUE)")
    return options, command


def _time_limit(options, spent):
    """Seconds for the run; `spent` have passed since the runner began."""
    if options.timeout:
        return options.timeout
    given = os.environ.get("TEST_TIMEOUT", "")
    if not given.isdigit():
        return _DEFAULT_TIME_LIMIT
    return max(int(given) - _RESERVE, int(given) * 0.8) - spent


def _say(text):
    sys.stdout.flush()
    print(f"vm: {text}", file=sys.stderr, flush=True)


def _write(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def _show_console(data):
    _write(2, data)


class _Results:
    """Puts the frames of one run where the host expects them."""

    def __init__(self):
        self._file = None
        self.started = False
        self.status = None
        self.failure = None

    def take(self, kind, payload):
        if kind == b"o":
            _write(1, payload)
        elif kind == b"e":
            _write(2, payload)
        elif kind == b"F":
            self.close()
            path = os.fsdecode(payload)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._file = open(path, "wb")
        elif kind == b"f":
            self._file.write(payload)
        elif kind == b"S":
            self.started = True
        elif kind == b"X":
            self.status = int.from_bytes(payload, "little")
        elif kind == b"L":
            self.failure = os.fsdecode(payload)

    def close(self):
        if self._file:
            self._file.close()
            self._file = None


def _follow(options, emulated, results, limit):
    """None when the program's status has come, else the runner's own."""
    try:
        for kind, payload in emulated.frames(time.monotonic() + limit):
            results.take(kind, payload)
            if results.status is not None:
                return None
    except machine.TimeLimit:
        _say(f"time limit of {round(limit, 1):g} seconds: "
             "the machine was stopped")
        return _EXIT_TIME_LIMIT
    except machine.MachineError:
        _say("the machine ended without a status of the program" +
             (f": {results.failure}" if results.failure else ""))
        if not options.console:
            for line in emulated.console_tail():
                _say(f"console: {line}")
        return _EXIT_NO_STATUS
    finally:
        results.close()


def _run(options, command):
    started = time.monotonic()
    kernel = snapshot.Kernel(
        os.path.dirname(guest.runfile(f"{_KERNELS[options.kernel]}/vmlinuz")))
    cpu = _CPUS[options.cpu]
    cache = guest.cache_directory()
    results = _Results()
    with snapshot.saved_state(
            kernel, guest.runfile("bulkhead/tests/vm/init"), cpu,
            options.memory, cache) as state, guest.Guest(
                command, options, cache) as prepared:
        snapshot.keep_recent(
            cache, *filter(None, (state.name, prepared.packages)))
        with machine.Machine(
                cpu, options.memory, prepared.disks,
                machine.saved_start(state.fileno()), [state.fileno()],
                _show_console if options.console else None) as emulated:
            if not options.quiet:
                _say(f"{kernel.version}, emulated, cpu={options.cpu}")
            emulated.go()
            limit = _time_limit(options, time.monotonic() - started)
            ended = _follow(options, emulated, results, limit)
    if ended is not None:
        if not results.started:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(state.name)
            _say("the program was not started; the saved state of the machine "
                 "is removed, so that the next run boots it anew")
        return ended
    if os.WIFSIGNALED(results.status):
        number = os.WTERMSIG(results.status)
        _say(f"{command[0]} was ended by signal {number} "
             f"({signal.strsignal(number)})")
        return 128 + number
    return os.WEXITSTATUS(results.status)


def main(argv):
    options, command = _parse(argv)
    try:
        return _run(options, command)
    except (guest.GuestError, packages.PackageError) as error:
        _say(str(error))
        return _EXIT_USAGE
    except machine.MachineError as error:
        _say(f"the machine does not boot: {error}")
        return _EXIT_NO_STATUS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
