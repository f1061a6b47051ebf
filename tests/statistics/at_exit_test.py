#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What processes leave behind with the option stats_json."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

_LIBRARY, _FIELDS = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]

_FIELD = re.compile(r"^BH_(CLASS|HEAP)_FIELD\(\s*(\w+),", re.MULTILINE)


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


def _unique(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError(f"a name twice: {names}")
    return dict(pairs)


def _read(line):
    return json.loads(line, parse_constant=_no_constant, object_pairs_hook=_unique)


class AtExitTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.directory = pathlib.Path(self._directory.name)

    def tearDown(self):
        self._directory.cleanup()

    def run_program(self, path, *command):
        return subprocess.run(
            command,
            check=False,
            env={"LD_PRELOAD": _LIBRARY, "BULKHEAD_OPTIONS": f"stats_json={path}",
                 "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, path):
        text = path.read_text(encoding="utf-8")
        self.assertTrue(text.endswith("\n"))
        return [_read(line) for line in text.splitlines()]

    def check(self, snapshot):
        self.assertEqual(snapshot["schema"], 1)
        self.assertEqual(snapshot["compartments"][0]["name"], "root")
        of_class, of_heap = set(), {"name", "id", "generation", "classes"}
        with open(_FIELDS, encoding="utf-8") as fields:
            for kind, name in _FIELD.findall(fields.read()):
                (of_class if kind == "CLASS" else of_heap).add(name)
        self.assertGreater(len(of_class), 5)
        for heap in snapshot["compartments"]:
            self.assertEqual(set(heap), of_heap)
            self.assertGreater(len(heap["classes"]), 0)
            for size_class in heap["classes"]:
                self.assertEqual(set(size_class), of_class)
                self.assertEqual(
                    size_class["allocations"],
                    sum(size_class[field] for field in ("frees", "live", "cached", "abandoned")))

    def test_one_process(self):
        path = self.directory / "counts"
        result = self.run_program(path, "/bin/ls", "/")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        snapshot, = self.lines(path)
        self.check(snapshot)
        self.assertEqual(snapshot["program"], "/bin/ls")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_each_process_appends_a_line(self):
        path = self.directory / "counts"
        self.run_program(path, "/bin/bash", "-c", "for i in 1 2 3 4; do /bin/ls / & done; wait")
        snapshots = self.lines(path)
        for snapshot in snapshots:
            self.check(snapshot)
        programs = [snapshot["program"] for snapshot in snapshots]
        self.assertEqual(programs.count("/bin/ls"), 4)
        self.assertIn("/bin/bash", programs)
        pids = [snapshot["pid"] for snapshot in snapshots]
        self.assertEqual(len(set(pids)), len(pids))

    def test_a_file_for_each_process(self):
        self.run_program(
            self.directory / "counts-%p.%p-%", "/bin/bash", "-c", "/bin/ls; /bin/ls; :")
        files = sorted(self.directory.iterdir())
        self.assertEqual(len(files), 3)
        for file in files:
            snapshot, = self.lines(file)
            self.assertEqual(file.name, f"counts-{snapshot['pid']}.{snapshot['pid']}-%")

    def test_programs_of_any_name(self):
        path = self.directory / "counts"
        strange = os.fsencode(self.directory) + b'/a "\\\x01\xff\xc3\xa9'
        shutil.copy("/bin/true", strange)
        self.run_program(path, strange)
        snapshot, = self.lines(path)
        self.assertTrue(snapshot["program"].endswith('/a "\\\x01\ufffd\u00e9'), snapshot["program"])

    def test_a_file_that_cannot_be_written(self):
        result = self.run_program("/nowhere/counts", "/bin/true")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(
            result.stderr, "bulkhead: cannot write stats_json=/nowhere/counts (errno 2)\n")

    def test_a_full_disk(self):
        result = self.run_program("/dev/full", "/bin/true")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "bulkhead: cannot write stats_json=/dev/full (errno 28)\n")


if __name__ == "__main__":
    unittest.main()
