# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A file tree for the guest, written as a newc cpio archive.

The kernel unpacks such an archive into its first file system. It is left
uncompressed: the emulated processor decompresses more slowly than it copies.
"""

import os
import stat

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def guest_path(path):
    """`path` below /usr where Debian 12 links /bin, /lib and so on to it."""
    first, _, rest = path.lstrip("/").partition("/")
    if first in _MERGED and rest:
        return f"/usr/{first}/{rest}"
    return path


class Image:
    """Collects entries under guest paths; the first entry at a path stays."""

    def __init__(self, prefix=""):
        self._prefix = prefix
        self._entries = {}

    def add_directory(self, path, mode=0o755):
        path = guest_path(os.path.normpath(path))
        if path in ("/", "") or path in self._entries:
            return
        self.add_directory(os.path.dirname(path))
        self._entries[path] = (stat.S_IFDIR | mode, None, None)

    def add_bytes(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data, None)

    def add_link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, os.fsencode(target), None)

    def add_file(self, path, source=None):
        """The host's file `source` (default `path`), links followed."""
        source = os.path.realpath(source or path)
        mode = stat.S_IMODE(os.stat(source).st_mode)
        self._add(path, stat.S_IFREG | mode, None, source)

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

    def _add(self, path, mode, data, source):
        path = guest_path(os.path.normpath(path))
        if path not in self._entries:
            self.add_directory(os.path.dirname(path))
            self._entries[path] = (mode, data, source)

    def write(self, file):
        """Writes the archive without its end mark: see write_end."""
        first_path = {}
        sources = [entry[2] for entry in self._entries.values() if entry[2]]
        links = {source: sources.count(source) for source in set(sources)}
        # Parents were added before what they hold, and dicts keep that order.
        for inode, (path, entry) in enumerate(self._entries.items(), start=1):
            mode, data, source = entry
            count = 1
            if source is not None:
                count = links[source]
                known = first_path.setdefault(source, inode)
                if known == inode:
                    with open(source, "rb") as content:
                        data = content.read()
                inode = known
            _write_entry(file, self._prefix + path, mode, inode, count,
                         data or b"")


def _write_entry(file, path, mode, inode, links, data):
    name = os.fsencode(path.lstrip("/")) + b"\0"
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    file.write(header + name + b"\0" * (-(len(header) + len(name)) % 4))
    file.write(data)
    file.write(b"\0" * (-len(data) % 4))


def write_end(file):
    _write_entry(file, "TRAILER!!!", 0, 0, 1, b"")
