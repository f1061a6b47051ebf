# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Runs a row's work twice, without Bulkhead and on it, and compares.

A row is a function of a Run. What its commands print is compared between the
two runs, and the counts that Bulkhead leaves at each process's exit show that it
served the programs which the row names.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import selectors
import signal
import subprocess
import time
import typing

_STATS_LINE = re.compile(
    r"bulkhead: pid=(\d+) program=(\S+) backend=(\S+) "
    r"allocations=(\d+) frees=(\d+)$"
)
_EMULATED_SCALE = 20
_NATIVE_TIMEOUT = 120
_EMULATED_TIMEOUT = 900


class RowFailure(Exception):
    """The row's work went wrong; the text says how."""


def expect(condition, message):
    if not condition:
        raise RowFailure(message)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    # Regular expressions of the names of programs that Bulkhead must serve.
    programs: tuple
    work: typing.Callable


def is_emulated():
    """Whether this machine's processor is QEMU's software emulation."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return any(
            line.startswith("model name") and "QEMU TCG" in line for line in lines
        )


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much smaller the work is made, and why."""

    divisor: int
    reason: str
    timeout: int

    @staticmethod
    def here():
        given = os.environ.get("BULKHEAD_TEST_SCALE", "")
        timeout = _EMULATED_TIMEOUT if is_emulated() else _NATIVE_TIMEOUT
        if given:
            if not given.isdigit() or int(given) < 1:
                raise ValueError(
                    f"BULKHEAD_TEST_SCALE='{given}' is not a whole number from 1"
                )
            return Scale(int(given), "BULKHEAD_TEST_SCALE says so", timeout)
        if is_emulated():
            return Scale(_EMULATED_SCALE, "the processor is emulated", timeout)
        return Scale(1, "the processor is real", timeout)


