"""Modules of one container that run in another order, each in the place of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_nnviz.drift.data import Row, Way
from pytest_nnviz.drift.links import Links

__all__ = ["Order", "permutations"]


@dataclass(frozen=True, slots=True)
class Order:
    """Modules of a container that run in another order.

    Attributes:
        container: how the calls name it: ``self.layers``.
        old: the names that the modules have now in the order in which they ran.
        new: the same in the order in which they run.
        places: the way to the call that stood in a place -> the way to the one that stands there now.
        calls: the ways to each of these calls, before and after.
        renamed: whether the modules, not the calls, changed places: the order of the names is what it was.
    """

    container: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    places: Mapping[Way, Way]
    calls: frozenset[tuple[Way | None, Way | None]]
    renamed: bool


def permutations(links: Links, old: Way, new: Way, rows: Sequence[Row]) -> Iterator[Order]:
    """The containers inside two paired calls whose numbered modules run in another order, and nothing else changed."""
    members: dict[str, list[tuple[Way, Way]]] = {}
    for i, j in rows:
        if i is not None and j is not None:
            container, _, name = links.new.call((*new, j)).target.rpartition(".")
            if name.isdecimal() and links.new.target((*new, j)) is not None:
                members.setdefault(container, []).append(((*old, i), (*new, j)))
    for container, pairs in members.items():
        before, after = sorted(a for a, _ in pairs), [b for _, b in pairs]
        places = dict(zip(before, after, strict=True))
        if before != [a for a, _ in pairs] and _trade_places(links, places):
            names = {b: links.new.call(b).target.rpartition(".")[2] for b in after}
            by_old, by_new = tuple(names[b] for _, b in sorted(pairs)), tuple(names[b] for b in after)
            renamed = [links.old.target(a) for a in before] == [links.new.target(b) for b in after]
            yield Order(f"self.{container}", by_old, by_new, places, frozenset(pairs), renamed)


def _trade_places(links: Links, places: Mapping[Way, Way]) -> bool:
    """Whether each call takes what the one that stood in its place took."""
    return all(_same_operands(links, a, b, places) for a, b in places.items())


def _same_operands(links: Links, old: Way, new: Way, places: Mapping[Way, Way]) -> bool:
    a, b = links.old.call(old).args, links.new.call(new).args
    return len(a) == len(b) and all(
        x.name == y.name and links.same((x.value, old), (y.value, new), places) for x, y in zip(a, b, strict=True)
    )
