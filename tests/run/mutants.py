# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead test --mutants`: tests must notice when a defence is removed.

See tests/mutants/README.md for what a patch says of itself.
"""

import dataclasses
import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys

import bazel
import machines
import report
import results

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "style"))
import source_tree

_HEADER = re.compile(r"^(Removes|Target|Machine): *(.+?) *$")
_DEFAULT_MACHINE = "pku"
# A defence against deadlock is missed by waiting.
_TIME_LIMIT = "--test_timeout=240"
# What tests/vm/run says when the machine, not the program in it, went wrong.
_MACHINE_FAILED = re.compile(
    r"^vm: (?:the machine ended without a status|time limit of)", re.MULTILINE
)
_STARTED = re.compile(r"^\[ RUN      \] (\S+)$", re.MULTILINE)
_PASSED = re.compile(r"^\[       OK \] (\S+)", re.MULTILINE)
# The same of a test in Python's unittest that is verbose.
_PYTHON_CASE = re.compile(r"^(\w+) \(__main__\.(\w+)[.\w]*\) \.\.\. (\w*)", re.MULTILINE)
_PATCH = ["patch", "--strip=1", "--fuzz=0", "--batch", "--silent", "--no-backup-if-mismatch"]


@dataclasses.dataclass
class Mutant:
    name: str
    patch: pathlib.Path
    removes: str
    # label -> pattern of the cases that must not pass.
    cases: dict[str, str]
    machines: list[str]


class PatchError(Exception):
    """A patch that does not say what it must."""


def read_mutant(path):
    fields = {"Removes": [], "Target": [], "Machine": []}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("--- "):
            break
        found = _HEADER.match(line)
        if found:
            fields[found.group(1)].append(found.group(2))
    for name in ("Removes", "Target"):
        if not fields[name]:
            raise PatchError(f"{path.name}: no line '{name}: ...' before the patch")
    cases = {}
    for target in fields["Target"]:
        label, _, pattern = target.partition(" ")
        if not pattern:
            raise PatchError(f"{path.name}: '{target}' names no case behind the label")
        if label in cases:
            raise PatchError(f"{path.name}: {label} is named twice; one pattern tells its cases")
        cases[label] = pattern.strip()
    for name in fields["Machine"]:
        try:
            machines.select_machines([name])
        except ValueError as error:
            raise PatchError(f"{path.name}: {error}") from error
    return Mutant(
        path.stem, path, fields["Removes"][0], cases, fields["Machine"] or [_DEFAULT_MACHINE]
    )


class Scratch:
    """A copy of the tree in which patches are applied and taken back."""

    def __init__(self, root, directory):
        self._root = pathlib.Path(root)
        self.path = pathlib.Path(directory)

    def refresh(self):
        """Makes the copy equal to the tree; files that are equal stay untouched,
        so that Bazel need not read them again."""
        wanted = source_tree.SourceTree(self._root).paths
        self.path.mkdir(parents=True, exist_ok=True)
        for path in self.path.rglob("*"):
            relative = path.relative_to(self.path)
            own = relative.parts[0] in (".bazel-out", "bazel-out")
            if not own and not path.is_dir() and str(relative) not in wanted:
                path.unlink()
        for path in wanted:
            self.restore(path)

    def restore(self, path):
        source, copy = self._root / path, self.path / path
        if source.exists():
            if not copy.exists() or copy.read_bytes() != source.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)
        elif copy.exists():
            copy.unlink()

    def apply(self, patch):
        """The problem that kept the patch from applying, or None."""
        result = subprocess.run(
            [*_PATCH, f"--input={patch}"],
            cwd=self.path,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return result.stdout.strip() or "it does not apply" if result.returncode else None


def outcomes(log, pattern):
    """Case -> whether it passed, of the cases in a log that match a pattern. A
    case in which the program crashed or hung did not pass."""
    passed = _PASSED.findall(log)
    cases = {name: name in passed for name in _STARTED.findall(log)}
    for name, suite, outcome in _PYTHON_CASE.findall(log):
        cases[f"{suite}.{name}"] = outcome == "ok"
    return {name: well for name, well in cases.items() if fnmatch.fnmatchcase(name, pattern)}


def judge(mutant, runs):
    """Why the mutant counts as not noticed, or None."""
    for label, pattern in mutant.cases.items():
        if label not in runs:
            return f"{label} did not run"
        log = runs[label].log_text()
        cases = outcomes(log, pattern)
        if _MACHINE_FAILED.search(log):
            return f"{label}: the machine failed, not the test"
        if not cases:
            return f"{label}: no case {pattern} ran"
        if runs[label].status == "PASSED" or all(cases.values()):
            return f"{label}: {pattern} passed without the defence"
    return None


class Run:
    def __init__(self, root, cache):
        self._scratch = Scratch(root, cache / "mutants" / "tree")
        self._keep = cache / "results" / "mutants"
        self._bazel = bazel.Bazel(
            self._scratch.path, cache, [f"--output_base={cache / 'mutants' / 'base'}"]
        )
        self._names = {machine.name: machine for machine in machines.all_machines()}

    def _test(self, labels, machine, name, cases):
        flags = [*self._names[machine].bazel_flags, _TIME_LIMIT, f"--test_filter={cases}"]
        return self._bazel.test(labels, flags, self._keep / f"{name}-{machine}")[1]

    def baseline(self, mutants):
        """One case for each machine: all that the patches name passes without them."""
        cases = []
        for machine in sorted({name for mutant in mutants for name in mutant.machines}):
            here = [mutant for mutant in mutants if machine in mutant.machines]
            labels = sorted({label for mutant in here for label in mutant.cases})
            patterns = sorted({pattern for mutant in here for pattern in mutant.cases.values()})
            runs = self._test(labels, machine, "unpatched", ":".join(patterns))
            problems = [f"{label} did not build or run" for label in labels if label not in runs]
            for mutant in here:
                for label, pattern in mutant.cases.items():
                    if label not in runs:
                        continue
                    found = outcomes(runs[label].log_text(), pattern)
                    if not found or not all(found.values()):
                        word = "fails" if found else "does not run"
                        problems.append(f"{mutant.name}: {label} {pattern} {word} as it is")
            outcome = results.FAILED if problems else results.PASSED
            message = "\n".join(problems)
            cases.append(results.Case("tests/mutants", f"unpatched on {machine}", outcome, message))
        return cases

    def try_mutant(self, mutant):
        """One case for each machine that the patch names."""
        labels, pattern = list(mutant.cases), ":".join(mutant.cases.values())
        problem = self._scratch.apply(mutant.patch)
        try:
            if problem is None and not self._bazel.build(*labels):
                problem = "with the patch the targets do not build"
            for machine in mutant.machines:
                why = problem
                if why is None:
                    why = judge(mutant, self._test(labels, machine, mutant.name, pattern))
                outcome = results.FAILED if why else results.PASSED
                yield results.Case("tests/mutants", f"{mutant.name} on {machine}", outcome, why or "")
        finally:
            self._scratch.refresh()

    def run(self, mutants):
        self._scratch.refresh()
        cases = self.baseline(mutants)
        if results.count(cases)[1]:
            return cases
        for number, mutant in enumerate(mutants, 1):
            print(f"\n== mutant {number} of {len(mutants)}: {mutant.name}", flush=True)
            cases += self.try_mutant(mutant)
        return cases

    def close(self):
        self._bazel.output_of("shutdown")


def _print_table(mutants, cases):
    print("\n== mutants")
    outcome = {case.name: case for case in cases}
    for mutant in mutants:
        for machine in mutant.machines:
            case = outcome.get(f"{mutant.name} on {machine}")
            if case is None:
                word = "not tried"
            else:
                word = "noticed" if case.outcome == results.PASSED else "NOT NOTICED"
            print(f"  {word:12} {machine:8} {mutant.name}: {mutant.removes}")


def _read_all(directory, names):
    """(mutants, failed cases for patches that cannot be read); all patches of the
    directory, or those that are named."""
    mutants, cases = [], []
    patches = {path.stem: path for path in sorted(directory.glob("*.patch"))}
    for name in names or patches:
        try:
            if name not in patches:
                raise PatchError(f"{directory} has no {name}.patch")
            mutants.append(read_mutant(patches[name]))
        except PatchError as error:
            cases.append(results.Case("tests/mutants", name, results.FAILED, str(error)))
    return mutants, cases


def _run_here(mutants):
    """Has this machine stand in for the emulated one that most patches name, which
    takes ten times as long. What its kernel is too old for fails unpatched."""
    for mutant in mutants:
        here = ["native" if name == _DEFAULT_MACHINE else name for name in mutant.machines]
        mutant.machines = list(dict.fromkeys(here))


def run_all(root, cache, only_machines=None, names=()):
    """The cases of all mutants, or of those on the machines or with the names
    given. Where the processor has protection keys and no machine is named, those
    for the emulated one run natively."""
    mutants, cases = _read_all(root / "tests" / "mutants", names)
    if only_machines is None and machines.native_has_keys():
        _run_here(mutants)
    if only_machines is not None:
        allowed = {machine.name for machine in only_machines}
        for mutant in mutants:
            mutant.machines = [name for name in mutant.machines if name in allowed]
        mutants = [mutant for mutant in mutants if mutant.machines]
    if mutants:
        run = Run(root, cache)
        try:
            cases += run.run(mutants)
        finally:
            run.close()
    _print_table(mutants, cases)
    report.print_outcome("mutants", cases)
    return cases
