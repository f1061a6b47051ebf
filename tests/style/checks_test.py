#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Each check of the source tree sees what it is there to see."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import clang_format
import defences
import instructions
import layering
import layout
import links
import patches
import shell
import source_tree

_HEADER = "// Copyright 2026 The Bulkhead Authors\n// SPDX-License-Identifier: Apache-2.0\n"


class TreeTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)

    def problems(self, check, **files):
        """What `check` says of a tree of the files; __ in a name stands for /."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(check(source_tree.SourceTree(self.root)))

    def test_ignored_files_do_not_belong_to_the_tree(self):
        problems = self.problems(
            layout.check_header, _dot_gitignore="scratch.cc\n", scratch_dot_cc="int x;\n"
        )
        self.assertEqual(problems, [])

    def test_top_level(self):
        self.assertEqual(self.problems(layout.check_top_level, README_dot_md="", docs__a=""), [])
        (problem,) = self.problems(layout.check_top_level, stray="")
        self.assertTrue(problem.startswith("stray:"))

    def test_length(self):
        self.assertEqual(self.problems(layout.check_length, a_dot_cc="\n" * 500), [])
        (problem,) = self.problems(layout.check_length, b_dot_cc="\n" * 501)
        self.assertTrue(problem.startswith("b.cc: 501 lines"))

    def test_header(self):
        self.assertEqual(self.problems(layout.check_header, a_dot_cc=_HEADER), [])
        self.assertEqual(len(self.problems(layout.check_header, b_dot_cc="int x;\n")), 1)
        self.assertEqual(len(self.problems(layout.check_header, c="#!/bin/bash\ntrue\n")), 2)

    def test_unfinished(self):
        word = "TO" + "DO"
        (problem,) = self.problems(layout.check_unfinished, a_dot_cc=f"int x;\n// {word}: more\n")
        self.assertEqual(problem, f"a.cc:2: {word}: finish it, or leave it out")

    def test_format(self):
        _format = "BasedOnStyle: Google\n"
        files = {"_dot_clang-format": _format, "a_dot_cc": "int x;\n"}
        self.assertEqual(self.problems(clang_format.check, **files), [])
        self.assertEqual(len(self.problems(clang_format.check, b_dot_cc="int   x ;\n")), 1)

    def test_shell(self):
        self.assertEqual(self.problems(shell.check, a="#!/bin/bash\necho \"$1\"\n"), [])
        problems = self.problems(shell.check, b="#!/bin/bash\necho $1\n")
        self.assertIn("SC2086", "\n".join(problems))

    def test_links(self):
        files = {
            "a__BUILD": 'family_test(name = "x")\n',
            "a__x_test_dot_cc": "TEST_F(GateTest, Closes) {}\n",
            "b_dot_md": "# Two words, `one` comma\n",
            "c__good_dot_md": "[b](../b.md#two-words-one-comma) [w](https://w) `//a:x_run`\n"
            "`//a:x_test.cc` `GateTest.Closes`\n\n    Target: //a:made_up\n",
        }
        self.assertEqual(self.problems(links.check, **files), [])
        bad = "[x](no.md)\n[b](../b.md#none)\n//a:none //none:x\n`GateTest.Opens` `NoTest.Runs`\n"
        problems = self.problems(links.check, c__good_dot_md=bad)
        self.assertEqual(len(problems), 6, problems)
        self.assertEqual(problems[0], "c/good.md:1: there is no c/no.md")


class DefencesTest(TreeTest):
    _PATCH = "Removes: it\nTarget: //a:x_test {}\n\n--- a/x\n"
    _TABLE = (
        "| attack | attacker | defence | tests | mutants |\n"
        "| --- | --- | --- | --- | --- |\n"
    )

    def tree(self, pattern, row):
        return self.problems(
            defences.check,
            a__BUILD='name = "x_test"\n',
            a__x_test_dot_cc="TEST(GateTest, Closes) {}\nTEST_P(FreeTest, IsReported) {}\n",
            tests__mutants__open_dot_patch=self._PATCH.format(pattern),
            docs__attacks_dot_md=self._TABLE + row,
        )

    def test_all_is_there(self):
        row = "| jump | A1 | it closes | `GateTest.Closes` | `open` |\n"
        for pattern in ("GateTest.Closes", "Gate*.*", "All/FreeTest.IsReported/*", "*Free*"):
            self.assertEqual(self.tree(pattern, row), [], pattern)

    def test_a_case_that_is_not_there(self):
        row = "| jump | A2 | none | - | `open` |\n"
        for pattern in ("GateTest.Opens", "All/FreeTest.Is/*", "*None*"):
            (problem,) = self.tree(pattern, row)
            self.assertIn("no case is called " + pattern, problem)

    def test_an_attack_without_a_test(self):
        (problem,) = self.tree("GateTest.*", "| jump | A1 | none | - | `open` |\n")
        self.assertIn("without a test", problem)

    def test_mutants_unnamed_and_unknown(self):
        problems = self.tree("GateTest.*", "| jump | A1 | x | `GateTest.Closes` | `shut` |\n")
        self.assertEqual(len(problems), 2, problems)
        self.assertIn("there is no mutant shut", problems[0])
        self.assertIn("no page names it", problems[1])

    def test_a_column_too_few(self):
        (problem,) = self.tree("GateTest.*", "| `open` | A2 | none | - |\n")
        self.assertIn("4 columns", problem)


class PatchesTest(unittest.TestCase):
    _PATCH = "Removes: it\n\n--- a/x.cc\n+++ b/x.cc\n@@ -1,3 +1,2 @@\n one\n-two\n three\n"

    def problems(self, text):
        return list(patches.problems_of("p", self._PATCH, {"x.cc": text}.get))

    def test_applies_wherever_the_lines_are(self):
        self.assertEqual(self.problems("zero\none\ntwo\nthree\n"), [])

    def test_other_lines(self):
        (problem,) = self.problems("one\n  two\nthree\n")
        self.assertIn("does not apply to x.cc", problem)

    def test_no_file(self):
        (problem,) = self.problems(None)
        self.assertIn("no file x.cc", problem)


class LayeringTest(unittest.TestCase):
    def includes(self, path, included):
        return list(layering.problems_of(path, f'#include "{included}"\n'))

    def test_downwards_and_within(self):
        self.assertEqual(self.includes("isolation/gate/x.cc", "isolation/base/ids.h"), [])
        self.assertEqual(self.includes("isolation/gate/x.cc", "isolation/gate/call.h"), [])
        self.assertEqual(self.includes("allocator/heap/x.cc", "isolation/domain/cages.h"), [])
        self.assertEqual(self.includes("isolation/arch/x.h", "bulkhead/bulkhead.h"), [])
        self.assertEqual(self.includes("isolation/base/x.h", "absl/base/attributes.h"), [])

    def test_upwards(self):
        self.assertTrue(self.includes("isolation/base/x.cc", "isolation/gate/call.h"))
        self.assertTrue(self.includes("isolation/api/x.cc", "allocator/heap/heap.h"))
        self.assertTrue(self.includes("allocator/entry/x.cc", "tests/attacks/x.h"))

    def test_directory_without_a_layer(self):
        self.assertTrue(self.includes("isolation/unheard_of/x.cc", "isolation/base/ids.h"))
        self.assertTrue(self.includes("isolation/gate/x.cc", "isolation/unheard_of/x.h"))

    def test_comment_is_no_include(self):
        text = '// #include "isolation/gate/call.h"\n'
        self.assertEqual(list(layering.problems_of("isolation/base/x.cc", text)), [])


class InstructionsTest(unittest.TestCase):
    def found(self, text, path="isolation/gate/x.cc"):
        return bool(list(instructions.problems_of(path, text)))

    def test_ways_to_write_them(self):
        self.assertTrue(self.found('asm volatile("wrpkru");'))
        self.assertTrue(self.found('asm volatile("WRPKRU");'))
        self.assertTrue(self.found('asm volatile("xrstor64 %0");'))
        self.assertTrue(self.found("_wrpkru(0);"))
        self.assertTrue(self.found("__builtin_ia32_wrpkru(0);"))
        self.assertTrue(self.found("pkey_set(1, 0);"))
        self.assertTrue(self.found('asm(".byte 0x0f, 0x01, 0xef");'))
        self.assertTrue(self.found('asm(".byte 0xF,0x1,0xEF");'))

    def test_what_is_no_instruction(self):
        self.assertFalse(self.found("// after every WRPKRU"))
        self.assertFalse(self.found("rdpkru();"))
        self.assertFalse(self.found("enum { kMyPkruWriter };"))

    def test_where_they_may_stand(self):
        self.assertFalse(self.found("wrpkru", "isolation/arch/gate.S"))
        self.assertFalse(self.found('asm("wrpkru");', "tests/attacks/x.cc"))
        self.assertTrue(self.found("wrpkru", "isolation/gate/gate.S"))
        self.assertTrue(self.found('asm("wrpkru");', "isolation/arch/x.h"))


if __name__ == "__main__":
    unittest.main()
