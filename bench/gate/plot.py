# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Time of a call against the size of the heap that it opens, as SVG; both axes
are logarithmic. The same figures give the same bytes."""

import math

import rows

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 170, 48, 48
_COLOURS = {rows.KEYS: "#e5484d", rows.PAGES: "#3b82f6"}

_STYLE = """\
text { font: 12px sans-serif; fill: #1f2328 }
.title { font-weight: bold; font-size: 14px }
.page { fill: #ffffff }
.grid { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117 }
  .grid { stroke: #30363d }
}"""


def _nanoseconds(value):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} ns"


class _Axis:
    def __init__(self, low, high, begin, end):
        self._low, self._span = math.log10(low), math.log10(high / low)
        self._begin, self._length = begin, end - begin

    def __call__(self, value):
        return self._begin + (math.log10(value) - self._low) / self._span * self._length


def draw(series):
    """`series`: (backend, threads) -> {MiB: nanoseconds}."""
    values = [value for points in series.values() for value in points.values()]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** max(math.ceil(math.log10(max(values))), math.floor(math.log10(low)) + 1)
    x = _Axis(rows.HEAPS[0], rows.HEAPS[-1], _LEFT, _WIDTH - _RIGHT)
    y = _Axis(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="24">Time of a call into a vault and back</text>',
    ]
    power = low
    while power <= high:
        at = y(power)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
                     f'y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
                     f"{_nanoseconds(power)}</text>")
        power *= 10
    for mebibytes in rows.HEAPS:
        parts.append(f'<text x="{x(mebibytes):.1f}" y="{_HEIGHT - _BOTTOM + 20}" '
                     f'text-anchor="middle">{mebibytes} MiB</text>')
    for (backend, threads), points in series.items():
        dashes = ' stroke-dasharray="6 4"' if threads > 1 else ""
        line = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in sorted(points.items()))
        parts.append(f'<polyline fill="none" stroke="{_COLOURS[backend]}" stroke-width="2"'
                     f'{dashes} points="{line}"/>')
        last = max(points)
        parts.append(f'<text x="{x(last) + 8:.1f}" y="{y(points[last]) + 4 + 7 * (threads - 1):.1f}">'
                     f"{backend}, {threads} thread{'s' if threads > 1 else ''}</text>")
    return "\n".join([*parts, "</svg>", ""])
