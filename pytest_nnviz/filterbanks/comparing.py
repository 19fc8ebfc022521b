"""Filters before and now: what became of which, by their numbers and by what their sheets show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pytest_nnviz.filterbanks.changes import BankDrift, FilterChange, LayerChange, Moved
from pytest_nnviz.filterbanks.data import Bank, Layer, Line
from pytest_nnviz.filterbanks.likeness import aligned, factor_of, matched
from pytest_nnviz.filterbanks.pooling import LARGEST
from pytest_nnviz.filterbanks.tolerance import NAMES, Tolerance, numbers

__all__ = ["Look", "compare", "tolerance_of"]

Look = Callable[[Layer, Layer, Tolerance], Mapping[int, Moved]]
"""The weights of a layer that are not as its sheet shows them, by filter; nothing where no sheet can be trusted."""

_EPSILON = {"bf16": 2.0**-8, "f16": 2.0**-11, "c32": 2.0**-11, "f32": 2.0**-24, "c64": 2.0**-24}
_COARSE = 2.0**-2
_UNLIKE = 0.25
_CLOSE = 1e-3
_FEW = 4


def _nothing(old: Layer, new: Layer, tolerance: Tolerance) -> Mapping[int, Moved]:
    return {}


def compare(
    old: Bank, new: Bank, *, atol: float = 1e-8, rtol: float = 1e-5, exact: bool = False, look: Look = _nothing
) -> BankDrift:
    """What became of the filters of a model, the worst first.

    Args:
        old: before.
        new: now; lines of a layer are compared where both sides have the same.
        atol: how far a weight may move, in its own unit.
        rtol: how far it may move as a share of what it was.
        exact: whether another digest is a change.
        look: what tells from the sheet of a layer which of its weights moved.
    """
    olds, news = ({layer.path: layer for layer in bank.layers} for bank in (old, new))
    gone = [layer for path, layer in olds.items() if path not in news]
    come = [layer for path, layer in news.items() if path not in olds]
    found = list(_elsewhere(gone, come))
    for path in olds.keys() & news.keys():
        pair = _Pair(olds[path], news[path], Tolerance(atol, rtol), exact, look)
        found += filter(None, [pair.change()])
    order = {path: index for index, path in enumerate([*news, *olds])}
    found.sort(key=lambda change: (-change.score, order[change.path]))
    return BankDrift(old, new, tuple(found))


def tolerance_of(old: Layer, new: Layer, tolerance: Tolerance) -> Tolerance:
    """The tolerance for two layers: of different dtypes at least what rounding to the coarser one moves."""
    if old.dtype == new.dtype:
        return tolerance
    return tolerance.widened(max(_epsilon(layer.dtype) for layer in (old, new)))


def _epsilon(dtype: str) -> float:
    return 0.0 if dtype in ("f64", "c128") else _EPSILON.get(dtype, _COARSE)


def _elsewhere(gone: Iterable[Layer], come: Iterable[Layer]) -> Iterable[LayerChange]:
    """Layers that one side alone has: renamed where they hold the same, else removed and added."""
    left = {(layer.whole.digest, layer.dtype, layer.shape): layer for layer in reversed(list(gone))}
    held = []
    for layer in come:
        old = left.pop((layer.whole.digest, layer.dtype, layer.shape), None)
        if old is None:
            yield LayerChange("added", layer.path, None, layer, score=math.inf)
        else:
            held.append(old.path)
            yield LayerChange("renamed", layer.path, old, layer, (("path", old.path, layer.path),))
    for layer in gone:
        if layer.path not in held:
            yield LayerChange("removed", layer.path, layer, None, score=math.inf)


@dataclass(slots=True)
class _Pair:
    """A layer before and now."""

    old: Layer
    new: Layer
    given: Tolerance
    exact: bool
    look: Look
    tolerance: Tolerance = field(init=False)
    close: Tolerance = field(init=False)
    moved: Mapping[int, Moved] = field(init=False)

    def __post_init__(self) -> None:
        self.tolerance = tolerance_of(self.old, self.new, self.given)
        # However much may move: filters are told to be others, or others times a factor, only where they are close.
        usual = self.old.whole.statistics.norm / math.sqrt(self.old.filters * self.old.size)
        near = Tolerance(min(self.given.atol, _CLOSE * usual), min(self.given.rtol, _CLOSE))
        self.close = tolerance_of(self.old, self.new, near)
        same = self.old.kernel == self.new.kernel and self.old.filters == self.new.filters
        same = same and self.old.whole.digest != self.new.whole.digest
        self.moved = self.look(self.old, self.new, self.tolerance) if same else {}

    def change(self) -> LayerChange | None:
        """What became of it, None for nothing."""
        change = LayerChange("changed", self.new.path, self.old, self.new, tuple(self._outside()))
        if self.old.kernel != self.new.kernel:
            return replace(change, score=math.inf)
        if self.old.filters != self.new.filters:
            return self._recounted(change)
        change = self._inside(change)
        return change if change.facts or change.permuted or change.filters else None

    def _outside(self) -> Iterable[tuple[str, str, str]]:
        old, new = self.old, self.new
        yield from _fact("class", old.class_name, new.class_name)
        yield from _fact("dtype", old.dtype, new.dtype)
        if old.kernel != new.kernel or old.filters == new.filters:
            yield from _fact("shape", str(list(old.shape)), str(list(new.shape)))
        if old.kernel == new.kernel:
            yield from _fact("filters", str(old.filters), str(new.filters))

    def _recounted(self, change: LayerChange) -> LayerChange:
        """Filters were added or removed: those that are the same stay what they are at other places."""
        before, now = ([line for line in side.lines if len(line) == 1] for side in (self.old, self.new))
        kept = aligned(before, now, self.old.size, self.close)
        if not kept:
            return replace(change, score=math.inf)
        held = set(kept.values())
        removed = [FilterChange("removed", str(line)) for line in self.old.lines if line.start not in kept]
        added = [FilterChange("added", str(line)) for line in self.new.lines if line.start not in held]
        return replace(change, filters=(*removed, *added), score=math.inf)

    def _inside(self, change: LayerChange) -> LayerChange:
        pairs = [pair for pair in self._lines() if self._differs(*pair)]
        if not pairs:
            return self._whole(change)
        factor = self._factor(pairs)
        if factor is not None:
            score = abs(factor - 1) * self.old.whole.statistics.largest
            return replace(change, facts=(*change.facts, ("scaled", "", f"{factor:g}")), score=score)
        permuted = self._permuted(pairs)
        pairs = [pair for pair in pairs if pair[0].start not in permuted]
        filters = sorted((self._filter(*pair) for pair in pairs), key=lambda each: -each.by)
        return replace(
            change,
            facts=(*change.facts, *self._broken(), *self._renewed(pairs)),
            permuted=tuple(sorted(permuted.items())),
            filters=tuple(filters),
            score=max((each.by for each in filters), default=0.0),
        )

    def _lines(self) -> list[tuple[Line, Line]]:
        """Lines about the same filters."""
        now = {(line.start, line.stop): line for line in self.new.lines}
        return [(line, now[line.start, line.stop]) for line in self.old.lines if (line.start, line.stop) in now]

    def _differs(self, old: Line, new: Line) -> bool:
        if self.exact and self.old.dtype == self.new.dtype and old.digest != new.digest:
            return True
        seen = old.digest != new.digest and any(index in self.moved for index in range(old.start, old.stop))
        return seen or not self._alike(old, new)

    def _alike(self, old: Line, new: Line) -> bool:
        return self.tolerance.holds(old, new, self.old.size)

    def _whole(self, change: LayerChange) -> LayerChange:
        """Of a layer none of whose lines differs."""
        facts = list(change.facts)
        if self.old.dtype != self.new.dtype:
            facts.append(("rounded", self.old.dtype, self.new.dtype))
        if len(self._lines()) != len(self.old.lines) and not self._alike(self.old.whole, self.new.whole):
            facts.append(("weights", "", ""))
        return replace(change, facts=tuple(facts))

    def _factor(self, pairs: list[tuple[Line, Line]]) -> float | None:
        """What all of a layer was multiplied by."""
        factor = factor_of(self.old.whole, self.new.whole, self.old.size, self.close)
        if factor is None or len(pairs) < sum(line.statistics.norm > 0 for line in self.old.lines):
            return None
        tolerance = self.close.widened(3e-5)
        for old, new in self._lines():
            scaled = replace(old, statistics=old.statistics.scaled(factor))
            if not tolerance.holds(scaled, new, self.old.size):
                return None
        return factor

    def _permuted(self, pairs: list[tuple[Line, Line]]) -> dict[int, int]:
        single = [pair for pair in pairs if len(pair[0]) == 1]
        found = matched((old for old, _ in single), (new for _, new in single), self.old.size, self.close)
        places = {old: new for old, new in found.items() if old != new}
        # Only what took each other's places: of a copy, the filter that was written over has changed.
        while set(places) != set(places.values()):
            common = set(places) & set(places.values())
            places = {old: new for old, new in places.items() if old in common and new in common}
        return places

    def _broken(self) -> Iterable[tuple[str, str, str]]:
        """Kinds of filters that there are more of, by two at least: of one its own line tells."""
        befores, nows = ((*side.broken, side.whole.dead) for side in (self.old, self.new))
        for kind, before, now in zip(("nan", "infinite", "dead"), befores, nows, strict=True):
            if now > before + 1:
                yield kind, str(before), str(now)

    def _renewed(self, pairs: list[tuple[Line, Line]]) -> Iterable[tuple[str, str, str]]:
        """Whether most filters have nothing of what they were, those that have broken aside."""
        held = [old for old in self.old.lines if old.statistics.norm]
        whole = [(old, new) for old, new in pairs if not _broke(old, new)]
        unlike = [old for old, new in whole if _distance(old, new) > _UNLIKE * max(old.statistics.norm, 1e-300)]
        if len(held) >= _FEW and 2 * len(unlike) > len(held):
            yield "re-initialised", str(sum(len(old) for old, _ in pairs)), str(self.old.filters)

    def _filter(self, old: Line, new: Line) -> FilterChange:
        found = [self.moved[index] for index in range(old.start, old.stop) if index in self.moved]
        moved = found[0] if found and len(old) == 1 else None
        before, now = (dict(zip(NAMES, numbers(line.statistics), strict=True)) for line in (old, new))
        names = [name for name, _ in self.tolerance.excess(old, new, self.old.size)][:2]
        factor = factor_of(old, new, self.old.size, self.close)
        return FilterChange(
            "changed" if factor is None else "scaled",
            str(new),
            max([_least(old, new, self.old.size), *(each.by for each in found)]),
            moved,
            tuple((name, before[name], now[name]) for name in names),
            factor or 1.0,
            tuple(_became(old, new)),
        )


def _fact(name: str, old: str, new: str) -> Iterable[tuple[str, str, str]]:
    if old != new:
        yield name, old, new


def _distance(old: Line, new: Line) -> float:
    return abs(new.statistics.projection - old.statistics.projection)


def _least(old: Line, new: Line, size: int) -> float:
    """How far a weight moved at least, for the numbers to be what they are."""
    a, b = old.statistics, new.statistics
    count = len(old) * size
    root = math.sqrt(count)
    if a.wild != b.wild:
        return math.inf
    largest = LARGEST**2 if len(old) > 1 else LARGEST
    ends = abs(a.mean - b.mean), abs(a.low - b.low), abs(a.high - b.high)
    return max(*ends, abs(a.norm - b.norm) / root, _distance(old, new) / (largest * count))


def _broke(old: Line, new: Line) -> bool:
    """Whether there is more in it that is dead, or not finite."""
    wild = zip(old.statistics.wild, new.statistics.wild, strict=True)
    return new.dead > old.dead or any(now > before for before, now in wild)


def _became(old: Line, new: Line) -> Iterable[str]:
    for kind, before, now in zip(("nan", "inf", "-inf"), old.statistics.wild, new.statistics.wild, strict=True):
        if now != before:
            yield f"{kind} x{now}" if not before else f"{kind} x{before} -> x{now}"
    if new.dead > old.dead:
        yield "dead" if len(new) == 1 else f"{new.dead} dead"
    elif new.dead < old.dead:
        yield "no longer dead"
