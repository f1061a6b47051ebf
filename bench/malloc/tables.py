# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Tables, as text for a terminal and as Markdown."""

import dataclasses

_COLOURS = {"good": "\033[32m", "bad": "\033[31m"}
_BOLD, _PLAIN = "\033[1m", "\033[0m"


@dataclasses.dataclass(frozen=True)
class Cell:
    text: str
    # "good", "bad" or "": shown as a colour, where there are colours.
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """The first column holds names and is aligned to the left."""

    title: str
    header: list
    rows: list
    notes: tuple = ()


def _aligned(text, width, index):
    return text.ljust(width) if index == 0 else text.rjust(width)


def text(table, colours=False):
    grid = [[Cell(name) for name in table.header], *table.rows]
    widths = [max(len(row[index].text) for row in grid) for index in range(len(table.header))]
    lines = [f"{_BOLD}{table.title}{_PLAIN}" if colours else table.title, ""]
    for row in grid:
        parts = []
        for index, cell in enumerate(row):
            part = _aligned(cell.text, widths[index], index)
            if colours and cell.mark:
                part = f"{_COLOURS[cell.mark]}{part}{_PLAIN}"
            parts.append(part)
        lines.append(("  " + "  ".join(parts)).rstrip())
    lines += [f"  {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def markdown(table):
    def line(words):
        return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"

    rule = ["---"] + ["---:"] * (len(table.header) - 1)
    lines = [f"## {table.title}", "", line(table.header), line(rule)]
    lines += [line([cell.text for cell in row]) for row in table.rows]
    if table.notes:
        lines += ["", *table.notes]
    return "\n".join(lines) + "\n"
