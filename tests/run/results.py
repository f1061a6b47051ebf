# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a run of `bazel test` found, counted in test cases."""

import dataclasses
import json
import pathlib
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

_PLACE = re.compile(r"\S+:\d+(: Skipped)?")
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Case:
    target: str
    name: str
    outcome: str
    message: str = ""


@dataclasses.dataclass
class TargetRun:
    """One target's run, as Bazel's build events tell it."""

    label: str
    # Bazel's word: PASSED, FAILED, TIMEOUT, ...
    status: str
    cached: bool = False
    xml_files: list[pathlib.Path] = dataclasses.field(default_factory=list)
    logs: list[pathlib.Path] = dataclasses.field(default_factory=list)

    def log_text(self):
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in self.logs)


def _path(uri):
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(uri).path))


def read_events(path):
    """label -> TargetRun, from a file of --build_event_json_file."""
    runs = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            identity, result = event["id"].get("testResult"), event.get("testResult")
            if identity is None or result is None:
                continue
            label, status = identity["label"], result["status"]
            run = runs.setdefault(label, TargetRun(label, status, cached=True))
            if status != "PASSED":
                run.status = status
            execution = result.get("executionInfo", {})
            run.cached &= bool(
                result.get("cachedLocally") or execution.get("cachedRemotely")
            )
            for output in result.get("testActionOutput", []):
                if output["name"] == "test.xml":
                    run.xml_files.append(_path(output["uri"]))
                elif output["name"] == "test.log":
                    run.logs.append(_path(output["uri"]))
    return runs


def _reason(skipped):
    if skipped is None:
        return "disabled"
    text = skipped.get("message") or skipped.text or ""
    # GoogleTest begins with the place in the source.
    lines = [line for line in text.splitlines() if not _PLACE.fullmatch(line)]
    return " ".join(lines) or "no reason given"


def _read_case(target, element):
    name = element.get("name", "")
    if element.get("classname"):
        name = f"{element.get('classname')}.{name}"
    for tag in ("failure", "error"):
        problem = element.find(tag)
        if problem is not None:
            return Case(target, name, FAILED, problem.get("message") or problem.text or "")
    skipped = element.find("skipped")
    if (
        skipped is not None
        or element.get("result") in ("skipped", "suppressed")
        or element.get("status") == "notrun"
    ):
        return Case(target, name, SKIPPED, _reason(skipped))
    return Case(target, name, PASSED)


def read_cases(target, xml_files):
    cases = []
    for path in xml_files:
        for element in ElementTree.parse(path).iter("testcase"):
            cases.append(_read_case(target, element))
    return cases


def cases_of(run, skips_allowed, may_be_empty=False):
    """The cases of a TargetRun, with what its cases alone do not show: a status
    that contradicts them, and a target that ran none."""
    try:
        cases = read_cases(run.label, run.xml_files)
    except (OSError, ElementTree.ParseError) as error:
        cases = [Case(run.label, "(its test.xml)", FAILED, str(error))]
    if not skips_allowed:
        cases = [
            dataclasses.replace(
                case, outcome=FAILED, message=f"skipped where keys are real: {case.message}"
            )
            if case.outcome == SKIPPED
            else case
            for case in cases
        ]
    if run.status != "PASSED" and not any(case.outcome == FAILED for case in cases):
        cases.append(Case(run.label, "(the whole target)", FAILED, f"Bazel says {run.status}"))
    if not cases and not may_be_empty:
        cases.append(Case(run.label, "(the whole target)", FAILED, "it ran no test case"))
    return cases


def count(cases):
    """(passed, failed, skipped)"""
    outcomes = [case.outcome for case in cases]
    return tuple(outcomes.count(outcome) for outcome in (PASSED, FAILED, SKIPPED))


def closing_line(cases):
    passed, failed, skipped = count(cases)
    return f"{passed} passed, {failed} failed, {skipped} skipped"
