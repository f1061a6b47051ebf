#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Debian's programs on Bulkhead, each doing real work that is checked."""

import argparse
import os
import pathlib
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree

# The modules beside this file lie in the source tree, which stays as it is.
sys.dont_write_bytecode = True

import databases
import harness
import languages
import tools

_ROWS = databases.ROWS + languages.ROWS + tools.ROWS
_EXIT_FAILURE, _EXIT_USAGE = 1, 2


def _parse():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--library", required=True, type=pathlib.Path,
                        help="libbulkhead.so")
    parser.add_argument("--row", action="append", metavar="NAME",
                        choices=[row.name for row in _ROWS],
                        help="run this row only; may be repeated")
    return parser.parse_args()


def _run(row, library, scale):
    """(error or None, line that says what was seen)."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-programs-") as directory:
        try:
            return None, harness.run_row(row, directory, library, scale)
        except harness.RowFailure as failure:
            return str(failure), ""
        except Exception:  # One broken row must not hide the others.
            return traceback.format_exc(), ""


def _write_xml(cases):
    path = os.environ.get("XML_OUTPUT_FILE")
    if not path:
        return
    suite = ElementTree.Element(
        "testsuite", name="programs", tests=str(len(cases)),
        failures=str(sum(error is not None for _, error, _ in cases)))
    for name, error, seconds in cases:
        case = ElementTree.SubElement(
            suite, "testcase", classname="programs", name=name,
            time=f"{seconds:.3f}")
        if error is not None:
            failure = ElementTree.SubElement(
                case, "failure", message=error.splitlines()[0])
            failure.text = error
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path, encoding="utf-8",
                                        xml_declaration=True)


def main():
    arguments = _parse()
    library = arguments.library.absolute()
    if not library.is_file():
        print(f"programs_test: {library}: no such file; "
              "build //:libbulkhead.so", file=sys.stderr)
        return _EXIT_USAGE
    scale = harness.Scale.here()
    print(f"scale: work divided by {scale.divisor}, because {scale.reason}")
    cases = []
    for row in _ROWS:
        if arguments.row and row.name not in arguments.row:
            continue
        begin = time.monotonic()
        error, seen = _run(row, library, scale)
        cases.append((row.name, error, time.monotonic() - begin))
        print(f"{'ok' if error is None else 'FAILED'} {row.name}: "
              f"{seen if error is None else error}", flush=True)
    _write_xml(cases)
    return _EXIT_FAILURE if any(error for _, error, _ in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
