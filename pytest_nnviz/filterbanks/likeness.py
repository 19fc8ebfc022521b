"""Which filters are which: by their digests, else by their numbers; and whether filters are others times a factor."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pytest_nnviz.filterbanks.data import Line
from pytest_nnviz.filterbanks.tolerance import Tolerance

__all__ = ["aligned", "factor_of", "matched"]

_CANDIDATES = 32


def matched(old: Iterable[Line], new: Iterable[Line], size: int, tolerance: Tolerance) -> dict[int, int]:
    """Old lines to new ones that hold the same filters, by where they start; of equal ones the first come first.

    Args:
        old: lines of one filter each, before.
        new: those now.
        size: how many weights a filter has.
        tolerance: how far weights may have moved where no digest is the same.
    """
    waiting: defaultdict[str, list[Line]] = defaultdict(list)
    for line in reversed(list(new)):
        waiting[line.digest].append(line)
    found: dict[int, int] = {}
    left = []
    for line in old:
        if waiting[line.digest]:
            found[line.start] = waiting[line.digest].pop().start
        else:
            left.append(line)
    rest = sorted((line for lines in waiting.values() for line in lines), key=_norm)
    return found | _by_numbers(left, rest, size, tolerance)


def _norm(line: Line) -> float:
    return line.statistics.norm


def _by_numbers(old: list[Line], new: list[Line], size: int, tolerance: Tolerance) -> dict[int, int]:
    """As `matched`, of lines that are sorted by norm; of many with one norm only some are looked at."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    norms = [_norm(line) for line in new]
    for line in old:
        reach = tolerance.bounds(line.statistics, size)[0] + 1e-5 * _norm(line)
        start = bisect_left(norms, _norm(line) - reach)
        for candidate in new[start : start + _CANDIDATES]:
            if candidate.start not in taken and tolerance.holds(line, candidate, size):
                found[line.start] = candidate.start
                taken.add(candidate.start)
                break
    return found


def aligned(old: Sequence[Line], new: Sequence[Line], size: int, tolerance: Tolerance) -> dict[int, int]:
    """As `matched`, but those that kept their order: what is left out was removed, added, or put elsewhere.

    The longest chain of matches whose places grow on both sides.
    """
    pairs = sorted(matched(old, new, size, tolerance).items())
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, place) in enumerate(pairs):
        at = bisect_left(tails, place)
        before.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [place]
        ends[at : at + 1] = [index]
    chain: dict[int, int] = {}
    index = ends[-1] if ends else -1
    while index >= 0:
        chain[pairs[index][0]] = pairs[index][1]
        index = before[index]
    return chain


def factor_of(old: Line, new: Line, size: int, tolerance: Tolerance) -> float | None:
    """What the filters before were multiplied by, to within their printed digits; None where no factor explains them.

    Never 1, and never 0.
    """
    norms = _norm(old), _norm(new)
    if not all(norms) or not all(map(math.isfinite, norms)):
        return None
    size_of = float(f"{norms[1] / norms[0]:.5g}")
    for factor in (size_of, -size_of):
        scaled = Line(old.start, old.stop, old.statistics.scaled(factor), old.dead, old.digest)
        if factor != 1 and tolerance.widened(3e-5).holds(scaled, new, size):
            return factor
    return None
