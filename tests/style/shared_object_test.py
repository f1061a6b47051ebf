#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What libbulkhead.so shows to a program, needs of it, and can do to PKRU."""

import os
import re
import subprocess
import sys
import unittest

_LIBRARY = sys.argv.pop(1)
_C_HEADER = sys.argv.pop(1)
_SERVED = sys.argv.pop(1)

_MALLOC_FAMILY = """
    aligned_alloc calloc cfree free free_aligned_sized free_sized mallinfo
    mallinfo2 malloc malloc_info malloc_stats malloc_trim malloc_usable_size
    mallopt memalign posix_memalign pvalloc realloc reallocarray valloc
    __libc_calloc __libc_cfree __libc_free __libc_malloc __libc_memalign
    __libc_pvalloc __libc_realloc __libc_valloc __posix_memalign
""".split()

# Calls of libc that Bulkhead stands in front of.
_WRAPPED = [
    "pthread_create",
    "thrd_create",
    "pthread_cancel",
    "sigaction",
    "__sigaction",
    "signal",
    "bsd_signal",
    "ssignal",
    "sysv_signal",
    "__sysv_signal",
    "sigaltstack",
    "sigset",
    "sigignore",
    "mmap",
    "mmap64",
    "munmap",
    "mremap",
    "madvise",
    "mprotect",
    "pkey_mprotect",
    "pkey_free",
]

# What of libc ends in one of those that sandboxes are served.
_SERVED_BY_ANOTHER = [
    "printf",
    "vprintf",
    "fprintf",
    "__printf_chk",
    "__vprintf_chk",
    "__fprintf_chk",
]

_NEEDED = ["ld-linux-x86-64.so.2", "libc.so.6"]


def _operators():
    """The mangled names of the 20 replaceable operators."""
    nothrow, aligned = "RKSt9nothrow_t", "St11align_val_t"
    for form in "wa":
        for rest in ("", nothrow, aligned, aligned + nothrow):
            yield f"_Zn{form}m{rest}"
    for form in "la":
        for rest in ("", "m", nothrow, aligned, "m" + aligned, aligned + nothrow):
            yield f"_Zd{form}Pv{rest}"


def _output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout


def _c_functions():
    """The functions that the C header declares as the library's."""
    with open(_C_HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    return re.findall(r"^BULKHEAD_API[^;(]*?(\w+)\(", text, flags=re.MULTILINE)


def _served():
    """The functions of libc that Bulkhead stands in for in sandboxes."""
    with open(_SERVED, encoding="utf-8") as file:
        return re.findall(r"^BH_SERVED\((\w+)\)", file.read(), flags=re.MULTILINE)


def _code():
    """The bytes of the executable segment."""
    for line in _output_of("readelf", "--program-headers", "--wide", _LIBRARY).splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"] and "E" in fields[6:-1]:
            offset, size = int(fields[1], 16), int(fields[4], 16)
            with open(_LIBRARY, "rb") as file:
                file.seek(offset)
                return file.read(size)
    raise AssertionError("no executable segment")


class ExportsTest(unittest.TestCase):
    def test_exports_are_the_family_the_operators_and_the_c_api(self):
        expected = {*_MALLOC_FAMILY, *_operators(), *_c_functions(), *_WRAPPED}
        expected |= {*_served(), *_SERVED_BY_ANOTHER}
        self.assertLessEqual({"bh_call", "strerror"}, expected)
        listing = _output_of("nm", "--dynamic", "--defined-only", "--format=posix", _LIBRARY)
        exported = {line.split()[0] for line in listing.splitlines()}
        self.assertEqual(sorted(exported - expected), [], "exported, and not expected")
        self.assertEqual(sorted(expected - exported), [], "not exported")

    def test_needs_libc_only(self):
        listing = _output_of("readelf", "--dynamic", "--wide", _LIBRARY)
        self.assertEqual(sorted(re.findall(r"\(NEEDED\).*\[(.*)\]", listing)), _NEEDED)
        self.assertIn("BIND_NOW", listing)


class InstructionsTest(unittest.TestCase):
    def test_no_wrpkru_is_hidden(self):
        # What follows those that are not: //tests/seal:rights_code_test.
        listing = _output_of("objdump", "--disassemble", "--no-show-raw-insn", _LIBRARY)
        writers = re.findall(r"\twrpkru\s*$", listing, re.MULTILINE)
        self.assertTrue(writers)
        self.assertEqual(_code().count(b"\x0f\x01\xef"), len(writers), "WRPKRU inside another one")

    def test_no_xrstor(self):
        code = _code()
        found = [
            at.start()
            for at in re.finditer(rb"\x0f\xae(?=(.))", code, re.DOTALL)
            if at.group(1)[0] >> 3 & 7 == 5 and at.group(1)[0] >> 6 != 3
        ]
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
