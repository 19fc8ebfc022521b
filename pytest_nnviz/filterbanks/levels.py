"""Weights as levels that a picture can hold, and what a level says of the weight that it was drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_nnviz.filterbanks.looks import INF, MINUS_INF, NAN, SIDE_LEVELS

__all__ = ["Levels", "largest", "levels_for"]


@dataclass(frozen=True, slots=True)
class Levels:
    """Whole numbers for weights from ``-limit`` to ``limit``, zero in the middle; others for what is not finite.

    Attributes:
        limit: the largest magnitude that is drawn, 0 where all weights are.
        side: levels on either side of zero.
        zero: the level of zero.
        wild: the levels of NaN, infinity and minus infinity; those of a picture of three colours are all 0.
    """

    limit: float
    side: int
    zero: int
    wild: tuple[int, int, int]

    @property
    def step(self) -> float:
        """How far two levels are apart."""
        return self.limit / self.side

    def of(self, values: Iterable[float]) -> bytes:
        """The levels of weights."""
        per_unit = self.side / self.limit if self.limit and self.side / self.limit < math.inf else 0.0
        return bytes(self._level(value, per_unit) for value in values)

    def _level(self, value: float, per_unit: float) -> int:
        if not math.isfinite(value):
            return self.wild[0 if value != value else 1 if value > 0 else 2]
        if per_unit == 0 and self.limit:
            return self.zero + round(value / self.limit * self.side)
        return self.zero + max(-self.side, min(self.side, round(value * per_unit)))

    def value(self, level: int) -> float:
        """The weight in the middle of a level."""
        if level in self.wild:
            return (math.nan, math.inf, -math.inf)[self.wild.index(level)]
        return (level - self.zero) / self.side * self.limit

    def knows(self, level: int) -> bool:
        """Whether it is one."""
        return level in self.wild or abs(level - self.zero) <= self.side


def levels_for(limit: float, channels: str) -> Levels:
    """The levels of a sheet: indexes of its palette, or for ``rgb`` the strength of a colour."""
    if channels == "rgb":
        return Levels(limit, 127, 128, (0, 0, 0))
    return Levels(limit, SIDE_LEVELS, SIDE_LEVELS, (NAN, INF, MINUS_INF))


def largest(rows: Sequence[Iterable[float]]) -> float:
    """The largest finite magnitude, 0 where there is none."""
    return max((abs(value) for row in rows for value in row if math.isfinite(value)), default=0.0)
