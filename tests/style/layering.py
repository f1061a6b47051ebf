# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Includes run one way: a directory uses itself and those below it."""

import re

import cpp_text

# Bottom up. A directory that is not here has no layer, and may not be included
# from one that has.
LAYERS = (
    "isolation/include",
    "isolation/sys",
    "isolation/base",
    "isolation/arch",
    "isolation/keys",
    "isolation/domain",
    "isolation/thread",
    "isolation/sandbox",
    "isolation/monitor",
    "isolation/gate",
    "isolation/grants",
    "isolation/violation",
    "isolation/mapping",
    "isolation/libc",
    "isolation/unwind",
    "isolation/lockdown",
    "isolation/api",
    "isolation/doctor",
    "allocator/include",
    "allocator/jemalloc",
    "allocator/heap",
    "allocator/stats",
    "allocator/entry",
    "allocator/launch",
)

_ROOTS = ("isolation/", "allocator/")
_INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def _directory(path):
    return "/".join(path.split("/")[:2])


def _included_directory(name):
    """The layer of an included file, or None of one that is not ours."""
    if name.startswith("bulkhead/"):
        return "isolation/include"
    if name.startswith(_ROOTS):
        return _directory(name)
    if name.startswith(("tests/", "bench/", "docs/")):
        return name.split("/")[0]
    return None


def problems_of(path, text):
    own = _directory(path)
    if own not in LAYERS:
        yield f"{path}: {own} has no place in tests/style/layering.py"
        return
    for name in _INCLUDE.findall(cpp_text.without_comments(text, keep_strings=True)):
        other = _included_directory(name)
        if other is None:
            continue
        if other not in LAYERS or LAYERS.index(other) > LAYERS.index(own):
            yield f"{path}: {own} may not include {name}, which is above it"


def check(tree):
    for path in tree.with_suffix(".cc", ".h", ".c", ".S", ".inc"):
        if path.startswith(_ROOTS) and path.count("/") > 1:
            yield from problems_of(path, tree.read(path))
