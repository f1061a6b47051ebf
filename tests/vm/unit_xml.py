# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""unittest.main for Bazel: each test method is a case in $XML_OUTPUT_FILE.

Sharding and TESTBRIDGE_TEST_ONLY are honoured as GoogleTest does.
"""

import fnmatch
import os
import sys
import time
import unittest
from xml.etree import ElementTree


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def _selected(cases):
    pattern = os.environ.get("TESTBRIDGE_TEST_ONLY")
    if pattern:
        cases = [case for case in cases
                 if fnmatch.fnmatchcase(case.id(), f"*{pattern}*")]
    total = int(os.environ.get("TEST_TOTAL_SHARDS", "1"))
    index = int(os.environ.get("TEST_SHARD_INDEX", "0"))
    status = os.environ.get("TEST_SHARD_STATUS_FILE")
    if status:
        with open(status, "w", encoding="utf-8"):
            pass
    return cases[index::total]


class _Result(unittest.TextTestResult):
    """Remembers for each case its duration and the worst that happened."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = {}
        self._start = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._start = time.monotonic()
        self.cases[test] = [0.0, None, ""]

    def stopTest(self, test):
        super().stopTest(test)
        self.cases[test][0] = time.monotonic() - self._start

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.cases[test][1:] = ["failure", self.failures[-1][1]]

    def addError(self, test, err):
        super().addError(test, err)
        self.cases.setdefault(test, [0.0, None, ""])[1:] = [
            "error", self.errors[-1][1]]

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.cases[test][1:] = ["skipped", reason]

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            last = (self.failures + self.errors)[-1][1]
            self.cases[test][1:] = ["failure", last]


def _write(cases, path):
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name="unittest",
                                   tests=str(len(cases)))
    for test, (duration, outcome, text) in cases.items():
        suite_name, _, name = test.id().removeprefix("__main__.").rpartition(
            ".")
        case = ElementTree.SubElement(suite, "testcase", name=name,
                                      classname=suite_name,
                                      time=f"{duration:.3f}")
        if outcome:
            ElementTree.SubElement(case, outcome).text = text
    for outcome, name in (("failure", "failures"), ("error", "errors"),
                          ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f".//{outcome}"))))
    ElementTree.ElementTree(root).write(path, encoding="utf-8",
                                        xml_declaration=True)


def main():
    loaded = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])
    cases = _selected(list(_flatten(loaded)))
    runner = unittest.TextTestRunner(verbosity=2, resultclass=_Result)
    result = runner.run(unittest.TestSuite(cases))
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        _write(result.cases, path)
    sys.exit(0 if result.wasSuccessful() else 1)
