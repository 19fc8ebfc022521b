"""Modules of one container that run in another order, each in the place of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_nnviz.drift.data import Row, Way
from pytest_nnviz.drift.links import Links

__all__ = ["Order", "permutations"]

_Pair = tuple[Way, Way]


@dataclass(frozen=True, slots=True)
class Order:
    """Modules of a container that run in another order.

    Attributes:
        container: how the calls name it: ``self.layers``.
        old: the names that the modules have now in the order in which they ran.
        new: the same in the order in which they run.
        places: the way to a call -> the way to the one that stands in its place now, where that is another.
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
    """The containers inside two paired calls whose numbered modules run in another order, and nothing else changed; or
    two modules of any names of which each runs in the place of the other, on what that took.
    """
    members: dict[str, list[_Pair]] = {}
    for i, j in rows:
        if i is not None and j is not None and links.new.target((*new, j)) is not None:
            container, _, name = links.new.call((*new, j)).target.rpartition(".")
            members.setdefault(container if name.isdecimal() else "", []).append(((*old, i), (*new, j)))
    for container, pairs in members.items():
        before, after = sorted(a for a, _ in pairs), [b for _, b in pairs]
        homes = dict(pairs)
        places = {a: b for a, b in zip(before, after, strict=True) if homes[a] != b}
        told = (
            bool(places) if container else len(places) == 2 and not _trade_places(links, {a: homes[a] for a in places})
        )
        if told and _trade_places(links, places):
            names = {b: links.new.call(b).target.removeprefix(f"{container}.") for b in after}
            by_old, by_new = tuple(names[homes[a]] for a in before), tuple(names[b] for b in after)
            renamed = [links.old.target(a) for a in before] == [links.new.target(b) for b in after]
            calls = frozenset((a, homes[a]) for a in places)
            yield Order(f"self.{container}".rstrip("."), by_old, by_new, places, calls, renamed)


def _trade_places(links: Links, places: Mapping[Way, Way]) -> bool:
    """Whether each call takes what the one that stood in its place took."""
    return all(_same_operands(links, a, b, places) for a, b in places.items())


def _same_operands(links: Links, old: Way, new: Way, places: Mapping[Way, Way]) -> bool:
    a, b = links.old.call(old).args, links.new.call(new).args
    # Blocks of other classes have other names for what they take.
    return len(a) == len(b) and all(
        links.same((x.value, old), (y.value, new), places) for x, y in zip(a, b, strict=True)
    )
