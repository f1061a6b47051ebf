# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""C and C++ are formatted as .clang-format says."""

import subprocess

import source_tree


def check(tree):
    for path in tree.with_suffix(*source_tree.CPP_SUFFIXES):
        if _is_table(tree.read(path)):
            continue
        result = subprocess.run(
            ["clang-format", "--dry-run", "--Werror", path],
            cwd=tree.root,
            check=False,
            stderr=subprocess.PIPE,
            text=True,
        )
        if result.returncode:
            first = result.stderr.splitlines()[0] if result.stderr else "clang-format failed"
            yield f"{first}; run clang-format -i {path}"


def _is_table(text):
    """Whether a file asks to be left alone as a whole, as tables do."""
    return text is not None and "// clang-format off" in "\n".join(text.splitlines()[:6])
