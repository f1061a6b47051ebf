# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The checks of the source tree. Each yields one line for each problem."""

import clang_format
import defences
import instructions
import layering
import layout
import links
import patches
import shell
import source_tree

# In the order in which they are reported.
_CHECKS = (
    ("top-level names", layout.check_top_level),
    ("file length", layout.check_length),
    ("licence header", layout.check_header),
    ("unfinished work", layout.check_unfinished),
    ("layering of includes", layering.check),
    ("rights change in assembly only", instructions.check),
    ("clang-format", clang_format.check),
    ("shellcheck", shell.check),
    ("links and names in pages", links.check),
    ("attacks, tests and mutants", defences.check),
    ("mutants apply", patches.check),
)


def run_all(root):
    """[(name of the check, [problem, ...]), ...] for the tree at `root`."""
    tree = source_tree.SourceTree(root)
    return [(name, list(check(tree))) for name, check in _CHECKS]
