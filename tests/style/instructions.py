# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Instructions that change rights stand in assembly of one folder only.

Everything that can write PKRU is a door for an attacker who can jump. Doors
that nobody knows of are the worst ones.
"""

import re

import cpp_text

_ASSEMBLY = "isolation/arch/"
# Attacks are made of these instructions.
_EXEMPT = ("tests/",)

_MNEMONIC = re.compile(
    r"\b_?(?:__builtin_ia32_)?(wrpkru|xrstors?(?:64)?|pkey_set)(?:_?u?32|64)?\b", re.IGNORECASE
)
_BYTES = re.compile(r"(?:0x|\\x)0?f\W+(?:0x|\\x)0?1\W+(?:0x|\\x)ef", re.IGNORECASE)


def problems_of(path, text):
    is_assembly = path.startswith(_ASSEMBLY) and path.endswith((".S", "_asm.h"))
    if is_assembly or path.startswith(_EXEMPT):
        return
    for number, line in enumerate(cpp_text.without_comments(text).splitlines(), 1):
        found = _MNEMONIC.search(line) or _BYTES.search(line)
        if found:
            yield f"{path}:{number}: {found.group()} belongs into {_ASSEMBLY}*.S"


def check(tree):
    for path in tree.with_suffix(".cc", ".h", ".c", ".S", ".inc"):
        yield from problems_of(path, tree.read(path))
