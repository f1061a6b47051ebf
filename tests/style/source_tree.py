# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The files that belong to the project."""

import pathlib
import subprocess

CPP_SUFFIXES = (".cc", ".h", ".c", ".inc")


class SourceTree:
    """The files under `root` that git tracks, or would: untracked and not
    ignored."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        self.paths = sorted(
            {path for path in listing.split("\0") if path and (self.root / path).is_file()}
        )

    def read(self, path):
        """The text of a file, or None of one that is not text."""
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None

    def with_suffix(self, *suffixes):
        return [path for path in self.paths if path.endswith(suffixes)]

    def scripts(self, interpreter):
        """Files whose first line names `interpreter`."""
        return [
            path
            for path in self.paths
            if interpreter.encode() in _interpreter_line(self.root / path)
        ]


def _interpreter_line(path):
    with open(path, "rb") as file:
        line = file.readline(200)
    return line if line.startswith(b"#!") else b""
