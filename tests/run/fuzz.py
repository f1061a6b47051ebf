# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead test --fuzz=SECONDS`: libFuzzer on lists of allocator operations.

See tests/fuzz/README.md. What was found in earlier runs is where it begins.
"""

import os
import pathlib
import subprocess

import bazel
import report
import results

_TARGET = "//tests/fuzz:allocator_fuzz"
_BINARY = "tests/fuzz/allocator_fuzz"
_SAVED = "tests/fuzz/saved"
# Which half of the allocator runs -> BULKHEAD_OPTIONS.
_LEVELS = {"keys, modelled": "", "page protection": "backend=mprotect"}
_LONGEST_LIST = 16384
# Outputs of its own, so that the suite's are not built anew.
_BUILD = ["--config=fuzz", "--symlink_prefix=/"]


def fuzzer_command(binary, seconds, corpus, saved, found):
    return [
        str(binary),
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_LIST}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        str(corpus),
        str(saved),
    ]


def judge(level, status, found):
    """The case of one run, which left its findings in the directory `found`."""
    lists = sorted(str(path) for path in pathlib.Path(found).iterdir())
    if status == 0 and not lists:
        return results.Case(_TARGET, level, results.PASSED)
    message = f"libFuzzer ended with status {status}; its messages are above"
    if lists:
        message = "\n".join(
            [f"{level}: the list of operations is in", *lists, "Add it, fixed, to " + _SAVED]
        )
    return results.Case(_TARGET, level, results.FAILED, message)


def run_all(root, cache, seconds):
    """One case for each level; each gets its share of the time."""
    place = cache / "fuzz"
    runner = bazel.Bazel(root, cache, [f"--output_base={place / 'base'}"])
    try:
        if not runner.build(*_BUILD, _TARGET):
            message = "Bazel's messages are above"
            return [results.Case(_TARGET, "(builds)", results.FAILED, message)]
        binary = pathlib.Path(runner.output_of("info", *_BUILD, "bazel-bin").strip()) / _BINARY
    finally:
        runner.output_of("shutdown")
    cases = []
    for level, options in _LEVELS.items():
        name = level.split()[0].strip(",")
        corpus, found = place / name / "corpus", place / name / "found"
        for directory in (corpus, found):
            directory.mkdir(parents=True, exist_ok=True)
        for path in found.iterdir():
            path.unlink()
        print(f"\n== {_TARGET} on {level}, {seconds // len(_LEVELS)} seconds", flush=True)
        command = fuzzer_command(
            binary, seconds // len(_LEVELS), corpus, root / _SAVED, found
        )
        environment = {**os.environ, "BULKHEAD_OPTIONS": options}
        status = subprocess.run(command, check=False, env=environment).returncode
        cases.append(judge(level, status, found))
    report.print_outcome("fuzzer", cases)
    return cases
