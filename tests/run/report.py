# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the test command prints."""

import results

_TAIL_LINES = 60


def _heading(text):
    print(f"\n== {text}", flush=True)


def print_selection(machine, selection):
    _heading(f"{machine.name}: {machine.description}")
    print(f"selected {len(selection.selected)} targets:")
    for label in selection.selected:
        print(f"  {label}")
    if not selection.excluded:
        print("excluded: none")
        return
    print(f"excluded {len(selection.excluded)} targets:")
    width = max(map(len, selection.excluded))
    for label, reason in selection.excluded.items():
        print(f"  {label:{width}}  {reason}")


def _first_lines(text, count=12):
    lines = text.strip().splitlines()
    return lines[:count] + (["..."] if len(lines) > count else [])


def _print_failure(case):
    print(f"FAILED  {case.target}  {case.name}")
    for line in _first_lines(case.message):
        print(f"    {line}")


def _print_log(run):
    for log in run.logs:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = lines[-_TAIL_LINES:]
        print(f"--- the last {len(shown)} of {len(lines)} lines of {log}")
        print("\n".join(shown))


def _print_skipped(cases):
    by_reason = {}
    for case in cases:
        by_reason.setdefault((case.target, case.message), []).append(case.name)
    for (target, reason), names in by_reason.items():
        print(f"skipped  {target}: {reason}")
        for name in names:
            print(f"    {name}")


def print_outcome(place, cases, runs=None, repeat=""):
    """The skipped and failed cases of one machine, and its counts.

    `runs` is label -> TargetRun, for the logs; `repeat` a command to which a
    failed target's label is added.
    """
    _heading(f"{place}: {results.closing_line(cases)}")
    runs = runs or {}
    if runs:
        cached = sum(run.cached for run in runs.values())
        print(f"{len(runs)} targets, {cached} of them unchanged since they last passed")
    _print_skipped([case for case in cases if case.outcome == results.SKIPPED])
    failed = {}
    for case in cases:
        if case.outcome == results.FAILED:
            failed.setdefault(case.target, []).append(case)
    for target, failures in failed.items():
        for case in failures:
            _print_failure(case)
        if target in runs:
            _print_log(runs[target])
        if repeat:
            print(f"to repeat: {repeat} {target}")
