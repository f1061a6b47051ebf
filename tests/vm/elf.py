# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Which files the loader needs to start an ELF program.

The answer is read from the files themselves: nothing is executed, so an
instrumented or broken program cannot disturb the search, as it could with ldd.
"""

import contextlib
import functools
import os
import struct
import subprocess

_PT_DYNAMIC = 2
_PT_INTERP = 3
_DT_NEEDED = 1
_DT_STRTAB = 5
_DT_RPATH = 15
_DT_RUNPATH = 29
_DEFAULT_DIRECTORIES = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)


class Elf:
    """The dynamic section of one 64-bit little-endian ELF file.

    `interpreter` is its loader or None, `needed` its libraries' names,
    `search` the directories of its own that it looks in, $ORIGIN expanded. A
    malformed file needs nothing: starting it will show what is wrong.
    """

    def __init__(self, path):
        self.path = path
        self.interpreter = None
        self.needed = []
        self.search = []
        with open(path, "rb") as file, contextlib.suppress(struct.error):
            self._read(file)

    def _read(self, file):
        header = file.read(64)
        table, = struct.unpack_from("<Q", header, 32)
        entry_size, count = struct.unpack_from("<HH", header, 54)
        file.seek(table)
        raw = file.read(entry_size * count)
        segments = []
        for index in range(count):
            kind, _, offset, address, _, size = struct.unpack_from(
                "<IIQQQQ", raw, index * entry_size)
            segments.append((kind, offset, address, size))
        for kind, offset, _, size in segments:
            if kind == _PT_INTERP:
                file.seek(offset)
                self.interpreter = os.fsdecode(file.read(size).rstrip(b"\0"))
            elif kind == _PT_DYNAMIC:
                self._read_dynamic(file, segments, offset, size)

    def _read_dynamic(self, file, segments, offset, size):
        file.seek(offset)
        raw = file.read(size)
        entries = list(struct.iter_unpack("<QQ", raw[:size - size % 16]))
        strings = dict(entries).get(_DT_STRTAB)
        if strings is None:
            return
        base = next(
            (start + strings - address
             for kind, start, address, length in segments
             if kind == 1 and address <= strings < address + length), None)
        if base is None:
            return

        def string(index):
            file.seek(base + index)
            data = b""
            while b"\0" not in data:
                chunk = file.read(256)
                if not chunk:
                    break
                data += chunk
            return os.fsdecode(data.split(b"\0")[0])

        origin = os.path.dirname(os.path.realpath(self.path))
        for tag, value in entries:
            if tag == _DT_NEEDED:
                self.needed.append(string(value))
            elif tag in (_DT_RPATH, _DT_RUNPATH):
                for directory in string(value).split(":"):
                    self.search.append(
                        directory.replace("${ORIGIN}", origin).replace(
                            "$ORIGIN", origin))


def is_elf(path):
    try:
        with open(path, "rb") as file:
            return file.read(5) == b"\x7fELF\x02"
    except OSError:
        return False


@functools.lru_cache(maxsize=None)
def _loader_cache():
    """{library name: path} as ldconfig knows it, for x86-64."""
    listing = subprocess.run(
        ["/sbin/ldconfig", "-p"], capture_output=True, check=False).stdout
    found = {}
    for line in os.fsdecode(listing).splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow and "x86-64" in name:
            found.setdefault(name.split(" ")[0], path)
    return found


def _find(name, search):
    if "/" in name:
        return name if is_elf(name) else None
    for directory in search:
        path = os.path.join(directory, name)
        if is_elf(path):
            return path
    path = _loader_cache().get(name)
    if path and is_elf(path):
        return path
    for directory in _DEFAULT_DIRECTORIES:
        path = os.path.join(directory, name)
        if is_elf(path):
            return path
    return None


def needed_files(paths, library_path=()):
    """The loader and libraries that the ELF files `paths` need, transitively.

    `library_path` is searched as LD_LIBRARY_PATH is. A library that is not
    found is left out: the loader in the guest will name it.
    """
    result = []
    seen = set()
    # Each with the search directories of those that asked for it, since
    # DT_RPATH (not DT_RUNPATH) is inherited; searching more does no harm.
    pending = [(path, ()) for path in paths]
    while pending:
        path, inherited = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        elf = Elf(path)
        own = (*elf.search, *inherited)
        if elf.interpreter and elf.interpreter not in seen:
            seen.add(elf.interpreter)
            result.append(elf.interpreter)
        for name in elf.needed:
            found = _find(name, (*library_path, *own))
            if found and found not in seen:
                result.append(found)
                pending.append((found, own))
    return result
