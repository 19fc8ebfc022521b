"""Lines on two logarithmic scales, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = ["plot"]

_COLOURS = ("#2f6fb0", "#b3541e", "#2e7d4f", "#8a4fa3")
_WIDTH, _HEIGHT, _MARGIN, _RIGHT = 640, 400, 56, 80


def plot(series: Mapping[str, Sequence[tuple[float, float]]], *, across: str, up: str) -> str:
    """One line for each series of ``(x, y)``, its name at its end; grid lines at powers of ten."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    left, right = math.log10(min(xs)), math.log10(max(xs))
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def at(x: float, y: float) -> tuple[float, float]:
        along = (math.log10(x) - left) / (right - left)
        over = (math.log10(y) - low) / (high - low)
        return _MARGIN + along * (_WIDTH - _MARGIN - _RIGHT), _HEIGHT - _MARGIN - over * (_HEIGHT - 2 * _MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(math.ceil(left), math.floor(right) + 1):
        (x, bottom), (_, top) = at(10.0**power, 10.0**low), at(10.0**power, 10.0**high)
        parts += [_grid(x, bottom, x, top), _text(x, bottom + 18, f"{10**power:,}", "middle")]
    for power in range(low, high + 1):
        (start, y), (end, _) = at(10.0**left, 10.0**power), at(10.0**right, 10.0**power)
        parts += [_grid(start, y, end, y), _text(start - 6, y + 4, f"{10.0**power:g}", "end")]
    for colour, (name, points) in zip(_COLOURS, series.items(), strict=False):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        end_x, end_y = at(*points[-1])
        parts.append(_text(end_x + 6, end_y + 4, name, "start", colour))
    parts += [_text(_WIDTH / 2, _HEIGHT - 12, across, "middle"), _text(_MARGIN, _MARGIN - 20, up, "middle"), "</svg>"]
    return "\n".join(parts) + "\n"


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d8d8d8"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
