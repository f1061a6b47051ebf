#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The code of the ways between domains, as it is built: what a reviewer should see
change when it changes. `bazel run //tests/fast_path:write_gates` writes it."""

import os
import pathlib
import re
import subprocess
import sys

FUNCTIONS = (
    "bh_call", "bulkhead_domain_call", "bulkhead_monitor_pku", "bulkhead_signal_entry_pku",
    "bulkhead_leave_handler",
)

_DATA = re.compile(r"\[rip\+0x[0-9a-f]+\](\S*)\s+# [0-9a-f]+ <([^>]+)>")
_NUMBER = re.compile(r"(?<=[a-z])\d+")
_TARGET = re.compile(r"\b[0-9a-f]+ (<[^>]+>)")


def _normal(text):
    """An instruction without the addresses that the linker chose."""
    text = _TARGET.sub(r"\1", _DATA.sub(r"[\2]\1", text))
    return " ".join(text.split())


def _folded(lines):
    """Runs of lines that differ in a register's number alone, as one."""
    folded, begin = [], 0
    while begin < len(lines):
        shape = _NUMBER.sub("", lines[begin])
        end = begin + 1
        while end < len(lines) and _NUMBER.sub("", lines[end]) == shape:
            end += 1
        if end - begin > 2:
            folded.append(f"{lines[begin]}  to  {lines[end - 1]}")
        else:
            folded += lines[begin:end]
        begin = end
    return folded


def of_library(library, function):
    listing = subprocess.run(
        ["objdump", f"--disassemble={function}", "--no-show-raw-insn", "-M", "intel", library],
        check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    lines = [_normal(line.split("\t")[1]) for line in listing.splitlines()
             if line.count("\t") == 1]
    return "\n".join([*_folded(lines), ""])


def golden(root, function):
    return pathlib.Path(root) / "gates" / f"{function}.txt"


if __name__ == "__main__":
    package = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")) / "tests/fast_path"
    for name in FUNCTIONS:
        golden(package, name).write_text(of_library(sys.argv[1], name), encoding="utf-8")