class Run:
    """One run of a row's work, in a directory of its own.

    `library` is None in the control. Commands run with the directory as their
    working directory and home; `transcript` collects what is to be the same in
    both runs.
    """

    def __init__(self, directory, library, scale):
        self.directory = pathlib.Path(directory)
        self.scale = scale
        self.transcript = []
        self._library = library
        self._stats = self.directory / "stats"
        self._started = []
        (self.directory / "work").mkdir(parents=True)

    @property
    def work(self):
        return self.directory / "work"

    def scaled(self, amount, least=1):
        return max(amount // self.scale.divisor, least)

    def environment(self, extra=None):
        variables = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "LC_ALL": "C",
            "TZ": "UTC",
        }
        if self._library:
            variables["LD_PRELOAD"] = str(self._library)
            variables["BULKHEAD_OPTIONS"] = f"stats_path={self._stats}"
        variables.update(extra or {})
        return variables

    def run(self, *command, stdin="", variables=None, compare=True, normal=None,
            status=0):
        """Runs a command to its end and returns its standard output.

        Raises RowFailure when it exits otherwise than with `status`. `normal` is
        a function that takes what differs from run to run out of the output;
        with `compare` off, the output is not compared at all.
        """
        words = [str(word) for word in command]
        shown = " ".join(words)[:200]
        process = self._start(words, variables, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(
                stdin.encode(), timeout=self.scale.timeout)
        except subprocess.TimeoutExpired:
            self._end(process)
            raise RowFailure(
                f"{shown}: no end after {self.scale.timeout} s") from None
        output = output.decode(errors="backslashreplace")
        errors = errors.decode(errors="backslashreplace")
        expect(process.returncode == status,
               f"{shown}: exit status {process.returncode}, not {status}\n"
               f"{output[-2000:]}{errors[-4000:]}")
        if compare:
            for text in (output, errors):
                self.note(shown, normal(text) if normal else text)
        return output

    def note(self, what, value):
        """Adds something to what is compared."""
        self.transcript.append(tuple(
            str(part).replace(str(self.directory), "DIRECTORY")
            for part in (what, value)))

    def start(self, *command, variables=None):
        """Starts a command that stays; returns a Server."""
        words = [str(word) for word in command]
        process = self._start(words, variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return Server(words[0], process, self.scale.timeout)

    def close(self):
        for process in self._started:
            self._end(process)

    def stats(self):
        """[(program, backend, allocations, frees)] of the processes that ended."""
        found = []
        if not self._stats.exists():
            return found
        for line in self._stats.read_text().splitlines():
            match = _STATS_LINE.match(line)
            expect(match, f"not a line of counts: {line!r}")
            found.append((match[2], match[3], int(match[4]), int(match[5])))
        return found

    def _start(self, words, variables, **streams):
        process = subprocess.Popen(
            words, cwd=self.work, env=self.environment(variables),
            start_new_session=True, **streams)
        self._started.append(process)
        return process

    @staticmethod
    def _end(process):
        # Its whole group: what it started must not outlive the row.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


class Server:
    """A program that runs beside others."""

    def __init__(self, name, process, timeout):
        self._name = name
        self._process = process
        self._timeout = timeout
        self._text = b""

    def wait_for(self, text):
        """Reads on until `text` has come, and forgets what came up to there."""
        wanted = text.encode()
        deadline = time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while wanted not in self._text:
                left = deadline - time.monotonic()
                expect(left > 0 and selector.select(left),
                       self._failure(f"never said {text!r}"))
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                expect(data, self._failure(f"ended before it said {text!r}"))
                self._text += data
        self._text = self._text.partition(wanted)[2]

    def wait(self):
        """Returns the exit status once the program has ended by itself."""
        try:
            output, _ = self._process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise RowFailure(self._failure("did not end")) from None
        self._text += output
        expect(self._process.returncode == 0,
               self._failure(f"exit status {self._process.returncode}"))

    def _failure(self, what):
        return f"{self._name} {what}\n{self._text.decode(errors='replace')[-4000:]}"


def _check_served(row, run):
    lines = run.stats()
    listing = "\n".join(str(line) for line in lines) or "(none)"
    for program in row.programs:
        served = [line for line in lines if re.fullmatch(program, line[0])]
        expect(served, f"Bulkhead left no counts of {program}; it has\n{listing}")
        for name, _, allocations, frees in served:
            expect(allocations > 0, f"Bulkhead served {name} nothing")
            expect(frees <= allocations,
                   f"{name}: {frees} frees of {allocations} allocations")
    backends = {backend for _, backend, _, _ in lines}
    expect(len(backends) == 1, f"several backends at once: {sorted(backends)}")
    return len(lines), backends.pop()


def _first_difference(control, bulkhead):
    for (what, expected), (same, found) in zip(control, bulkhead):
        if (what, expected) != (same, found):
            return (f"{what}: without Bulkhead\n{expected[-2000:]}\n"
                    f"on Bulkhead\n{found[-2000:]}")
    return f"{len(control)} results without Bulkhead, {len(bulkhead)} on it"


def run_row(row, directory, library, scale):
    """Runs the row both ways. Returns a line that says what was seen.

    Raises RowFailure.
    """
    seconds = {}
    runs = {}
    for name, preload in (("control", None), ("bulkhead", library)):
        begin = time.monotonic()
        run = Run(pathlib.Path(directory) / name, preload, scale)
        try:
            row.work(run)
        except FileNotFoundError as error:
            raise RowFailure(f"{error.filename} is not installed; "
                             "programs.vm_packages lists what is needed") from error
        except RowFailure as failure:
            raise RowFailure(f"[{name}] {failure}") from failure
        finally:
            run.close()
        seconds[name] = time.monotonic() - begin
        runs[name] = run
    expect(not runs["control"].stats(), "the control ran on Bulkhead")
    control, bulkhead = (runs[name].transcript for name in ("control", "bulkhead"))
    expect(control == bulkhead, _first_difference(control, bulkhead))
    processes, backend = _check_served(row, runs["bulkhead"])
    return (f"{processes} processes served, backend {backend}, "
            f"{seconds['bulkhead']:.1f} s "
            f"(control {seconds['control']:.1f} s)")
