#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the driver selects, reads and counts."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fuzz
import machines
import main
import report
import results
import suite

_QUERY = """<?xml version="1.1" encoding="UTF-8" standalone="no"?>
<query version="2">
  <rule class="cc_test" name="//b:plain_test"><string name="size" value="small"/></rule>
  <rule class="sh_test" name="//a:host_test">
    <list name="tags"><string value="no-vm"/></list>
  </rule>
  <rule class="sh_test" name="//d:calm_test">
    <list name="tags"><string value="no-timer"/></list>
  </rule>
  <rule class="sh_test" name="//c:slow_test">
    <list name="tags"><string value="manual"/></list>
  </rule>
</query>
"""

_GTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" time="0.1" name="AllTests">
  <testsuite name="Gate" tests="4">
    <testcase name="Opens" status="run" result="completed" classname="Gate" />
    <testcase name="Closes" status="run" result="completed" classname="Gate">
      <failure message="x.cc:7&#x0A;it stayed open" type=""><![CDATA[x.cc:7]]></failure>
    </testcase>
    <testcase name="Keys" status="run" result="skipped" classname="Gate">
      <skipped message="x.cc:9&#x0A;no keys here"><![CDATA[x.cc:9 no keys here]]></skipped>
    </testcase>
    <testcase name="DISABLED_Old" status="notrun" result="suppressed" classname="Gate" />
  </testsuite>
