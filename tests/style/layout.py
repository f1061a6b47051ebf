# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What stands at the top of the tree, and what every file must look like."""

import re

_TOP_LEVEL = frozenset(
    {
        "BUILD",
        "LICENSE",
        "NOTICE",
        "README.md",
        "WORKSPACE",
        "allocator",
        "bench",
        "bulkhead",
        "docs",
        "isolation",
        "tests",
    }
)

_MAXIMUM_LINES = 500
# Taken over whole, or lists of which every line is data.
_MAY_BE_LONG = ("LICENSE",)

_CODE_SUFFIXES = (".cc", ".h", ".c", ".S", ".inc", ".py", ".sh", ".bzl", ".BUILD", "BUILD", "WORKSPACE")
_COPYRIGHT = "Copyright 2026 The Bulkhead Authors"
_LICENCE = "SPDX-License-Identifier: Apache-2.0"

# Spelt so that this file does not find itself.
_UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")


def check_top_level(tree):
    """The names that the build leaves there count too."""
    for path in sorted(tree.root.iterdir()):
        if path.name not in _TOP_LEVEL and not path.name.startswith("."):
            yield f"{path.name}: the top level is fixed; move it into a directory"


def check_length(tree):
    for path in tree.paths:
        text = tree.read(path)
        if text is None or path in _MAY_BE_LONG:
            continue
        lines = text.count("\n")
        if lines > _MAXIMUM_LINES:
            yield f"{path}: {lines} lines; split it, {_MAXIMUM_LINES} are the most"


def check_header(tree):
    for path in sorted({*tree.with_suffix(*_CODE_SUFFIXES), *tree.scripts("bash"),
                        *tree.scripts("/bin/sh"), *tree.scripts("python3")}):
        first = "\n".join((tree.read(path) or "").splitlines()[:4])
        if _COPYRIGHT not in first or _LICENCE not in first:
            yield f"{path}: its first lines lack the copyright and the licence"


def check_unfinished(tree):
    for path in tree.paths:
        for number, line in enumerate((tree.read(path) or "").splitlines(), 1):
            found = _UNFINISHED.search(line)
            if found:
                yield f"{path}:{number}: {found.group()}: finish it, or leave it out"
