#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Bulkhead's and jemalloc's writable static data lies where sealed.h says."""

import fnmatch
import os
import re
import subprocess
import sys
import unittest

_PAGE, _LIBRARY, _PROGRAM = sys.argv[1:4]
del sys.argv[1:4]

_PAGE_BYTES = 4096
_SEALED = ("bulkhead_sealed", "bulkhead_sealed_bss")
_SETTLED = ("bulkhead_settled",)
_BOUNDS = re.compile(r"bulkhead_(sealed|settled)_(begin|end)")

# The program's own, and what it shares with libc (copy relocations).
_OF_THE_PROGRAM = re.compile(r"program_\w+|other_jemalloc_\w+|\w+@.*")


def _output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout


class Section:
    def __init__(self, line):
        fields = re.match(r"\s*\[\s*(\d+)\]\s*(\S+)\s+\S+\s+(\S+)\s+\S+\s+(\S+)\s+\S+\s+(\S*)", line)
        self.index, self.name = fields[1], fields[2]
        self.begin, size = int(fields[3], 16), int(fields[4], 16)
        self.end = self.begin + size
        self.writable = "W" in fields[5] and "A" in fields[5]


class Image:
    """A linked file: its sections by name, and its writable data by section."""

    def __init__(self, path):
        lines = _output_of("readelf", "--sections", "--wide", path).splitlines()
        sections = [Section(line) for line in lines if re.match(r"\s*\[\s*\d+\]\s+[\w.]", line)]
        self.sections = {section.name: section for section in sections}
        segments = _output_of("readelf", "--segments", "--wide", path)
        relro = re.search(r"GNU_RELRO\s+\S+\s+(\S+)\s+\S+\s+\S+\s+(\S+)", segments)
        relro_end = int(relro[1], 16) + int(relro[2], 16)
        stays_writable = {
            section.index: section.name
            for section in sections
            if section.writable and section.end > relro_end
        }
        self.data = {}
        symbols = _output_of("readelf", "--symbols", "--wide", "--demangle", path)
        for line in symbols.partition("'.symtab'")[2].splitlines():
            fields = line.split(None, 7)
            if len(fields) < 8 or fields[3] in ("FUNC", "FILE", "SECTION"):
                continue
            if fields[6] in stays_writable:
                self.data.setdefault(stays_writable[fields[6]], set()).add(fields[7].strip())

    def elsewhere(self):
        """The names of data outside Bulkhead's sections."""
        return {
            name
            for section, names in self.data.items()
            if section not in _SEALED + _SETTLED
            for name in names
            if not _BOUNDS.fullmatch(name)
        }


def _listed():
    """The patterns in the first column of the page's table of static data."""
    with open(_PAGE, encoding="utf-8") as file:
        table = file.read().partition("## Static data")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row)]


def _is_listed(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _listed())


class SectionsTest(unittest.TestCase):
    def setUp(self):
        self.images = [Image(_LIBRARY), Image(_PROGRAM)]

    def test_all_data_is_sealed_or_listed(self):
        library, program = (image.elsewhere() for image in self.images)
        program = {name for name in program if not _OF_THE_PROGRAM.fullmatch(name)}
        self.assertEqual(sorted(name for name in library if not _is_listed(name)), [])
        self.assertEqual(sorted(name for name in program if not _is_listed(name)), [])

    def test_the_list_is_true(self):
        elsewhere = set().union(*(image.elsewhere() for image in self.images))
        for pattern in _listed():
            self.assertTrue(fnmatch.filter(elsewhere, pattern), f"there is no {pattern}")
        for name in ("bulkhead::lock", "bulkhead_entries", "arenas"):
            self.assertFalse(_is_listed(name), name)

    def test_each_section_holds_its_kind(self):
        for image in self.images:
            sealed = set().union(*(image.data[name] for name in _SEALED))
            settled = set().union(*(image.data[name] for name in _SETTLED))
            for name in ("bulkhead_compartments", "bulkhead_je_arena_emap_global", "arena_hooks"):
                self.assertIn(name, sealed)
            for name in ("bulkhead_root_pkru", "commit_pages", "bulkhead::heap_hooks"):
                self.assertIn(name, settled)

    def test_only_bulkheads_data_is_there(self):
        for image in self.images:
            for name in set().union(*(image.data[name] for name in _SEALED + _SETTLED)):
                self.assertFalse(_is_listed(name) or _OF_THE_PROGRAM.fullmatch(name), name)
        found = {name for name in self.images[1].elsewhere() if _OF_THE_PROGRAM.fullmatch(name)}
        self.assertLessEqual(
            {"program_data", "program_bss", "other_jemalloc_data", "other_jemalloc_bss"}, found
        )

    def test_the_sections_are_whole_pages_in_a_row(self):
        for image in self.images:
            parts = [image.sections[name] for name in _SETTLED + _SEALED]
            for before, after in zip(parts, parts[1:]):
                self.assertEqual(before.end, after.begin)
            for part in parts:
                self.assertEqual(part.begin % _PAGE_BYTES, 0)
                self.assertEqual(part.end % _PAGE_BYTES, 0)


if __name__ == "__main__":
    unittest.main()
