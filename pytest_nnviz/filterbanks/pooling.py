"""The numbers of several filters out of those of each, and the pattern of signs and weights for projections."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pytest_nnviz.filterbanks.data import Statistics

__all__ = ["LARGEST", "NOISE", "USUAL", "above", "in_range", "pattern", "pool", "strength"]

LARGEST = 1.5
"""No weight counts for as much in the projection of a filter; in that of a run not for its square."""

USUAL = 1.042
"""The root mean square of the first so many of the pattern is no more: 1.0418 of 169, of very many sqrt(13 / 12)."""

NOISE = 2.0**-45
"""What sums of doubles may differ by from machine to machine, relative to the root of the sum of squares."""

_STEP, _OTHER, _RANGE = 2654435769, 2246822519, 2**32


def pattern(index: int) -> float:
    """What the weight at an index counts for: a golden-ratio sequence, so that no two of them are equal, with signs.

    >>> [round(pattern(index), 3) for index in range(4)]
    [0.5, 1.118, 0.736, 1.354]
    """
    size = 0.5 + (index * _STEP % _RANGE) / _RANGE
    return -size if index * _OTHER >> 13 & 1 else size


def strength(start: int, stop: int) -> float:
    """The root mean square of what weights count for in the projection of a filter, or of a run, at most."""
    squares = math.fsum(pattern(index) ** 2 for index in range(start, stop))
    return USUAL * (math.sqrt(squares / (stop - start)) if stop > start + 1 else 1.0)


def pool(parts: Sequence[Statistics], sizes: Sequence[int], start: int) -> Statistics:
    """The numbers of filters together.

    Args:
        parts: the numbers of each.
        sizes: of each, how many weights are finite.
        start: which filter the first of them is.

    Raises:
        OverflowError: a number is beyond the range of doubles.
    """
    held = [(part, size) for part, size in zip(parts, sizes, strict=True) if size]
    count = sum(sizes)
    mean = math.fsum(part.mean * size for part, size in held) / max(count, 1)
    spread = math.hypot(*(math.hypot(part.std, part.mean - mean) * math.sqrt(size) for part, size in held))
    norm = math.hypot(*(part.norm for part in parts))
    low = min((part.low for part, _ in held), default=0.0)
    high = max((part.high for part, _ in held), default=0.0)
    projection = math.fsum(part.projection * pattern(start + index) for index, part in enumerate(parts))
    noise = NOISE * norm / math.sqrt(max(count, 1))
    std = 0.0 if low == high else spread / math.sqrt(max(count, 1))
    in_range((norm, std, projection))
    return Statistics(
        norm,
        above(mean, noise),
        std,
        low,
        high,
        above(projection, noise * count),
        *(sum(part.wild[kind] for part in parts) for kind in range(3)),
    )


def above(value: float, noise: float) -> float:
    """A plain zero for what is nothing but the noise of summing."""
    return value if abs(value) > noise else 0.0


def in_range(numbers: Iterable[float]) -> tuple[float, ...]:
    """The numbers.

    Raises:
        OverflowError: one is beyond the range of doubles.
    """
    found = tuple(numbers)
    if not all(map(math.isfinite, found)):
        raise OverflowError("a sum is beyond the range of doubles")
    return found
