# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Where a sample is taken: directory, environment, processes of the run."""

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess

from errors import MeasurementError

# Far above what the slowest column takes of the slowest row.
_SECONDS_AT_MOST = 900


@dataclasses.dataclass(frozen=True)
class Sample:
    seconds: float
    peak_rss_kib: int
    cpu_seconds: float = 0.0


def fields(text):
    """NAME=VALUE words as a dictionary."""
    return dict(re.findall(r"(\w+)=(\S*)", text))


class Place:
    """A directory for the commands of one run, and how they are started."""

    def __init__(self, directory, scale, workloads, measure, inputs):
        self.directory = pathlib.Path(directory)
        self.scale = scale
        self.workloads = workloads
        self.inputs = pathlib.Path(inputs)
        self._measure = measure
        self._report = self.directory / "report"
        self._started = []

    def scaled(self, amount, least=1):
        return max(round(amount * self.scale), least)

    def environment(self, column, extra=None):
        """Nothing of the caller's but Bulkhead's options reaches the commands."""
        variables = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "LC_ALL": "C",
            "TZ": "UTC",
        }
        if "BULKHEAD_OPTIONS" in os.environ:
            variables["BULKHEAD_OPTIONS"] = os.environ["BULKHEAD_OPTIONS"]
        if column:
            variables["LD_PRELOAD"] = str(column.library)
        variables.update(extra or {})
        return variables

    def run(self, command, column, variables=None, stdin=subprocess.DEVNULL):
        """Runs a command to its end: (standard output, standard error).

        Raises MeasurementError where it fails, or the library was not preloaded.
        """
        shown = " ".join(str(word) for word in command)[:120]
        process = self.start(command, column, variables, stdin=stdin)
        try:
            output, errors = process.communicate(timeout=_SECONDS_AT_MOST)
        except subprocess.TimeoutExpired:
            self.end(process)
            raise MeasurementError(f"{shown}: no end after {_SECONDS_AT_MOST} s") from None
        if process.returncode:
            raise MeasurementError(
                f"{shown}: exit status {process.returncode}\n{errors[-1500:]}".strip())
        if "ERROR: ld.so" in errors:
            raise MeasurementError(errors.strip().splitlines()[0])
        return output, errors

    def measured(self, command, column, variables=None, stdin=subprocess.DEVNULL, times=1):
        """Runs a command under `measure`: (Sample, standard output)."""
        self._report.unlink(missing_ok=True)
        output, _ = self.run([self._measure, self._report, times, *command], column,
                             variables, stdin)
        report = fields(self._report.read_text(encoding="utf-8"))
        return Sample(float(report["seconds"]), int(report["peak_rss_kib"]),
                      float(report["cpu_seconds"])), output

    def start(self, command, column, variables=None, stdin=subprocess.DEVNULL):
        words = [str(word) for word in command]
        try:
            process = subprocess.Popen(
                words, cwd=self.directory, env=self.environment(column, variables),
                start_new_session=True, stdin=stdin, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, errors="backslashreplace")
        except OSError as error:
            raise MeasurementError(f"cannot start {words[0]}: {error.strerror}") from error
        self._started.append(process)
        return process

    def end(self, process):
        """Ends a process and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def close(self):
        """Ends what is left of a sample's processes."""
        for process in self._started:
            if process.returncode is None:
                self.end(process)
        self._started.clear()
