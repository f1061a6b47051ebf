# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Every attack has its test, and every mutant its page: docs/attacks.md names
mutants that exist, mutants name tests that exist, and none is left unnamed."""

import fnmatch
import posixpath
import re

import links

_PAGE = "docs/attacks.md"
_PATCHES = "tests/mutants/"
_CODE = re.compile(r"`([^`]+)`")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_TARGET = re.compile(r"^Target: *//([\w/.-]*):([\w.+/-]+) +(\S+) *$", re.MULTILINE)
# A class of Python, or one of its cases.
_PYTHON = re.compile(r"^class (\w+)|^    def (test_\w+)", re.MULTILINE)
# A word of a pattern in which anything may stand around it.
_WORD = re.compile(r"\w+")
# What a sandbox must hold against waits for sandboxes.
_ATTACKER = re.compile(r"\bA1\b(?! in a sandbox)")
_COLUMNS = 5


def _cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _rows(text):
    """(number of the line, cells) of each row of the page's tables of attacks."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            yield number, _cells(line)
        elif _cells(line)[-1] == "mutants":
            inside = True


def _cases(tree):
    """{(suite, case)} of all cases of the tree, GoogleTest's and unittest's."""
    texts = (tree.read(path) or "" for path in tree.with_suffix("_test.cc", "_test.c"))
    cases = {case for text in texts for case in links.TEST.findall(text)}
    for path in tree.with_suffix("_test.py"):
        suite = ""
        for name, case in _PYTHON.findall(tree.read(path) or ""):
            suite = name or suite
            if case:
                cases.add((suite, case))
    return cases


def _names_a_case(pattern, cases):
    """Whether a pattern of full names fits a case. What parameters are called is
    not known here."""
    suite, dot, case = pattern.rpartition(".")
    if not dot:
        word = _WORD.search(pattern)
        return word is not None and any(word.group() in known for known, _ in cases)
    suite, case = suite.rpartition("/")[2], case.partition("/")[0]
    return any(
        fnmatch.fnmatchcase(known, suite) and fnmatch.fnmatchcase(name, case)
        for known, name in cases
    )


def _problems_of_page(text, mutants):
    for number, cells in _rows(text):
        if len(cells) != _COLUMNS:
            yield f"{_PAGE}:{number}: {len(cells)} columns, not {_COLUMNS}"
            continue
        attacker, test = cells[1], cells[3]
        if _ATTACKER.search(attacker) and not _CODE.search(test):
            yield f"{_PAGE}:{number}: an attack of A1 without a test"
        for name in _CODE.findall(cells[4]):
            if name not in mutants:
                yield f"{_PAGE}:{number}: there is no mutant {name}"


def check(tree):
    mutants = {
        posixpath.basename(path)[: -len(".patch")]: path
        for path in tree.with_suffix(".patch")
        if path.startswith(_PATCHES)
    }
    pages = {
        path: _FENCED.sub("", tree.read(path) or "")
        for path in tree.with_suffix(".md")
        if path.startswith("docs/")
    }
    if _PAGE in pages:
        yield from _problems_of_page(pages[_PAGE], mutants)
    named = {name for text in pages.values() for name in _CODE.findall(text)}
    cases = _cases(tree)
    for name, path in mutants.items():
        if name not in named:
            yield f"{path}: no page names it; {_PAGE} lists defences and their mutants"
        for package, target, pattern in _TARGET.findall(tree.read(path) or ""):
            if not links.target_exists(tree, package, target):
                yield f"{path}: there is no target //{package}:{target}"
            elif not _names_a_case(pattern, cases):
                yield f"{path}: no case is called {pattern}"
