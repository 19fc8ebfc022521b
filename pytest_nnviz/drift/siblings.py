"""Which child of a module was which child of another: by name, by structure, by position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise

from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.pairs import BY_NAME, BY_POSITION, BY_STRUCTURE, Found, Sibling, alike
from pytest_nnviz.drift.sequence import Pairs, common, gaps, increasing

__all__ = ["displaced", "is_numbered", "match_siblings", "trades"]

Children = Sequence[Found]
Key = Callable[[Found], Hashable]


def is_numbered(children: Children) -> bool:
    """Whether the names are numbers that rise, and so positions."""
    if not children or not all(name.isdecimal() for name, _ in children):
        return False
    return all(int(a) < int(b) for (a, _), (b, _) in pairwise(children))


def match_siblings(old: Children, new: Children, ids: Identities) -> list[Sibling]:
    """Indexes of those that belong together, and how that was found."""
    named = _by_name(old, new)
    if is_numbered(old) and is_numbered(new):
        # A number is a position: one insertion renames all that follow, and reads best as that.
        equal = _same_key(_Left(old, new, ()), lambda child: ids.module(child[1]))
        if len(equal) > sum(ids.module(old[i][1]) == ids.module(new[j][1]) for i, j in named):
            return _told(old, new, equal, _between(old, new, equal))
    named = _uncrossed(old, new, named, ids)
    alike_ones = _renamed(old, new, named, ids)
    return _told(old, new, [*named, *alike_ones], _same_neighbours(old, new, [*named, *alike_ones]))


def displaced(old: Children, new: Children, pairs: list[Sibling]) -> list[Sibling] | None:
    """Numbered children that went past others, where these explain the numbers of the rest; None if nothing does.

    Empty where children came or went, or where several changed places, which their container tells.
    """
    if not (is_numbered(old) and is_numbered(new)):
        return None
    out = _out_of_order(pairs)
    if len(pairs) == len(old) == len(new):
        if not out:
            return None
        return [] if trades(old, new, pairs) else out
    return out


def trades(old: Children, new: Children, pairs: list[Sibling]) -> bool:
    """Whether more than one numbered child changed its place, with others or with its neighbour."""
    changed = sum(old[i][0] != new[j][0] for i, j, _ in pairs)
    return changed == 2 or len(_out_of_order(pairs)) > 1


def _out_of_order(pairs: list[Sibling]) -> list[Sibling]:
    ordered = sorted(pairs)
    stays = set(increasing([j for _, j, _ in ordered]))
    return [pair for at, pair in enumerate(ordered) if at not in stays]


def _told(old: Children, new: Children, found: Pairs, placed: Pairs) -> list[Sibling]:
    pairs = [(*pair, BY_STRUCTURE) for pair in found] + [(*pair, BY_POSITION) for pair in placed]
    return [(i, j, BY_NAME if old[i][0] == new[j][0] else how) for i, j, how in pairs]


def _by_name(old: Children, new: Children) -> Pairs:
    places = {name: j for j, (name, _) in enumerate(new)}
    return [(i, places[name]) for i, (name, _) in enumerate(old) if name in places]


def _uncrossed(old: Children, new: Children, named: Pairs, ids: Identities) -> Pairs:
    """Pairs of a name, without those of which each is on the other side what another of them was: they traded names."""
    differ = [(i, j) for i, j in named if ids.module(old[i][1]) != ids.module(new[j][1]) and old[i][1].parameters]
    now = {ids.module(new[j][1]): new[j][0] for _, j in differ}
    goes = {old[i][0]: now.get(ids.module(old[i][1])) for i, _ in differ}
    traded = _rings(goes)
    return [(i, j) for i, j in named if old[i][0] not in traded]


def _rings(goes: dict[str, str | None]) -> set[str | None]:
    """The names to which one comes back by going from each to where it goes."""
    started: dict[str | None, str] = {}
    found: set[str | None] = set()
    for start in goes:
        path: list[str | None] = []
        name: str | None = start
        while name in goes and name not in started:
            started[name] = start
            path.append(name)
            name = goes[name]
        if started.get(name) == start:
            found.update(path[path.index(name) :])
    return found


class _Left:
    """The children of both sides that have no partner yet."""

    def __init__(self, old: Children, new: Children, pairs: Iterable[tuple[int, int]]) -> None:
        gone, came = {i for i, _ in pairs}, {j for _, j in pairs}
        self.old = [(i, child) for i, child in enumerate(old) if i not in gone]
        self.new = [(j, child) for j, child in enumerate(new) if j not in came]


def _renamed(old: Children, new: Children, named: Pairs, ids: Identities) -> Pairs:
    """Siblings that lost their name and siblings that came, if they are alike."""
    keys: list[Key] = [lambda child: ids.module(child[1]), lambda child: alike(child[1])]
    found: Pairs = []
    for key in keys:
        found += _same_key(_Left(old, new, [*named, *found]), key)
    return found


def _same_key(left: _Left, key: Key) -> Pairs:
    """Pairs in order as far as possible, then any with the same key."""
    old, new = ([(index, key(child)) for index, child in side] for side in (left.old, left.new))
    chain = [(old[a][0], new[b][0]) for a, b in common([key for _, key in old], [key for _, key in new])]
    gone, came = {i for i, _ in chain}, {j for _, j in chain}
    waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
    for i, own in reversed(old):
        if i not in gone:
            waiting[own].append(i)
    return chain + [(waiting[own].pop(), j) for j, own in new if j not in came and waiting[own]]


def _between(old: Children, new: Children, pairs: Pairs) -> Pairs:
    """What stands between the same neighbours: as many on both sides, or equal in kind."""
    gone, came = {i for i, _ in pairs}, {j for _, j in pairs}
    ordered = sorted(pairs)
    in_order = [ordered[at] for at in increasing([j for _, j in ordered])]
    found: Pairs = []
    for stretch, other in gaps(in_order, len(old), len(new)):
        i, j = [index for index in stretch if index not in gone], [index for index in other if index not in came]
        if len(i) == len(j):
            found += zip(i, j, strict=True)
        else:
            found += [(i[a], j[b]) for a, b in common([_kind(old[a]) for a in i], [_kind(new[b]) for b in j])]
    return found


def _kind(child: Found) -> Hashable:
    module = child[1]
    return (module.class_name, module.shared)


def _same_neighbours(old: Children, new: Children, pairs: Pairs) -> Pairs:
    """Siblings that went and as many that came between the same two, of the same classes in order."""
    partner = {-1: -1, len(old): len(new)} | dict(pairs)
    came = {j for _, j in pairs}
    found: Pairs = []
    for before, after in pairwise(sorted(partner)):
        here, there = range(before + 1, after), range(partner[before] + 1, partner[after])
        kinds = ([_kind(old[i]) for i in here], [_kind(new[j]) for j in there])
        if kinds[0] == kinds[1] and came.isdisjoint(there):
            found += [(i, j) for i, j in zip(here, there, strict=True) if old[i][1].shared is None]
    return found
