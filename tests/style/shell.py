# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Shell scripts pass shellcheck."""

import subprocess


def check(tree):
    scripts = sorted({*tree.with_suffix(".sh"), *tree.scripts("bash"), *tree.scripts("/bin/sh")})
    if not scripts:
        return
    result = subprocess.run(
        ["shellcheck", "--external-sources", "--format=gcc", *scripts],
        cwd=tree.root,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        yield from result.stdout.splitlines()
