# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Which test targets exist, and which of them run on which machine."""

import dataclasses
import fnmatch
import pathlib
import xml.etree.ElementTree as ElementTree

# A machine names the tags of targets that it does not run; each such target has a
# reason in exclusions.txt.

# What decides whether Bulkhead enforces anything is here; it runs on every
# machine, whatever the table says.
ALWAYS_RUN = ("//tests/attacks",)


@dataclasses.dataclass(frozen=True)
class Target:
    label: str
    tags: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Selection:
    selected: list[str]
    # label -> reason
    excluded: dict[str, str]
    # What is wrong with the exclusions themselves.
    problems: list[str]


def parse_query(xml_text):
    """The test targets in the output of `bazel query --output=xml`."""
    targets = []
    for rule in ElementTree.fromstring(xml_text).iter("rule"):
        tags = rule.find("list[@name='tags']")
        values = frozenset() if tags is None else frozenset(tag.get("value") for tag in tags)
        targets.append(Target(rule.get("name"), values))
    return sorted(targets, key=lambda target: target.label)


def read_exclusions(path):
    """pattern -> reason, from lines of a pattern, blanks, and the reason."""
    reasons = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, reason = line.split(maxsplit=1)
            reasons[pattern] = reason.strip()
    return reasons


def _reason(label, reasons):
    for pattern, reason in reasons.items():
        if fnmatch.fnmatchcase(label, pattern):
            return reason
    return None


def select(targets, machine, reasons):
    selected, excluded, problems = [], {}, []
    for target in targets:
        tags = sorted(target.tags.intersection(machine.excluded_tags))
        if "manual" in target.tags:
            excluded[target.label] = "tagged manual: runs only when it is named"
        elif tags:
            reason = _reason(target.label, reasons)
            if target.label.startswith(ALWAYS_RUN):
                problems.append(f"{target.label} may not be tagged {tags[0]}")
            elif reason is None:
                problems.append(
                    f"{target.label} is tagged {tags[0]}, and"
                    " tests/run/exclusions.txt gives no reason"
                )
            else:
                excluded[target.label] = reason
        else:
            selected.append(target.label)
    return Selection(selected, excluded, problems)
