"""How far numbers may move when each weight moves no further than ``atol + rtol * |weight|``.

Write o for the weights before, n for those now, d for the bounds ``atol + rtol * |o|``, N for how many there are. From
``|n - o| <= d`` follow, with the triangle inequality, ``| ||n|| - ||o|| | <= ||d|| <= atol sqrt(N) + rtol ||o||``; that
over sqrt(N) bounds mean and standard deviation, which are no further apart than the root mean square of ``n - o``. The
smallest weight before bounds the smallest now from both sides, as ``o - rtol |o|`` grows with o, and so the largest. A
projection moves by no more than the norm of its pattern, below 1.042 sqrt(N), times ``||d||`` (Cauchy and Schwarz). To
each comes half a unit of the printed digit on either side, and the noise of summing doubles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_nnviz.filterbanks.data import Line, Statistics
from pytest_nnviz.filterbanks.pooling import NOISE, USUAL, strength

__all__ = ["NAMES", "Tolerance", "numbers"]

NAMES = ("norm", "mean", "std", "min", "max", "projection")
_HALF_UNIT = 5.001e-6
_SLACK = 1 + 2 * _HALF_UNIT  # a norm that is known to six digits


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a weight may move: ``atol`` in its own unit, and a share ``rtol`` of what it was."""

    atol: float
    rtol: float

    def widened(self, rtol: float) -> Tolerance:
        """At least this share."""
        return Tolerance(self.atol, max(self.rtol, rtol))

    def weight(self, value: float) -> float:
        """How far a weight may be from a value."""
        return self.atol + self.rtol * abs(value)

    def bounds(self, old: Statistics, count: int, pattern: float = USUAL) -> tuple[float, ...]:
        """How far each of `NAMES` may move by the weights alone.

        Args:
            old: the numbers before.
            count: how many weights they are of.
            pattern: the root mean square of what these count for in the projection, at most.
        """
        root = math.sqrt(max(1, count - sum(old.wild)))
        norm = old.norm * _SLACK
        moved = (self.atol + 2 * NOISE * norm / root) * root + self.rtol * norm
        mean = moved / root
        ends = (self.weight(end * _SLACK) for end in (old.low, old.high))
        return (moved, mean, mean, *ends, pattern * math.sqrt(count) * moved)

    def excess(self, old: Line, new: Line, size: int) -> list[tuple[str, float]]:
        """The numbers that moved further than their weights may, by name, and how many times as far; the most first.

        Args:
            old: of filters before.
            new: of filters now.
            size: how many weights one filter has.
        """
        bounds = self.bounds(old.statistics, len(old) * size, strength(old.start, old.stop))
        found = []
        pairs = zip(NAMES, numbers(old.statistics), numbers(new.statistics), bounds, strict=True)
        for name, before, now, bound in pairs:
            bound += _HALF_UNIT * (abs(before) + abs(now))
            if before != now and not abs(now - before) <= bound:
                found.append((name, abs(now - before) / bound if bound else math.inf))
        return sorted(found, key=lambda each: -each[1])

    def holds(self, old: Line, new: Line, size: int) -> bool:
        """Whether the weights of two lines may be within the tolerance, by all that their numbers say."""
        return old.statistics.wild == new.statistics.wild and not self.excess(old, new, size)


def numbers(statistics: Statistics) -> tuple[float, ...]:
    """The values of `NAMES`."""
    found = statistics
    return found.norm, found.mean, found.std, found.low, found.high, found.projection
