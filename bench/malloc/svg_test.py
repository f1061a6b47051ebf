#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The plot: well-formed, the same each time, readable on light and on dark."""

import pathlib
import sys
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import svg
from stats import Ratio

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_COLUMNS = ["jemalloc", "bulkhead"]


def _panels(bulkhead=0.5):
    ratios = {
        "pairs": {"jemalloc": Ratio(1, 0.9, 1.2, 0.3),
                  "bulkhead": Ratio(bulkhead, bulkhead, bulkhead, 0)},
        "a<b": {"jemalloc": Ratio(1, 1, 1, 0)},
    }
    return [svg.Panel("Time", ratios), svg.Panel("Memory", ratios)]


def _elements(text, name):
    return list(ElementTree.fromstring(text).iter(_NAMESPACE + name))


class SvgTest(unittest.TestCase):
    def test_deterministic(self):
        self.assertEqual(svg.draw(_panels(), _COLUMNS), svg.draw(_panels(), _COLUMNS))

    def test_contents(self):
        text = svg.draw(_panels(), _COLUMNS)
        words = [element.text for element in _elements(text, "text")]
        for word in ("pairs", "a<b", "jemalloc", "bulkhead", "Time", "Memory", "0.50", "1/2"):
            self.assertIn(word, words)
        # A circle for each of jemalloc's, and one in the legend; diamonds for Bulkhead.
        self.assertEqual(len(_elements(text, "circle")), 2 * 2 + 1)
        self.assertEqual(len(_elements(text, "path")), 2 + 1)

    def test_one_is_where_jemalloc_stands(self):
        text = svg.draw(_panels(), _COLUMNS)
        (one, _) = [line.get("x1") for line in _elements(text, "line")
                    if line.get("class") == "one"]
        self.assertIn(one, [circle.get("cx") for circle in _elements(text, "circle")])

    def test_inside_its_box(self):
        for value in (1e-6, 0.5, 3.0, 1e6):
            text = svg.draw(_panels(value), _COLUMNS)
            width = float(ElementTree.fromstring(text).get("width"))
            for line in _elements(text, "line"):
                for end in ("x1", "x2"):
                    self.assertTrue(0 < float(line.get(end)) < width)

    def test_light_and_dark(self):
        (style,) = _elements(svg.draw(_panels(), _COLUMNS), "style")
        self.assertIn("prefers-color-scheme: dark", style.text)


if __name__ == "__main__":
    unittest.main()
