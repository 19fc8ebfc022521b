"""Which row of a table was which row of another: by name, numbered siblings and rows without names as sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pytest_nnviz.drift.sequence import common, gaps, increasing
from pytest_nnviz.summaries.table import Row, title_of

__all__ = ["Match", "Node", "grow", "pair_up"]

_Indexes = list[tuple[int, int]]
_Key = Callable[["Node"], Hashable]


@dataclass(slots=True, eq=False)
class Node:
    """A row with the rows below it.

    Attributes:
        row: the row.
        own: the cells that the layer itself decides, not what it is handed.
        place: path of the row; classes where names are not shown, or its title where that has a number.
        children: the rows right below it.
        nth: which of its siblings of this name, or this class, it is, from 1.
        size: how many rows there are in all, itself among them.
        equal: the same number for nodes that are equal in all but their names.
        alike: the same number for those that differ in what they are handed at most.
    """

    row: Row
    own: tuple[str, ...]
    place: str = ""
    children: list[Node] = field(default_factory=list)
    nth: int = 1
    size: int = 1
    equal: int = 0
    alike: int = 0

    def rows(self) -> Iterator[Row]:
        """Its row and all below it, in the order of the table."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node.row
            stack += reversed(node.children)


_KEYS: tuple[_Key, ...] = (lambda node: node.equal, lambda node: node.alike, lambda node: node.row.class_name)


@dataclass(frozen=True, slots=True)
class Match:
    """Two nodes that are one row before and after, or one without a partner.

    ``moved`` says that it went past its siblings, ``places`` are its indexes among them.
    """

    old: Node | None
    new: Node | None
    moved: bool = False
    places: tuple[int, int] = (0, 0)


def grow(rows: Sequence[Row], own: Sequence[int], numbers: dict[Hashable, int]) -> Node:
    """The rows as a tree below a node that stands for none of them.

    Args:
        rows: the rows of a table.
        own: the indexes of the columns that a layer itself decides.
        numbers: shared by all trees that are to be compared.
    """
    top = Node(Row("", -1, "", "", None, ()), ())
    way = [top]
    met: Counter[tuple[int, str]] = Counter()
    for row in rows:
        del way[row.depth + 1 :]
        name = row.name or row.class_name
        met[id(way[-1]), name] += 1
        node = Node(row, tuple(row.cells[at] for at in own), _place(row, way[-1]), nth=met[id(way[-1]), name])
        way[-1].children.append(node)
        way.append(node)
    _number(top, numbers)
    return top


def _place(row: Row, above: Node) -> str:
    if row.name or row.depth < 1:
        return row.path
    if row.number is not None:
        return title_of(row)
    return f"{above.place}.{row.class_name}" if above.place else row.class_name


def _number(top: Node, numbers: dict[Hashable, int]) -> None:
    """Count and number the nodes from the leaves up, without recursion: tables may be deep."""
    order = [top]
    for node in order:
        order += node.children
    for node in reversed(order):
        node.size = 1 + sum(child.size for child in node.children)
        for name, cells in (("equal", node.row.cells), ("alike", node.own)):
            inside = tuple((child.row.name, getattr(child, name)) for child in node.children)
            key = (name, node.row.class_name, cells, inside)
            setattr(node, name, numbers.setdefault(key, len(numbers)))


def pair_up(old: Node, new: Node, *, named: bool, numbered: bool, forwards: bool) -> Iterator[Match]:
    """The rows below two nodes, in the order of ``new``; what is gone stands before what came in its stead.

    Nothing is listed below a row without a partner, nor below equal rows whose numbers are not shown. ``named`` says
    that rows are told apart by their names. ``forwards=False`` searches from ``new`` to ``old``, for the mirror image
    of what the other direction finds.
    """
    stack: list[Match] = [Match(old, new)]
    while stack:
        match = stack.pop()
        if match.new is not new:
            yield match
        if match.old is not None and match.new is not None and (numbered or not _equal_below(match.old, match.new)):
            by_name = named and match.new is not new  # the model's name is its class
            stack += reversed(_children(match.old, match.new, named=by_name, forwards=forwards))


