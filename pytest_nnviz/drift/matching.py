"""Which module was which: by name, then renamed among its siblings, then moved to another parent."""

from __future__ import annotations

from collections.abc import Hashable

from pytest_nnviz.architecture import Module, walk_modules
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.moves import Moves
from pytest_nnviz.drift.pairs import Match, Pair, join
from pytest_nnviz.drift.siblings import displaced, match_siblings

__all__ = ["match_modules"]


def match_modules(old: Module, new: Module, ids: Identities) -> Match:
    """Match two trees; ``match_modules(b, a)`` is the mirror image of ``match_modules(a, b)``."""
    # Ties are broken by order, so one direction is chosen for both.
    if _comes_first(old, new):
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


def _match(old: Module, new: Module, ids: Identities) -> Match:
    pairs = _walk(Pair("", "", old, new), ids)
    for found in Moves(pairs, ids).found():
        pairs += _walk(found, ids)
    return Match(pairs)


def _walk(root: Pair, ids: Identities) -> list[Pair]:
    """The pair and all below it, parents first, as far as the two sides differ."""
    pairs: list[Pair] = []
    stack = [root]
    while stack:
        pair = stack.pop()
        pairs.append(pair)
        pair.equal = ids.module(pair.old) == ids.module(pair.new)
        if not pair.equal:
            stack += reversed(_match_children(pair, ids))
    return pairs


def _match_children(pair: Pair, ids: Identities) -> list[Pair]:
    old, new = pair.old.children, pair.new.children
    pair.children = sorted(match_siblings(old, new, ids), key=lambda found: found[1])
    gone = set(range(len(old))).difference(i for i, _, _ in pair.children)
    came = set(range(len(new))).difference(j for _, j, _ in pair.children)
    pair.removed = [(join(pair.old_path, old[i][0]), old[i][1]) for i in sorted(gone)]
    pair.added = [(join(pair.new_path, new[j][0]), new[j][1]) for j in sorted(came)]
    told = displaced(old, new, pair.children)
    follow = told is not None
    moved = {j for _, j, _ in told or ()}
    return [
        Pair(
            join(pair.old_path, old[i][0]),
            join(pair.new_path, new[j][0]),
            old[i][1],
            new[j][1],
            "kept" if old[i][0] == new[j][0] else "moved" if j in moved else "renamed",
            how,
            follow and j not in moved and old[i][0] != new[j][0],
        )
        for i, j, how in pair.children
        if old[i][0] != new[j][0] or ids.module(old[i][1]) != ids.module(new[j][1])
    ]
