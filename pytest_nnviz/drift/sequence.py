"""Sequences: what two have in common, in order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence

__all__ = ["common", "gaps", "increasing"]

Pairs = list[tuple[int, int]]

_EXACT, _STRETCH = 300, 64
"""So many edits are searched for exactly, which costs their square; then so many at a time, from the best point."""


def common(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """Indexes of a longest common subsequence; of a long one, where the sequences have little in common."""
    numbers: dict[Hashable, int] = {}
    a, b = ([numbers.setdefault(item, len(numbers)) for item in side] for side in (old, new))
    # What is on one side alone is no part of it, and would only be tried in vain.
    both = set(a) & set(b)
    left, right = ([at for at, item in enumerate(side) if item in both] for side in (a, b))
    return [(left[i], right[j]) for i, j in _common([a[i] for i in left], [b[j] for j in right])]


def _common(old: Sequence[int], new: Sequence[int]) -> Pairs:
    start = 0
    end = min(len(old), len(new))
    while start < end and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < end - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[start : len(old) - tail], new[start : len(new) - tail]
    pairs = [(index, index) for index in range(start)]
    pairs += [(i + start, j + start) for i, j in _stretches(a, b)]
    pairs += [(len(old) - back, len(new) - back) for back in range(tail, 0, -1)]
    return pairs


def _stretches(old: Sequence[int], new: Sequence[int]) -> Pairs:
    pairs: Pairs = []
    i = j = 0
    limit = _EXACT
    while i < len(old) and j < len(new):
        found, x, y = _shortest_edit(old[i:], new[j:], limit)
        pairs += [(i + a, j + b) for a, b in found]
        i, j, limit = i + x, j + y, _STRETCH
    return pairs


def _shortest_edit(old: Sequence[int], new: Sequence[int], limit: int) -> tuple[Pairs, int, int]:
    """The greedy algorithm of Myers, "An O(ND) difference algorithm" (1986): pairs, and how far they reach.

    That is both ends, or the furthest point that so many edits lead to.
    """
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    x = y = 0
    for edits in range(limit + 1):
        history.append(furthest.copy())
        for diagonal in range(-edits, edits + 1, 2):
            x = _entered(furthest, diagonal, edits)
            y = x - diagonal
            while x < len(old) and 0 <= y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= len(old) and y >= len(new):
                return _walk_back(history, len(old), len(new)), len(old), len(new)
    inside = [(x, x - d) for d, x in furthest.items() if (d - limit) % 2 == 0 and x <= len(old) and x - d <= len(new)]
    x, y = max(inside, key=sum)
    return _walk_back(history, x, y), x, y


def _entered(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
    return furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1


def _walk_back(history: list[dict[int, int]], x: int, y: int) -> Pairs:
    pairs: Pairs = []
    for edits in range(len(history) - 1, -1, -1):
        furthest, diagonal = history[edits], x - y
        entered = _entered(furthest, diagonal, edits)
        while x > entered:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        down = diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])
        x, y = (x, y - 1) if down else (x - 1, y)
    return pairs[::-1]


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
