# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A plot as SVG: ratios on a logarithmic axis, one lane for each column.

The same figures give the same bytes. The colours follow the reader's light or
dark setting; the order of the lanes is that of the legend, so that the plot can
be read without colours too.
"""

import dataclasses
import math
from xml.sax.saxutils import escape

# The same in every plot, whichever columns it has; of middling lightness.
_COLOURS = {
    "glibc": "#8b949e",
    "jemalloc": "#bf8700",
    "mimalloc": "#1f9d55",
    "tcmalloc": "#a371f7",
    "scudo": "#3b82f6",
    "bulkhead": "#e5484d",
}
_OTHER_COLOUR = "#e07b39"
_EMPHASISED = "bulkhead"

_MARGIN = 16
_LABELS = 140
_PANEL = 330
_GAP = 36
_LANE = 9
_ROW_GAP = 12
_TOP = 84
# Beyond these powers of two a marker stands at the edge, as an arrow.
_LEAST_POWER, _MOST_POWER = -4, 4

_STYLE = """\
text { font: 12px sans-serif; fill: #1f2328 }
.title { font-weight: bold; font-size: 14px }
.value { font-size: 10px }
.page { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.one { stroke: #59636e; stroke-width: 1.5 }
.band { fill: #818b98; fill-opacity: 0.08 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117 }
  .grid { stroke: #30363d }
  .one { stroke: #9198a1 }
}"""


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    # Row -> column -> Ratio.
    ratios: dict


class _Axis:
    """Powers of two from `first` to `last`, between two positions."""

    def __init__(self, values, left, right):
        logs = [math.log2(value) for value in values] or [0]
        self.first = max(min(math.floor(min(logs)), -1), _LEAST_POWER)
        self.last = min(max(math.ceil(max(logs)), 1), _MOST_POWER)
        self._left, self._right = left, right

    def at(self, value):
        """The position, and whether the value lies outside."""
        power = math.log2(value)
        held = min(max(power, self.first), self.last)
        share = (held - self.first) / (self.last - self.first)
        return self._left + share * (self._right - self._left), held != power


def _colour(name):
    return _COLOURS.get(name, _OTHER_COLOUR)


def _line(name, x1, y1, x2, y2, more=""):
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{more}/>'


def _text(x, y, text, name="", anchor="start"):
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _diamond(x, y, size, colour):
    return (f'<path d="M{x - size:.1f} {y:.1f}L{x:.1f} {y - size:.1f}L{x + size:.1f} {y:.1f}'
            f'L{x:.1f} {y + size:.1f}Z" fill="{colour}"/>')


def _arrow(x, y, colour, to_right):
    tip = 6 if to_right else -6
    return (f'<path d="M{x - tip:.1f} {y - 4:.1f}L{x:.1f} {y:.1f}L{x - tip:.1f} {y + 4:.1f}Z"'
            f' fill="{colour}"/>')


def _marker(name, x, y, colour):
    if name == _EMPHASISED:
        return _diamond(x, y, 5, colour)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _point(axis, name, ratio, y, colour):
    """A column's lane: whisker from its least to its greatest run, and marker."""
    low, high = axis.at(ratio.low)[0], axis.at(ratio.high)[0]
    x, outside = axis.at(ratio.value)
    yield _line("whisker", low, y, high, y, f' stroke="{colour}"')
    yield _arrow(x, y, colour, ratio.value > 1) if outside else _marker(name, x, y, colour)
    if name == _EMPHASISED:
        yield _text(max(x, high) + 8, y + 3.5, f"{ratio.value:.2f}", "value")


def _tick(power):
    return str(2**power) if power >= 0 else f"1/{2**-power}"


def _panel(panel, rows, columns, left, row_height, bottom):
    values = [ratio.value for by_column in panel.ratios.values() for ratio in by_column.values()]
    axis = _Axis(values, left, left + _PANEL)
    yield _text(left, _TOP - 26, panel.title, "title")
    for power in range(axis.first, axis.last + 1):
        x, _ = axis.at(2.0**power)
        yield _line("one" if power == 0 else "grid", x, _TOP - 4, x, bottom)
        yield _text(x, _TOP - 9, _tick(power), "value", "middle")
    for index, row in enumerate(rows):
        for lane, name in enumerate(columns):
            ratio = panel.ratios[row].get(name)
            if ratio:
                y = _TOP + index * row_height + _ROW_GAP / 2 + (lane + 0.5) * _LANE
                yield from _point(axis, name, ratio, y, _colour(name))


def _legend(columns):
    x = _LABELS + _MARGIN
    for name in columns:
        yield _marker(name, x, 22, _colour(name))
        yield _text(x + 9, 26, name)
        x += 26 + 8 * len(name)


def draw(panels, columns):
    """The plot's text. The panels have the same rows."""
    rows = list(panels[0].ratios)
    row_height = len(columns) * _LANE + _ROW_GAP
    bottom = _TOP + len(rows) * row_height
    width = _MARGIN + _LABELS + len(panels) * (_PANEL + _GAP)
    height = bottom + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">',
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
        *_legend(columns),
    ]
    for index, row in enumerate(rows):
        y = _TOP + index * row_height
        if index % 2 == 0:
            lines.append(f'<rect class="band" x="{_MARGIN / 2:.1f}" y="{y}"'
                         f' width="{width - _MARGIN}" height="{row_height}"/>')
        lines.append(_text(_MARGIN, y + row_height / 2 + 4, row))
    for index, panel in enumerate(panels):
        left = _MARGIN + _LABELS + index * (_PANEL + _GAP)
        lines += _panel(panel, rows, columns, left, row_height, bottom)
    return "\n".join([*lines, "</svg>", ""])
