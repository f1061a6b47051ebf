# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Bazel, as the test driver calls it."""

import os
import pathlib
import shutil
import subprocess
import sys

from results import read_events

TESTS_FAILED = 3
NO_TESTS_FOUND = 4


class Bazel:
    """Runs Bazel in one workspace.

    Results of tests are kept in a disk cache, since every machine's results
    take the same place in Bazel's output tree.
    """

    def __init__(self, workspace, cache_dir, startup=()):
        self._workspace = pathlib.Path(workspace)
        self._cache_dir = pathlib.Path(cache_dir)
        self._startup = list(startup)

    def _command(self, verb, *arguments):
        progress = [] if sys.stderr.isatty() else ["--show_progress_rate_limit=15"]
        cache = [f"--disk_cache={self._cache_dir / 'bazel'}"]
        if verb in ("query", "shutdown"):
            progress, cache = [], []
        return ["bazel", *self._startup, verb, *progress, *cache, *arguments]

    def output_of(self, verb, *arguments):
        """Standard output of a command that must succeed."""
        return subprocess.run(
            self._command(verb, *arguments),
            cwd=self._workspace,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def build(self, *arguments):
        """Whether the build succeeded."""
        return self._run("build", arguments) == 0

    def _run(self, verb, arguments):
        sys.stdout.flush()
        return subprocess.run(
            self._command(verb, *arguments), cwd=self._workspace, check=False
        ).returncode

    def test(self, labels, flags, keep_in):
        """Runs `labels`; their test.xml and test.log files are moved to `keep_in`.

        Returns Bazel's exit status and label -> TargetRun. A label without a
        TargetRun did not build.
        """
        keep_in = pathlib.Path(keep_in)
        shutil.rmtree(keep_in, ignore_errors=True)
        keep_in.mkdir(parents=True)
        patterns, events = keep_in / "targets", keep_in / "events.json"
        patterns.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
        status = self._run(
            "test",
            [
                *flags,
                "--keep_going",
                "--test_output=summary",
                "--test_summary=terse",
                f"--build_event_json_file={events}",
                f"--target_pattern_file={patterns}",
            ],
        )
        runs = read_events(events) if events.exists() else {}
        for run in runs.values():
            run.xml_files = [_keep(path, keep_in) for path in run.xml_files if path.exists()]
            run.logs = [_keep(path, keep_in) for path in run.logs if path.exists()]
        return status, runs


def _keep(path, directory):
    """Copies one output of a test out of the tree that the next run overwrites."""
    parts = path.parts
    name = "_".join(parts[parts.index("testlogs") + 1 :]) if "testlogs" in parts else path.name
    return pathlib.Path(shutil.copyfile(path, directory / name))


def cache_directory():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "bulkhead"
