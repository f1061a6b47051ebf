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
Target: //a:x_test Gate.Compares
Target: //a:y_test Gate*.Compares
Machine: pku
Machine: pku-6.1

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
        self.assertEqual(
            mutant.cases, {"//a:x_test": "Gate.Compares", "//a:y_test": "Gate*.Compares"}
        )
        self.assertEqual(mutant.machines, ["pku", "pku-6.1"])

    def test_default_machine_has_keys(self):
        text = _PATCH.replace("Machine: pku\nMachine: pku-6.1\n", "")
        self.assertEqual(mutants.read_mutant(self.write("x.patch", text)).machines, ["pku"])

    def test_incomplete(self):
        for field in ("Removes", "Target"):
            text = _PATCH.replace(f"{field}:", "Other:")
            with self.assertRaisesRegex(mutants.PatchError, field):
                mutants.read_mutant(self.write("x.patch", text))
        text = _PATCH.replace("x_test Gate.Compares", "x_test")
        with self.assertRaisesRegex(mutants.PatchError, "names no case"):
            mutants.read_mutant(self.write("x.patch", text))

    def test_target_named_twice(self):
        text = _PATCH.replace("y_test", "x_test")
        with self.assertRaisesRegex(mutants.PatchError, "named twice"):
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
        patch = _PATCH.replace("Target: //a:y_test Gate*.Compares\n", "")
        mutant = mutants.read_mutant(self.write("x.patch", patch))
        run = results.TargetRun("//a:x_test", status, logs=[self.write("log", log)])
        return mutants.judge(mutant, {"//a:x_test": run})

    def test_failed(self):
        log = "[ RUN      ] Gate.Compares\n[  FAILED  ] Gate.Compares (3 ms)\n"
        self.assertIsNone(self.judge("FAILED", log))

    def test_crashed_in_the_case(self):
        self.assertIsNone(self.judge("FAILED", "[ RUN      ] Gate.Compares\nSegmentation fault\n"))

    def test_passed(self):
        log = "[ RUN      ] Gate.Compares\n[       OK ] Gate.Compares (3 ms)\n"
        self.assertIn("passed without", self.judge("PASSED", log))
        self.assertIn("passed without", self.judge("FAILED", log))

    def test_another_case_failed(self):
        log = "[ RUN      ] Gate.Opens\n[  FAILED  ] Gate.Opens (3 ms)\n"
        self.assertIn("no case Gate.Compares ran", self.judge("FAILED", log))

    def test_broken_machine(self):
        log = "[ RUN      ] Gate.Compares\nvm: the machine ended without a status of the program\n"
        self.assertIn("the machine failed", self.judge("FAILED", log))

    def test_target_that_did_not_run(self):
        mutant = mutants.read_mutant(self.write("x.patch", _PATCH))
        self.assertIn("did not run", mutants.judge(mutant, {}))

    def test_patterns(self):
        log = (
            "[ RUN      ] All/Free.Wild/0\n[       OK ] All/Free.Wild/0 (0 ms)\n"
            "[ RUN      ] All/Free.Wild/1\n[  FAILED  ] All/Free.Wild/1, where ... (0 ms)\n"
        )
        found = mutants.outcomes(log, "All/Free.*")
        self.assertEqual(found, {"All/Free.Wild/0": True, "All/Free.Wild/1": False})

    def test_cases_in_python(self):
        log = (
            "test_good (__main__.CodeTest.test_good) ... ok\n"
            "test_bad (__main__.CodeTest) ... FAIL\n"
            "test_crashes (__main__.CodeTest.test_crashes) ... "
        )
        found = mutants.outcomes(log, "CodeTest.*")
        self.assertEqual(found, {"CodeTest.test_good": True, "CodeTest.test_bad": False,
                                 "CodeTest.test_crashes": False})


if __name__ == "__main__":
    unittest.main()
