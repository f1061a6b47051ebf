# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The command line of `./bulkhead bench malloc`."""

import argparse
import math
import pathlib

import allocators
import rows

# What --config takes; each but `none` is a configuration in .bazelrc.
CONFIGS = ("modelled", "none")

# Work enough to see that everything runs.
_SMALL = 0.02


def _number(text, least, kind):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not math.isfinite(value) or value < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least}")
    return value


def _scale(text):
    return _SMALL if text == "small" else _number(text, 0.0001, float)


def _list_of(known):
    def read(text):
        names = [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"'{name}' is unknown; there are {', '.join(known)}")
        if not names:
            raise argparse.ArgumentTypeError(f"it names none of {', '.join(known)}")
        return [name for name in known if name in names]
    return read


def parse(arguments):
    """The options. Exits with 2 on wrong use."""
    parser = argparse.ArgumentParser(
        prog="./bulkhead bench malloc", add_help=False, allow_abbrev=False)
    parser.add_argument("--runs", type=lambda text: _number(text, 1, int), default=5)
    parser.add_argument("--scale", type=_scale, default=1.0)
    parser.add_argument("--workloads", type=_list_of(rows.NAMES), default=list(rows.NAMES))
    parser.add_argument("--allocators", type=_list_of(allocators.NAMES),
                        default=list(allocators.NAMES))
    parser.add_argument("--bulkhead", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--config", type=_list_of(CONFIGS), default=[])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args(arguments)
    if options.bulkhead and options.config:
        parser.error("--bulkhead names a library that is built; --config builds one")
    for library in options.bulkhead:
        if not library.is_file():
            parser.error(f"--bulkhead: there is no file {library}")
    for path in (options.json, options.svg, options.markdown):
        if path and not path.resolve().parent.is_dir():
            parser.error(f"there is no directory {path.resolve().parent}")
    if options.publish and (options.svg or options.markdown):
        parser.error("--publish names page and plot; leave --svg and --markdown out")
    if allocators.BASELINE not in options.allocators:
        # Every figure is a ratio to it.
        options.allocators = [name for name in allocators.NAMES
                              if name in options.allocators or name == allocators.BASELINE]
    return options
