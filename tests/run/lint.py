# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead test --lint`: clang-tidy on every C++ file of the project.

A command of its own: it compiles everything once more, and slowly.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile

import report
import results

_EVERYTHING = "//..."
_SUFFIXES = (".cc", ".c")
# gcc's flags that clang refuses.
_GCC_ONLY = frozenset({"-fno-canonical-system-headers"})


def compile_commands(actions, directory):
    """A compilation database of the project's own files, from Bazel's actions."""
    commands = {}
    for action in actions:
        arguments = [flag for flag in action["arguments"] if flag not in _GCC_ONLY]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        own = not source.startswith(("external/", "bazel-out/"))
        if own and source.endswith(_SUFFIXES):
            commands.setdefault(
                source, {"directory": directory, "file": source, "arguments": arguments}
            )
    return [commands[source] for source in sorted(commands)]


def _tidy(database, command):
    result = subprocess.run(
        ["clang-tidy", "--quiet", f"-p={database}", command["file"]],
        cwd=command["directory"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    outcome = results.FAILED if result.returncode else results.PASSED
    return results.Case("clang-tidy", command["file"], outcome, result.stdout)


def run_all(runner, targets):
    """One case for each file that the targets compile."""
    patterns = targets or [_EVERYTHING]
    if not runner.build(*patterns):
        message = "Bazel's messages are above"
        return [results.Case("clang-tidy", "(builds)", results.FAILED, message)]
    query = f"mnemonic('CppCompile', set({' '.join(patterns)}))"
    actions = json.loads(runner.output_of("aquery", "--output=jsonproto", query)).get("actions")
    if not actions:
        message = "nothing is compiled for these; name Bazel targets, such as //isolation/..."
        cases = [results.Case("clang-tidy", " ".join(patterns), results.FAILED, message)]
        report.print_outcome("clang-tidy", cases)
        return cases
    directory = runner.output_of("info", "execution_root").strip()
    commands = compile_commands(actions, directory)
    with tempfile.TemporaryDirectory() as database:
        pathlib.Path(database, "compile_commands.json").write_text(
            json.dumps(commands), encoding="utf-8"
        )
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            cases = []
            for case in pool.map(lambda command: _tidy(database, command), commands):
                print(f"{case.outcome}  {case.name}", flush=True)
                cases.append(case)
    report.print_outcome("clang-tidy", cases)
    return cases
