"""Which filters have a line of their own, so that the text of a model stays short whatever it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["MOST_LINES", "parts_of"]

MOST_LINES = 5_000
"""Lines of filters in a text; a model of thousands of convolutions has two for each."""

_SINGLE = (64, 32, 16, 8, 4, 2, 1)

Parts = tuple[tuple[int, int], ...]


def parts_of(counts: Sequence[int]) -> list[Parts]:
    """The filters that each line is about, from one to before another, for layers of so many filters.

    All have lines of their own where that fits. Else the first 64 of each layer have (fewer where that is too many),
    and the rest stands in runs, as short as fits.
    """
    if sum(counts) <= MOST_LINES:
        return [_parts(count, count, 1) for count in counts]
    run = 2
    for single in _SINGLE:
        for run in (2**power for power in range(1, max(counts).bit_length() + 1)):
            if sum(_lines(count, single, run) for count in counts) <= MOST_LINES:
                return [_parts(count, single, run) for count in counts]
    return [_parts(count, 1, run) for count in counts]


def _lines(count: int, single: int, run: int) -> int:
    return min(count, single) + math.ceil(max(0, count - single) / run)


def _parts(count: int, single: int, run: int) -> Parts:
    alone = [(index, index + 1) for index in range(min(count, single))]
    return (*alone, *((start, min(start + run, count)) for start in range(single, count, run)))
