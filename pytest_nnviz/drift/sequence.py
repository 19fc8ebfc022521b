"""Sequences: what two have in common, in order."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

__all__ = ["common", "gaps", "increasing"]

Pairs = list[tuple[int, int]]

_EDITS = 600
"""Beyond so many edits the exact search costs its square, and what it finds says nothing to a reader any more."""


def common(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """Indexes of a longest common subsequence; of a long one, where the sequences have little in common."""
    start = 0
    end = min(len(old), len(new))
    while start < end and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < end - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[start : len(old) - tail], new[start : len(new) - tail]
    middle = _shortest_edit(a, b) if a and b else []
    pairs = [(index, index) for index in range(start)]
    pairs += [(i + start, j + start) for i, j in (_by_occurrence(a, b) if middle is None else middle)]
    pairs += [(len(old) - back, len(new) - back) for back in range(tail, 0, -1)]
    return pairs


def _shortest_edit(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs | None:
    """The greedy algorithm of Myers, "An O(ND) difference algorithm" (1986); None beyond `_EDITS` edits."""
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(min(len(old) + len(new), _EDITS) + 1):
        history.append(furthest.copy())
        for diagonal in range(-edits, edits + 1, 2):
            x = _step(furthest, diagonal, edits)
            while x < len(old) and 0 <= x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            furthest[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return _walk_back(history, len(old), len(new))
    return None


def _step(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
    return furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1


def _walk_back(history: list[dict[int, int]], x: int, y: int) -> Pairs:
    pairs: Pairs = []
    for edits in range(len(history) - 1, -1, -1):
        furthest, diagonal = history[edits], x - y
        entered = _step(furthest, diagonal, edits)
        while x > entered:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
        x, y = (x, y - 1) if down else (x - 1, y)
    return pairs[::-1]


def _by_occurrence(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """First with first, second with second of each item, as far as that keeps the order."""
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for j in range(len(new) - 1, -1, -1):
        places[new[j]].append(j)
    pairs = [(i, places[item].pop()) for i, item in enumerate(old) if places[item]]
    return [pairs[index] for index in increasing([j for _, j in pairs])]


def increasing(values: Sequence[int]) -> list[int]:
    """Indexes of a longest strictly increasing subsequence."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        at = bisect_left(ends, value)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [value]
        last[at : at + 1] = [index]
    found: list[int] = []
    at = last[-1] if last else -1
    while at >= 0:
        found.append(at)
        at = before[at]
    return found[::-1]


def gaps(pairs: Pairs, old: int, new: int) -> Iterator[tuple[range, range]]:
    """The ranges between pairs that are in order, in two sequences of lengths ``old`` and ``new``."""
    i = j = 0
    for next_i, next_j in [*pairs, (old, new)]:
        yield range(i, next_i), range(j, next_j)
        i, j = next_i + 1, next_j + 1