def _equal_below(old: Node, new: Node) -> bool:
    return [(node.row.name, node.equal) for node in old.children] == [(n.row.name, n.equal) for n in new.children]


def _children(old: Node, new: Node, *, named: bool, forwards: bool) -> list[Match]:
    a, b = old.children, new.children
    if forwards:
        pairs = _pairs(a, b, named=named)
        stays = {pairs[at] for at in increasing([j for _, j in pairs])}
    else:
        pairs = _pairs(b, a, named=named)
        stays = {(i, j) for j, i in (pairs[at] for at in increasing([i for _, i in pairs]))}
        pairs = [(i, j) for j, i in pairs]
    partner = {j: i for i, j in pairs}
    taken = {i for i, _ in pairs}
    found: list[Match] = []
    for (gone, came), pair in zip(gaps(sorted(stays), len(a), len(b)), [*sorted(stays), None], strict=True):
        found += [Match(a[i], None) for i in gone if i not in taken]
        found += [
            Match(a[partner[j]], b[j], True, (partner[j], j)) if j in partner else Match(None, b[j]) for j in came
        ]
        if pair is not None:
            found.append(Match(a[pair[0]], b[pair[1]], places=pair))
    return found


def _pairs(old: Sequence[Node], new: Sequence[Node], *, named: bool) -> _Indexes:
    """Indexes of partners, in the order of ``old``."""
    names = [node.row.name if named and not node.row.name.isdecimal() else "" for node in (*old, *new)]
    before, after = names[: len(old)], names[len(old) :]
    places = {(name, node.nth): j for j, (name, node) in enumerate(zip(after, new, strict=True)) if name}
    keys = [(name, node.nth) for name, node in zip(before, old, strict=True)]
    pairs = [(i, places[key]) for i, key in enumerate(keys) if key in places]
    numbered = ([i for i, name in enumerate(before) if not name], [j for j, name in enumerate(after) if not name])
    pairs += _in_order(old, new, *numbered)
    left = _left(pairs, range(len(old)), range(len(new)))
    pairs += _elsewhere(old, new, *left)
    return sorted(pairs)


def _in_order(old: Sequence[Node], new: Sequence[Node], left: Sequence[int], right: Sequence[int]) -> _Indexes:
    """Partners among siblings whose places are their names, in order: what is equal, what is alike, by class."""
    if [old[i].row.class_name for i in left] == [new[j].row.class_name for j in right]:
        return list(zip(left, right, strict=True))
    chain: _Indexes = []
    for key in _KEYS:
        for i, j in list(gaps(chain, len(left), len(right))):
            found = common([key(old[left[at]]) for at in i], [key(new[right[at]]) for at in j])
            chain += [(i[a], j[b]) for a, b in found]
        chain.sort()
    for i, j in list(gaps(chain, len(left), len(right))):
        chain += zip(i, j, strict=True) if len(i) == len(j) else ()
    return [(left[a], right[b]) for a, b in chain]


def _elsewhere(old: Sequence[Node], new: Sequence[Node], left: Sequence[int], right: Sequence[int]) -> _Indexes:
    """Partners among what is left, under other names or elsewhere: what is equal, then what is alike."""
    found: _Indexes = []
    for key in _KEYS[:2]:
        waiting: dict[Hashable, list[int]] = {}
        for i in reversed(left):
            waiting.setdefault(key(old[i]), []).append(i)
        found += [(same.pop(), j) for j in right if (same := waiting.get(key(new[j])))]
        left, right = _left(found, left, right)
    return found


def _left(pairs: _Indexes, old: Iterable[int], new: Iterable[int]) -> tuple[list[int], list[int]]:
    """The indexes that are in no pair."""
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    return [i for i in old if i not in left], [j for j in new if j not in right]
