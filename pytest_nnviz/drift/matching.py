"""Which module was which: by name, wrapped in another, then renamed among its siblings, then moved elsewhere."""

from __future__ import annotations

from collections.abc import Hashable

from pytest_nnviz.architecture import Architecture, Module, join, walk_modules
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.moves import Moves
from pytest_nnviz.drift.pairs import BY_NAME, Found, Match, Pair
from pytest_nnviz.drift.siblings import displaced, match_siblings
from pytest_nnviz.drift.wrapping import Wrappers, find_wrapping

__all__ = ["match_modules"]


def match_modules(old: Architecture, new: Architecture, ids: Identities) -> Match:
    """Match two trees; ``match_modules(b, a)`` is the mirror image of ``match_modules(a, b)``."""
    # Ties are broken by order, so one direction is chosen for both.
    if _comes_first(old.root, new.root):
        return _match(old, new, ids)
    return _match(new, old, ids).flipped()


def _comes_first(old: Module, new: Module) -> bool:
    for (old_path, a), (new_path, b) in zip(walk_modules(old), walk_modules(new), strict=False):
        if a is not b:
            left, right = (repr((path, _own(m))) for path, m in ((old_path, a), (new_path, b)))
            if left != right:
                return left < right
    return sum(1 for _ in walk_modules(old)) <= sum(1 for _ in walk_modules(new))


def _own(module: Module) -> Hashable:
    """What a module is apart from its children."""
    return (module.class_name, module.config, module.parameters, module.buffers, module.marks, module.shared)


def _match(old: Architecture, new: Architecture, ids: Identities) -> Match:
    walk = _Walk(ids, (Wrappers(old.forward), Wrappers(new.forward)))
    pairs = walk.below(walk.kept(("", old.root), ("", new.root)))
    for found in Moves(pairs, ids).found():
        pairs += walk.below(found)
    return Match(pairs)


class _Walk:
    def __init__(self, ids: Identities, wrappers: tuple[Wrappers, Wrappers]) -> None:
        self._ids = ids
        self._wrappers = wrappers

    def kept(self, old: Found, new: Found, how: str = BY_NAME) -> Pair:
        """The pair of two modules of a name, or of one with what is inside of the other."""
        wrapping = find_wrapping(old, new, self._wrappers, self._ids)
        if wrapping is not None:
            return Pair.wrapped(old, new, wrapping)
        return Pair(old[0], new[0], old[1], new[1], matched=how)

    def below(self, root: Pair) -> list[Pair]:
        """The pair and all below it, parents first, as far as the two sides differ."""
        pairs: list[Pair] = []
        stack = [root]
        while stack:
            pair = stack.pop()
            pairs.append(pair)
            pair.equal = self._ids.module(pair.old) == self._ids.module(pair.new)
            if not pair.equal:
                stack += reversed(self._children(pair))
        return pairs

    def _children(self, pair: Pair) -> list[Pair]:
        ids, old, new = self._ids, pair.old.children, pair.new.children
        pair.children = sorted(match_siblings(old, new, ids), key=lambda found: found[1])
        gone = set(range(len(old))).difference(i for i, _, _ in pair.children)
        came = set(range(len(new))).difference(j for _, j, _ in pair.children)
        pair.removed = [(join(pair.old_path, old[i][0]), old[i][1]) for i in sorted(gone)]
        pair.added = [(join(pair.new_path, new[j][0]), new[j][1]) for j in sorted(came)]
        told = displaced(old, new, pair.children)
        moved = {j for _, j, _ in told or ()}
        found: list[Pair] = []
        for i, j, how in pair.children:
            before, after = (join(pair.old_path, old[i][0]), old[i][1]), (join(pair.new_path, new[j][0]), new[j][1])
            if old[i][0] != new[j][0]:
                kind = "moved" if j in moved else "renamed"
                follows = told is not None and j not in moved
                found.append(Pair(before[0], after[0], before[1], after[1], kind, how, follows))
            elif ids.module(old[i][1]) != ids.module(new[j][1]):
                found.append(self.kept(before, after, how))
        return found
