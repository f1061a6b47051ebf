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
    "Measured: everything else. Counts of instructions are of the model's own where it stands"
    " for one.",
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


def bulkhead_what(options, config):
    """What the column of Bulkhead is."""
    if options.bulkhead:
        what = f"the library {options.bulkhead}"
    else:
        what = "this tree's libbulkhead.so"
        what += "" if config == "none" else f", built with --config={config}"
    given = os.environ.get("BULKHEAD_OPTIONS")
    return what + (f", BULKHEAD_OPTIONS={given}" if given else "")


def _model(options, config, machine, columns):
    if BULKHEAD not in [column.name for column in columns]:
        return ["Measured: everything; Bulkhead is not among the columns."]
    if options.bulkhead:
        return ["Bulkhead is the library given; what of it is modelled, if anything, is not"
                " known here."]
    if config == "modelled":
        return list(_MODELLED)
    return [_SHIPPED] + ([] if machine.has_keys else [_WITHOUT_KEYS])


def heading(options, config, command, machine, columns):
    return Heading(command, machine.text(), _model(options, config, machine, columns),
                   [f"{column.name}: {column.what}" for column in columns])
