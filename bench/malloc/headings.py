# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a run says of itself before its figures."""

import dataclasses
import os

from allocators import BULKHEAD

_MODELLED = (
    "Modelled: WRPKRU as 28 dependent cycles between fences, RDPKRU as a load, RDFSBASE as a"
    " load, and an mprotect of the same range for every pkey_mprotect. Delivering a signal and"
    " adopting a thread change no rights here. This build enforces nothing.",
    "Measured: everything else. Counted instructions are those of the shipped code: what only"
    " models WRPKRU and RDPKRU is taken off.",
)
_SHIPPED = "Measured: the library as it is shipped; nothing is modelled."
_WITHOUT_KEYS = "This machine has no protection keys, so none are used, and pages take their place."


@dataclasses.dataclass(frozen=True)
class Heading:
    command: str
    machine: str
    model: list
    columns: list

    def text(self):
        lines = [self.command, self.machine, "", *self.model, "", "Columns, each preloaded:"]
        return "\n".join([*lines, *(f"  {column}" for column in self.columns), ""])


def bulkhead_what(config, library):
    """What a column of Bulkhead is: a library given, or this tree's."""
    if library:
        what = f"the library {library}"
    else:
        what = "this tree's libbulkhead.so"
        what += "" if config == "none" else f", built with --config={config}"
    given = os.environ.get("BULKHEAD_OPTIONS")
    return what + (f", BULKHEAD_OPTIONS={given}" if given else "")


def _model(options, configs, machine):
    if BULKHEAD not in options.allocators:
        return ["Measured: everything; Bulkhead is not among the columns."]
    if options.bulkhead:
        return ["Bulkhead is the library given; what of it is modelled, if anything, is not"
                " known here."]
    lines = []
    for name, config in zip(names(configs), configs):
        found = _MODELLED if config == "modelled" else (
            [_SHIPPED] + ([] if machine.has_keys else [_WITHOUT_KEYS]))
        lines += [f"{name}: {line}" for line in found] if len(configs) > 1 else found
    return lines


def names(variants):
    """The names of Bulkhead's columns, of which the closing line is the first's."""
    return [BULKHEAD, *(f"{BULKHEAD}-{variant}" for variant in variants[1:])]


def heading(options, configs, command, machine, columns):
    return Heading(command, machine.text(), _model(options, configs, machine),
                   [f"{column.name}: {column.what}" for column in columns])