</testsuites>
"""


def _machine(name, native_has_keys=False):
    (found,) = machines.select_machines([name], native_has_keys)
    return found


class MachinesTest(unittest.TestCase):
    def names(self, *arguments):
        return [machine.name for machine in machines.select_machines(*arguments)]

    def test_some_machine_lacks_keys_whatever_this_one_has(self):
        self.assertEqual(self.names([], False), ["native", "pku", "pku-6.1", "timer"])
        self.assertEqual(self.names([], True), ["native", "pku", "pku-6.1", "nopku", "timer"])

    def test_named(self):
        self.assertEqual(self.names(["pku-6.1", "native"], False), ["native", "pku-6.1"])
        with self.assertRaisesRegex(ValueError, "pku-7"):
            self.names(["pku-7"], False)


class SelectTest(unittest.TestCase):
    targets = suite.parse_query(_QUERY)
    reasons = {"//a:*": "it starts machines itself", "//d:*": "no timer reaches it"}

    def test_native(self):
        selection = suite.select(self.targets, _machine("native"), self.reasons)
        self.assertEqual(selection.selected, ["//a:host_test", "//b:plain_test", "//d:calm_test"])
        self.assertEqual(list(selection.excluded), ["//c:slow_test"])

    def test_emulated(self):
        selection = suite.select(self.targets, _machine("pku"), self.reasons)
        self.assertEqual(selection.selected, ["//b:plain_test", "//d:calm_test"])
        self.assertEqual(selection.excluded["//a:host_test"], "it starts machines itself")
        self.assertEqual(selection.problems, [])

    def test_timed(self):
        selection = suite.select(self.targets, _machine("timer"), self.reasons)
        self.assertEqual(selection.selected, ["//b:plain_test"])
        self.assertEqual(selection.excluded["//a:host_test"], "it starts machines itself")
        self.assertEqual(selection.excluded["//d:calm_test"], "no timer reaches it")

    def test_skips(self):
        # Some cases change a setting of the whole machine.
        self.assertTrue(_machine("native", native_has_keys=True).may_skip)
        self.assertFalse(_machine("pku").may_skip)
        self.assertFalse(_machine("pku-6.1", native_has_keys=True).may_skip)

    def test_exclusion_without_a_reason(self):
        selection = suite.select(self.targets, _machine("pku"), {})
        self.assertEqual(len(selection.problems), 1)

    def test_attacks_cannot_be_excluded(self):
        attack = suite.Target("//tests/attacks:scan_test", frozenset({"no-vm"}))
        selection = suite.select([attack], _machine("pku"), {"//*": "it is slow"})
        self.assertEqual(len(selection.problems), 1)
        self.assertEqual(selection.excluded, {})

    def test_table_of_reasons(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("# why\n\n//a:*   it starts  machines\n")
            file.flush()
            self.assertEqual(suite.read_exclusions(file.name), {"//a:*": "it starts  machines"})


class CasesTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def run_of(self, *texts, status="PASSED"):
        run = results.TargetRun("//a:x_test", status)
        for number, text in enumerate(texts):
            path = self.directory / f"{number}.xml"
            path.write_text(text, encoding="utf-8")
            run.xml_files.append(path)
        return run

    def test_googletest(self):
        cases = results.cases_of(self.run_of(_GTEST, status="FAILED"), skips_allowed=True)
        self.assertEqual(results.count(cases), (1, 1, 2))
        self.assertEqual(results.closing_line(cases), "1 passed, 1 failed, 2 skipped")
        by_name = {case.name: case for case in cases}
        self.assertIn("it stayed open", by_name["Gate.Closes"].message)
        self.assertEqual(by_name["Gate.Keys"].message, "no keys here")

    def test_skips_fail_where_keys_are_real(self):
        cases = results.cases_of(self.run_of(_GTEST, status="FAILED"), skips_allowed=False)
        self.assertEqual(results.count(cases), (1, 3, 0))

    def test_status_that_contradicts_the_cases(self):
        text = '<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>'
        cases = results.cases_of(self.run_of(text, status="TIMEOUT"), skips_allowed=True)
        self.assertEqual(results.count(cases), (1, 1, 0))

    def test_no_case_at_all(self):
        for run in (self.run_of("<testsuites/>"), self.run_of()):
            self.assertEqual(results.count(results.cases_of(run, skips_allowed=True)), (0, 1, 0))
            filtered = results.cases_of(run, skips_allowed=True, may_be_empty=True)
            self.assertEqual(filtered, [])

    def test_broken_xml(self):
        cases = results.cases_of(self.run_of("<testsuites>"), skips_allowed=True)
        self.assertEqual(results.count(cases), (0, 1, 0))

    def test_events(self):
        log = {"name": "test.log", "uri": "file:///out/a%20b/test.log"}
        xml = {"name": "test.xml", "uri": "file:///out/a%20b/test.xml"}
        events = [
            {"id": {"started": {}}},
            _event("//a:x_test", "PASSED", [log, xml], cached=True),
            _event("//a:y_test", "FAILED", [log, xml]),
        ]
        path = self.directory / "events"
        path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        runs = results.read_events(path)
        self.assertEqual(runs["//a:x_test"].xml_files, [pathlib.Path("/out/a b/test.xml")])
        self.assertTrue(runs["//a:x_test"].cached)
        self.assertFalse(runs["//a:y_test"].cached)
        self.assertEqual(runs["//a:y_test"].status, "FAILED")


def _event(label, status, outputs, cached=False):
    return {
        "id": {"testResult": {"label": label}},
        "testResult": {
            "status": status,
            "testActionOutput": outputs,
            "executionInfo": {"cachedRemotely": cached},
        },
    }


class DriverTest(unittest.TestCase):
    def test_cases_that_a_machine_lost(self):
        here = [results.Case("//a:x_test", "X.One", results.PASSED)]
        there = here + [
            results.Case("//a:x_test", "X.Two", results.PASSED),
            results.Case("//a:host_test", "Host", results.PASSED),
        ]
        (lost,) = main.lost_cases({"//a:x_test": None}, here, there, "pku")
        self.assertEqual((lost.name, lost.outcome), ("X.Two", results.FAILED))

    def test_exit_status(self):
        passed = results.Case("//a:x_test", "One", results.PASSED)
        failed = results.Case("//a:x_test", "Two", results.FAILED)
        skipped = results.Case("//a:x_test", "Three", results.SKIPPED)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(main.finish([passed, skipped]), 0)
        self.assertEqual(output.getvalue().splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(main.finish([passed, failed]), 1)
            self.assertEqual(main.finish([skipped]), 1)
            self.assertEqual(main.finish([]), 1)

    def test_arguments(self):
        for wrong in (
            ["--machine=moon"],
            ["--fast"],
            ["--mutants", "--lint"],
            ["--mutants", "--fuzz=60"],
            ["--fuzz=1"],
            ["--fuzz=soon"],
            ["--fuzz=60", "//a:x_test"],
        ):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as exit_:
                main.parse_arguments(wrong)
            self.assertEqual(exit_.exception.code, 2)

    def test_outcome_names_what_failed_and_how_to_repeat_it(self):
        case = results.Case("//a:x_test", "X.One", results.FAILED, "it stayed open")
        with contextlib.redirect_stdout(io.StringIO()) as output:
            report.print_outcome("pku", [case], {}, "./bulkhead test --machine=pku")
        self.assertIn("X.One", output.getvalue())
        self.assertIn("it stayed open", output.getvalue())
        self.assertIn("./bulkhead test --machine=pku //a:x_test", output.getvalue())


class FuzzTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.found = pathlib.Path(directory.name)

    def test_begins_with_what_was_saved_and_keeps_what_it_finds(self):
        command = fuzz.fuzzer_command("fuzzer", 30, "corpus", "saved", "found")
        self.assertEqual(command[0], "fuzzer")
        self.assertEqual(command[-2:], ["corpus", "saved"])
        self.assertIn("-max_total_time=30", command)
        self.assertIn("-artifact_prefix=found/", command)

    def test_nothing_found(self):
        self.assertEqual(fuzz.judge("keys", 0, self.found).outcome, results.PASSED)

    def test_a_finding_is_named(self):
        (self.found / "crash-1").write_text("trim\n", encoding="utf-8")
        case = fuzz.judge("keys", 77, self.found)
        self.assertEqual(case.outcome, results.FAILED)
        self.assertIn("crash-1", case.message)

    def test_a_fuzzer_that_does_not_run_is_a_failure(self):
        case = fuzz.judge("keys", 1, self.found)
        self.assertEqual(case.outcome, results.FAILED)
        self.assertIn("status 1", case.message)


if __name__ == "__main__":
    unittest.main()
