# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A file tree for the guest, in the form that init unpacks.

Each entry is a kind, a path and a mode, all NUL-terminated text, and then for a
"file" its size as text and its content, for a "symlink" what it says, for a
"link" (to a file that came before, since one file of the host may have many
names in a tree of runfiles) that file's path, for a "directory" nothing. The
kind "end" ends the tree.
"""

import os
import shutil
import stat

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def guest_path(path):
    """`path` below /usr where Debian 12 links /bin, /lib and so on to it."""
    first, _, rest = path.lstrip("/").partition("/")
    if first in _MERGED and rest:
        return f"/usr/{first}/{rest}"
    return path


class Tree:
    """Collects entries under guest paths; the first entry at a path stays."""

    def __init__(self):
        # Parents come before what they hold, and dictionaries keep that order.
        self._entries = {}

    def add_directory(self, path, mode=0o755):
        path = guest_path(os.path.normpath(path))
        if path in ("/", "") or path in self._entries:
            return
        self.add_directory(os.path.dirname(path))
        self._entries[path] = ("directory", mode, None)

    def add_bytes(self, path, data, mode=0o644):
        self._add(path, "bytes", mode, data)

    def add_link(self, path, target):
        self._add(path, "symlink", 0o777, target)

    def add_file(self, path, source=None):
        """The host's file `source` (default `path`), links followed."""
        source = os.path.realpath(source or path)
        mode = stat.S_IMODE(os.stat(source).st_mode)
        self._add(path, "file", mode, source)

    def add_tree(self, path, skip=lambda path: False):
        """The host's file or directory `path`, links followed.

        Yields the path of each file that it added.
        """
        if not os.path.isdir(path):
            self.add_file(path)
            yield path
            return
        for directory, names, files in os.walk(path, followlinks=True):
            names[:] = [
                name for name in names
                if not skip(os.path.join(directory, name))
            ]
            self.add_directory(directory)
            for name in files:
                file = os.path.join(directory, name)
                if not skip(file) and os.path.isfile(file):
                    self.add_file(file)
                    yield file

    def _add(self, path, kind, mode, content):
        path = guest_path(os.path.normpath(path))
        if path not in self._entries:
            self.add_directory(os.path.dirname(path))
            self._entries[path] = (kind, mode, content)

    def write(self, output):
        first_names = {}
        for path, (kind, mode, content) in self._entries.items():
            if kind == "bytes":
                _write_text(output, "file", path, mode, len(content))
                output.write(content)
            elif kind == "symlink":
                _write_text(output, kind, path, mode, content)
            elif kind == "file" and content in first_names:
                _write_text(output, "link", path, mode, first_names[content])
            elif kind == "file":
                first_names[content] = path
                _write_file(output, path, mode, content)
            else:
                _write_text(output, kind, path, mode)
        _write_text(output, "end")


def _write_text(output, *values):
    for value in values:
        output.write(os.fsencode(str(value)) + b"\0")


def _write_file(output, path, mode, source):
    with open(source, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            # Files of /proc and /sys have no size until they are read.
            content = file.read()
            _write_text(output, "file", path, mode, len(content))
            output.write(content)
            return
        _write_text(output, "file", path, mode, size)
        shutil.copyfileobj(file, output, 1 << 20)
