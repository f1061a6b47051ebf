#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a mutant says of itself, where it is applied, and when it counts."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import mutants
import results

_PATCH = """\
Removes: the comparison after the write
Target: //a:x_test
Target: //a:y_test
Machine: pku
Machine: pku-6.1
Expect: Gate\\.Compares

--- a/gate.cc
+++ b/gate.cc
@@ -1,2 +1 @@
 int opened;
-int compared;
"""


class MutantsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


class HeaderTest(MutantsTest):
    def test_fields(self):
        mutant = mutants.read_mutant(self.write("no_compare.patch", _PATCH))
        self.assertEqual(mutant.name, "no_compare")
        self.assertEqual(mutant.removes, "the comparison after the write")
        self.assertEqual(mutant.targets, ["//a:x_test", "//a:y_test"])
        self.assertEqual(mutant.machines, ["pku", "pku-6.1"])
        self.assertEqual(mutant.expect, "Gate\\.Compares")

    def test_default_machine_has_keys(self):
        text = _PATCH.replace("Machine: pku\nMachine: pku-6.1\n", "")
        self.assertEqual(mutants.read_mutant(self.write("x.patch", text)).machines, ["pku"])

    def test_incomplete(self):
        for field in ("Removes", "Target", "Expect"):
            text = _PATCH.replace(f"{field}:", "Other:")
            with self.assertRaisesRegex(mutants.PatchError, field):
                mutants.read_mutant(self.write("x.patch", text))

    def test_unknown_machine(self):
        with self.assertRaisesRegex(mutants.PatchError, "moon"):
            mutants.read_mutant(self.write("x.patch", _PATCH.replace("pku-6.1", "moon")))


class ScratchTest(MutantsTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["git", "init", "-q", self.directory / "tree"], check=True)
        self.write("tree/gate.cc", "int opened;\nint compared;\n")
        self.scratch = mutants.Scratch(self.directory / "tree", self.directory / "copy")
        self.scratch.refresh()

    def copy(self):
        return (self.directory / "copy" / "gate.cc").read_text(encoding="utf-8")

    def test_applied_and_taken_back(self):
        patch = self.write("x.patch", _PATCH)
        self.assertIsNone(self.scratch.apply(patch))
        self.assertEqual(self.copy(), "int opened;\n")
        self.write("copy/left_over.cc", "")
        self.scratch.refresh()
        self.assertEqual(self.copy(), "int opened;\nint compared;\n")
        self.assertFalse((self.directory / "copy" / "left_over.cc").exists())

    def test_stale_patch(self):
        patch = self.write("x.patch", _PATCH.replace("compared", "measured"))
        self.assertIsNotNone(self.scratch.apply(patch))

    def test_equal_files_stay_untouched(self):
        before = (self.directory / "copy" / "gate.cc").stat().st_ino
        self.scratch.refresh()
        self.assertEqual((self.directory / "copy" / "gate.cc").stat().st_ino, before)


class JudgeTest(MutantsTest):
    def judge(self, status, log):
        patch = _PATCH.replace("Target: //a:y_test\n", "")
        mutant = mutants.read_mutant(self.write("x.patch", patch))
        run = results.TargetRun("//a:x_test", status, logs=[self.write("log", log)])
        return mutants.judge(mutant, "pku", {"//a:x_test": run})

    def test_red_for_the_right_reason(self):
        self.assertIsNone(self.judge("FAILED", "[  FAILED  ] Gate.Compares\n"))

    def test_green(self):
        self.assertIn("passed without", self.judge("PASSED", "[  OK  ] Gate.Compares\n"))

    def test_red_for_another_reason(self):
        self.assertIn("does not match", self.judge("FAILED", "[  FAILED  ] Gate.Opens\n"))

    def test_broken_machine_is_not_red(self):
        log = "Gate.Compares\nvm: the machine ended without a status of the program\n"
        self.assertIn("the machine failed", self.judge("FAILED", log))

    def test_target_that_did_not_run(self):
        mutant = mutants.read_mutant(self.write("x.patch", _PATCH))
        self.assertIn("did not run", mutants.judge(mutant, "pku", {}))


if __name__ == "__main__":
    unittest.main()
