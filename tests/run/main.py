# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead test`: the whole suite, on every machine, counted in cases."""

import argparse
import pathlib
import subprocess
import sys

import bazel
import machines
import report
import results
import suite

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "style"))
EVERYTHING = "//..."
SHIPPED = ("//:bulkhead", "//:libbulkhead.so")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="./bulkhead test", add_help=False, allow_abbrev=False)
    parser.add_argument("--machine", action="append", default=[])
    parser.add_argument("--filter", default="")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--lint", action="store_true")
    parser.add_argument("--fuzz", type=int, metavar="SECONDS")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args(arguments)
    if options.mutants + options.lint + (options.fuzz is not None) > 1:
        parser.error("--mutants, --lint and --fuzz are runs of their own")
    if options.fuzz is not None and (
        options.fuzz < 2 or options.machine or options.filter or options.targets
    ):
        parser.error("--fuzz takes a number of seconds from 2 on, and nothing else")
    if options.lint and (options.machine or options.filter):
        parser.error("--lint takes neither --machine nor --filter")
    if options.mutants and options.filter:
        parser.error("--mutants takes no --filter: the patches name their cases")
    try:
        options.machines = machines.select_machines(options.machine)
    except ValueError as error:
        parser.error(str(error))
    return options


def check_source_tree():
    import checks

    cases = []
    for name, problems in checks.run_all(ROOT):
        outcome = results.FAILED if problems else results.PASSED
        cases.append(results.Case("tests/style", name, outcome, "\n".join(problems)))
    return cases


def build_everything(runner):
    """By gcc, and what is shipped by clang as well: warnings are errors in both."""
    return [_build(runner, "(builds)", EVERYTHING)] + [
        _build(runner, "(builds with clang)", "--config=clang", *variant, *SHIPPED)
        for variant in ((), ("--config=modelled",))]


def _build(runner, name, *arguments):
    built = runner.build("--keep_going", *arguments)
    outcome = results.PASSED if built else results.FAILED
    message = "" if built else "Bazel's messages are above"
    return results.Case(" ".join(arguments), name, outcome, message)


def lost_cases(runs_here, here, there, place):
    """Cases that ran natively in a target that also ran on another machine, and
    did not run there: that machine's wrapper lost them."""
    ran = {(case.target, case.name) for case in here}
    return [
        results.Case(case.target, case.name, results.FAILED, f"it did not run on {place}")
        for case in there
        if case.target in runs_here and (case.target, case.name) not in ran
    ]


def run_machine(runner, machine, selection, test_filter, keep_in):
    """(cases, label -> TargetRun) of the selected targets on one machine."""
    flags = list(machine.bazel_flags)
    if test_filter:
        flags.append(f"--test_filter={test_filter}")
    status, runs = runner.test(selection.selected, flags, keep_in)
    cases = []
    for label in selection.selected:
        if label in runs:
            cases += results.cases_of(
                runs[label], skips_allowed=machine.may_skip, may_be_empty=bool(test_filter)
            )
        else:
            cases.append(
                results.Case(label, "(the whole target)", results.FAILED, "it did not build or run")
            )
    failed = any(case.outcome == results.FAILED for case in cases)
    if status not in (0, bazel.TESTS_FAILED) and not failed:
        message = f"bazel exited with status {status}"
        cases.append(results.Case("bazel", machine.name, results.FAILED, message))
    return cases, runs


def finish(cases):
    print()
    print(results.closing_line(cases), flush=True)
    passed, failed, _ = results.count(cases)
    return 1 if failed or not passed else 0


def run_suite(options, runner, cache):
    query = f"tests(set({' '.join(options.targets or [EVERYTHING])}))"
    try:
        targets = suite.parse_query(runner.output_of("query", "--output=xml", query))
    except subprocess.CalledProcessError:
        print("bulkhead: Bazel cannot read the targets; its message is above", file=sys.stderr)
        return 2
    reasons = suite.read_exclusions(ROOT / "tests" / "run" / "exclusions.txt")
    if options.targets:
        # Whoever names a target wants it run, whatever its tags.
        targets = [suite.Target(target.label, target.tags - {"manual"}) for target in targets]
    selections = [suite.select(targets, machine, reasons) for machine in options.machines]
    for machine, selection in zip(options.machines, selections):
        report.print_selection(machine, selection)

    cases = []
    for problem in sorted({problem for each in selections for problem in each.problems}):
        cases.append(results.Case("tests/run", "exclusions", results.FAILED, problem))
    if not options.targets and not options.filter:
        cases += check_source_tree()
        report.print_outcome("source tree", cases)
        cases += build_everything(runner)

    native = []
    for machine, selection in zip(options.machines, selections):
        if not selection.selected:
            continue
        print(f"\n== {machine.name}: running", flush=True)
        here, runs = run_machine(
            runner, machine, selection, options.filter, cache / "results" / machine.name
        )
        if machine.name == "native":
            native = here
        here += lost_cases(runs, here, native, machine.name)
        report.print_outcome(
            machine.name, here, runs, f"./bulkhead test --machine={machine.name}"
        )
        cases += here
    return finish(cases)


def main(arguments):
    options = parse_arguments(arguments)
    cache = bazel.cache_directory()
    runner = bazel.Bazel(ROOT, cache)
    if options.mutants:
        import mutants

        only = options.machines if options.machine else None
        return finish(mutants.run_all(ROOT, cache, only, options.targets))
    if options.fuzz is not None:
        import fuzz

        return finish(fuzz.run_all(ROOT, cache, options.fuzz))
    if options.lint:
        import lint

        return finish(lint.run_all(runner, options.targets))
    return run_suite(options, runner, cache)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
