#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The closing line names the worst check, what is measured exists, and every row
runs. Nothing here holds a time to anything."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
_HERE = pathlib.Path(__file__).parent
sys.path[0:0] = [str(_HERE), str(_HERE.parent / "gate"), str(_HERE.parent / "malloc")]

import machine
import main
import rows
import tables

_CALLS, _LIBRARY, _MODELLED = sys.argv[1:4]
del sys.argv[1:]


class OutputTest(unittest.TestCase):
    samples = {row: [main.Sample(100.0, 100.0 + number), main.Sample(100.0, 102.0 + number)]
               for number, row in enumerate(rows.ROWS)}

    def test_closing_line(self):
        worst = [row for row in rows.ROWS if row.is_check][-1]
        added = rows.ROWS.index(worst) + 1.0
        self.assertEqual(main.closing(self.samples),
                         f"bench mapping: worst_check_ns={added:.1f} call={worst.call} "
                         f"where={worst.where}")

    def test_every_row_is_shown(self):
        text = "".join(map(tables.text, main.shown(self.samples, {rows.ROWS[0]: 12.0})))
        for row in rows.ROWS:
            self.assertIn(f"{row.call}, {rows.PLACES[row.where]} ", text)
        self.assertEqual(text.count("n/a"), len(rows.ROWS) - 1)

    def test_help(self):
        usage = (_HERE / "usage.txt").read_text(encoding="utf-8")
        for action in main.parser()._actions:
            self.assertIn(action.option_strings[0], usage)


class CallsTest(unittest.TestCase):
    def run_calls(self, *arguments, library=_LIBRARY):
        preloaded = {"LD_PRELOAD": str(pathlib.Path(library).resolve())} if library else {}
        return subprocess.run([_CALLS, *arguments], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, **preloaded})

    def test_every_row(self):
        known = self.run_calls("--list").stdout.splitlines()
        self.assertEqual([line.partition("\t")[0] for line in known], list(rows.CALLS))
        for row in rows.ROWS:
            # Without keys there are no sandboxes.
            shipped = machine.here().has_keys or row.where not in (rows.BESIDE, rows.SANDBOX)
            for library in [_MODELLED] + [_LIBRARY] * shipped:
                done = self.run_calls(f"--call={row.call}", f"--where={row.where}",
                                      "--calls=300", "--way=both", library=library)
                self.assertEqual((done.returncode, done.stderr), (0, ""), (row, library))
                self.assertRegex(done.stdout, r"^libc_ns=\d+\.\d+ bulkhead_ns=\d+\.\d+\n$")

    def test_wrong_use(self):
        for arguments in (["--call=x"], ["--call=mmap", "--way=both", "--calls=1", "--where=x"],
                          ["--call=mmap", "--way=both", "--calls=0", "--where=root"]):
            self.assertEqual(self.run_calls(*arguments).returncode, 2, arguments)
        done = self.run_calls("--call=mmap", "--way=both", "--calls=1", "--where=alone",
                              library=None)
        self.assertIn("not preloaded", done.stderr)


if __name__ == "__main__":
    unittest.main()
