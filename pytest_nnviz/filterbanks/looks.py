"""Every colour and distance of the sheets; a palette whose first colours are the levels of weights."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = [
    "EMPTY",
    "FRAME",
    "GROUND",
    "INF",
    "INK",
    "LEVELS",
    "MARGIN",
    "MINUS_INF",
    "NAN",
    "SIDE_LEVELS",
    "Colour",
    "colours",
    "flat",
]

SIDE_LEVELS: Final = 123
"""Levels on either side of zero."""

LEVELS: Final = 2 * SIDE_LEVELS + 1
GROUND, FRAME, NAN, INF, MINUS_INF, EMPTY = LEVELS, LEVELS + 4, LEVELS + 5, LEVELS + 6, LEVELS + 7, LEVELS + 8
INK: Final = (GROUND, LEVELS + 1, LEVELS + 2, LEVELS + 3)
"""From nothing to full."""

MARGIN: Final = 16

_SCALE = ("053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b", "67001f")
"""Diverging, to be told apart by the colour-blind: RdBu of ColorBrewer (Cynthia Brewer), turned round."""

_OTHERS = ("ffffff", "b4b7bb", "6a6e74", "1f2328", "8c959f", "00a651", "ffd400", "8a3ffc", "d8dee4")
"""Ground, three shades of ink, frame, NaN, infinite, minus infinite, nothing there."""

Colour = tuple[int, int, int]


@cache
def colours() -> list[Colour]:
    """The palette: the levels from the most negative to the most positive, then what is no weight."""
    anchors = [_colour(code) for code in _SCALE]
    return [*(_between(anchors, level) for level in range(LEVELS)), *(_colour(code) for code in _OTHERS)]


def flat() -> list[int]:
    """The palette as Pillow takes it."""
    return [part for colour in colours() for part in colour]


def _colour(code: str) -> Colour:
    red, green, blue = bytes.fromhex(code)
    return red, green, blue


def _between(anchors: list[Colour], level: int) -> Colour:
    at, rest = divmod(level * (len(anchors) - 1), LEVELS - 1)
    start, end = anchors[at], anchors[min(at + 1, len(anchors) - 1)]
    red, green, blue = (a + (b - a) * rest // (LEVELS - 1) for a, b in zip(start, end, strict=True))
    return red, green, blue
