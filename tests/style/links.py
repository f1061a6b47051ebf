# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the pages refer to exists: files, headings, Bazel targets, test cases."""

import posixpath
import re

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_LABEL = re.compile(r"(?<![\w@:])//([\w/.-]*):([\w.+/-]*\w)")
_CASE = re.compile(r"`(\w+)\.([A-Z]\w+)`")
TEST = re.compile(r"^TEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_INDENTED = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)


def _anchors(text):
    """The fragments under which a page's headings are found."""
    for heading in _HEADING.findall(text):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        yield kept.replace(" ", "-")


def target_exists(tree, package, name):
    """Whether a package has a file or a rule of that name, or a macro's rule whose
    name begins with the macro's."""
    if posixpath.join(package, name) in tree.paths:
        return True
    build = posixpath.join(package, "BUILD")
    if build not in tree.paths:
        return False
    names = re.findall(r'"([\w.+/-]+)"', tree.read(build))
    return any(name == known or name.startswith(known + "_") for known in names)


def _link_problem(tree, path, target):
    if re.match(r"[a-z]+:", target):
        return None
    file, _, fragment = target.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    if not (tree.root / file).exists():
        return f"there is no {file}"
    if fragment and fragment not in _anchors(tree.read(file) or ""):
        return f"{file} has no heading #{fragment}"
    return None


def _problems(tree, path, text, cases):
    for number, line in enumerate(text.splitlines(), 1):
        for target in _LINK.findall(line):
            problem = _link_problem(tree, path, target)
            if problem:
                yield f"{path}:{number}: {problem}"
        for package, name in _LABEL.findall(line):
            if not target_exists(tree, package, name):
                yield f"{path}:{number}: there is no target //{package}:{name}"
        for suite, case in _CASE.findall(line):
            if (suite, case) not in cases and suite in {known for known, _ in cases}:
                yield f"{path}:{number}: {suite} has no case {case}"
            elif suite.endswith("Test") and (suite, case) not in cases:
                yield f"{path}:{number}: there is no test {suite}.{case}"


def check(tree):
    """Indented blocks, which show forms rather than names, are passed over."""
    cases = {
        case
        for path in tree.with_suffix("_test.cc")
        for case in TEST.findall(tree.read(path) or "")
    }
    for path in tree.with_suffix(".md"):
        yield from _problems(tree, path, _INDENTED.sub("", tree.read(path) or ""), cases)
