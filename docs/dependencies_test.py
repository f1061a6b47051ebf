#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""dependencies.md names what .bazel/deps.bzl and .packages/list name."""

import re
import sys
import unittest

_PAGE, _PINS, _PACKAGES = sys.argv[1:4]
del sys.argv[1:4]


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _table_words():
    """The words of the page's tables."""
    rows = [line for line in _read(_PAGE).splitlines() if line.startswith("|")]
    return set(re.findall(r"[\w.+~-]+", " ".join(rows)))


class DependenciesTest(unittest.TestCase):
    def test_sums(self):
        pinned = re.findall(r'sha256 = "([0-9a-f]{64})"', _read(_PINS))
        self.assertGreaterEqual(len(pinned), 3)
        self.assertEqual(sorted(re.findall(r"\b[0-9a-f]{64}\b", _read(_PAGE))), sorted(pinned))

    def test_files(self):
        for name in re.findall(r'\bfile = "([^"]+)"', _read(_PINS)):
            self.assertIn(f"`{name}`", _read(_PAGE))
            self.assertIn(re.search(r"_([\w.~]+)\.orig", name).group(1), _table_words())

    def test_kernels(self):
        for name in re.findall(r'metapackage = "([^"]+)"', _read(_PINS)):
            self.assertIn(name, _table_words())

    def test_packages(self):
        lines = [line.split() for line in _read(_PACKAGES).splitlines()]
        packages = {fields[1] for fields in lines if len(fields) == 2}
        self.assertIn("bazel-bootstrap", packages)
        self.assertEqual(sorted(packages - _table_words()), [])


if __name__ == "__main__":
    unittest.main()
