#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The archives of what runs inside the monitor need nothing but Bulkhead."""

import os
import re
import subprocess
import sys
import unittest

_ARCHIVES = [path for path in sys.argv[1:] if path.endswith(".a")]
del sys.argv[1:]

# In the same archives, but run by callers in their own domain or at start.
_OUTSIDE = {
    # The start reads the program's arguments.
    ("process_stack", "__libc_stack_end"),
    # A thread ends what libc registered for it before it has a record.
    ("restartable", "__rseq_offset"),
    ("restartable", "__rseq_size"),
    # The start looks for FSGSBASE.
    ("key_pool", "getauxval"),
    # A signal handler finds out whether it has a record.
    ("thread_record", "getauxval"),
}

# Bulkhead's own, and a name of the linker's for a place.
_ALLOWED = re.compile(r"bulkhead(_|::).*|_GLOBAL_OFFSET_TABLE_")


def _symbols(archive, which):
    """{name: [object, ...]}"""
    listing = subprocess.run(
        ["nm", "--print-file-name", "--demangle", "--format=posix", which, archive],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    found = {}
    for line in listing.splitlines():
        file, name = re.fullmatch(r"\S+\[(\S+)\]: (.*?) [A-Za-z](?: [0-9a-f]+)*\s*", line).groups()
        found.setdefault(name, []).append(file)
    return found


class MonitorCodeTest(unittest.TestCase):
    def test_there_are_archives(self):
        names = [os.path.basename(path) for path in _ARCHIVES]
        for name in ("libbulkhead_jemalloc", "libredirect", "libmemory"):
            self.assertTrue([known for known in names if known.startswith(name + ".")], names)

    def test_it_needs_nothing_but_bulkhead(self):
        defined = set()
        for archive in _ARCHIVES:
            defined.update(_symbols(archive, "--defined-only"))
        self.assertIn("bulkhead_memcpy", defined)
        foreign = {
            (file.split(".")[0], name)
            for archive in _ARCHIVES
            for name, files in _symbols(archive, "--undefined-only").items()
            if name not in defined and not _ALLOWED.fullmatch(name)
            for file in files
        }
        self.assertEqual(foreign, _OUTSIDE)


if __name__ == "__main__":
    unittest.main()
