# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Mutants apply: what a patch takes away, with the lines around, stands in the
file."""

import re

_PATCHES = "tests/mutants/"
_HUNK = re.compile(r"^@@ -\d.*$")


def _hunks(text):
    """(file, the lines that must stand there) of each hunk of a unified diff."""
    path, old = None, None
    for line in text.splitlines():
        if line.startswith("--- a/"):
            path, old = line[len("--- a/"):].split("\t")[0], None
        elif line.startswith("+++ ") and old is None:
            continue
        elif _HUNK.match(line):
            old = []
            yield path, old
        elif old is not None and line[:1] in (" ", "-", ""):
            old.append(line[1:])


def problems_of(path, text, read):
    """`read` gives the text of a file of the tree, or None."""
    # All lines of a hunk are known once the next one has begun.
    for file, old in list(_hunks(text)):
        known = read(file)
        if known is None:
            yield f"{path}: there is no file {file}"
        elif "\n" + "\n".join(old) + "\n" not in "\n" + known + "\n":
            yield f"{path}: does not apply to {file}, which has changed; write it anew"


def check(tree):
    paths = set(tree.paths)
    for path in tree.with_suffix(".patch"):
        if path.startswith(_PATCHES):
            yield from problems_of(
                path, tree.read(path), lambda file: tree.read(file) if file in paths else None)
