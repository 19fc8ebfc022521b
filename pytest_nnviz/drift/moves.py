"""Modules that went to another parent: what was removed in one place and added in another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

from pytest_nnviz.architecture import Module, join, walk_modules
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.pairs import BY_POSITION, BY_STRUCTURE, Found, Pair, alike

__all__ = ["Moves"]


class Moves:
    """What was removed in one place and added in another, or lies inside of that."""

    def __init__(self, pairs: list[Pair], ids: Identities) -> None:
        self.pairs = pairs
        self.ids = ids
        self.taken: tuple[set[str], set[str]] = (set(), set())

    def found(self) -> list[Pair]:
        """The moves; their roots leave the lists of what was removed and added."""
        old = _nodes(pair.removed for pair in self.pairs)
        new = _nodes(pair.added for pair in self.pairs)
        moves = self._outermost([*self._equal(old, new), *self._similar(old, new)]) if old and new else []
        moves += self._companions(moves, old, new)
        gone, came = ({move.old_path for move in moves}, {move.new_path for move in moves})
        order = {path: index for index, (path, _) in enumerate(old)}
        moves.sort(key=lambda move: order[move.old_path])
        for pair in self.pairs if moves else ():
            pair.removed = [root for root in pair.removed if root[0] not in gone]
            pair.added = [root for root in pair.added if root[0] not in came]
        return moves

    def _equal(self, old: list[Found], new: list[Found]) -> list[Pair]:
        sizes: Counter[int] = Counter()
        sides: tuple[defaultdict[int, list[Found]], ...] = (defaultdict(list), defaultdict(list))
        for side, nodes in zip(sides, (old, new), strict=True):
            for path, module in nodes:
                side[self.ids.module(module)].append((path, module))
        for key in sides[0].keys() & sides[1].keys():
            sizes[key] = sum(1 for _ in walk_modules(sides[0][key][0][1]))
        moves: list[Pair] = []
        for key, _ in sorted(sizes.items(), key=lambda item: (-item[1], sides[0][item[0]][0][0])):
            moves += self._pair(sides[0][key], sides[1][key])
        return moves

    def _similar(self, old: list[Found], new: list[Found]) -> list[Pair]:
        sides: tuple[defaultdict[Hashable, list[Found]], ...] = (defaultdict(list), defaultdict(list))
        for side, nodes, taken in zip(sides, (old, new), self.taken, strict=True):
            for path, module in nodes:
                if not _covered(path, taken):
                    side[(path.rpartition(".")[2], alike(module))].append((path, module))
        moves: list[Pair] = []
        for key, found in sides[0].items():
            if len(found) == len(sides[1].get(key, ())) == 1:
                moves += self._pair(found, sides[1][key])
        return moves

    def _companions(self, moves: list[Pair], old: list[Found], new: list[Found]) -> list[Pair]:
        """Modules of the class and name that they had, whose siblings moved from the one parent to the other."""
        went = [(move.old_path.rpartition("."), move.new_path.rpartition(".")) for move in moves]
        parents = {before[0]: after[0] for before, after in went if before[2] == after[2]}
        places = dict(new)
        found: list[Pair] = []
        for path, module in old if parents else ():
            parent, _, name = path.rpartition(".")
            there = join(parents[parent], name) if parent in parents else ""
            other = places.get(there)
            if other is None or other.class_name != module.class_name:
                continue
            if not _covered(path, self.taken[0]) and not _covered(there, self.taken[1]):
                self.taken[0].add(path)
                self.taken[1].add(there)
                found.append(Pair(path, there, module, other, "moved", BY_POSITION))
        return found

    def _outermost(self, moves: list[Pair]) -> list[Pair]:
        def inside(path: str, taken: set[str]) -> bool:
            parent, dot, _ = path.rpartition(".")
            return bool(dot) and _covered(parent, taken)

        return [m for m in moves if not (inside(m.old_path, self.taken[0]) and inside(m.new_path, self.taken[1]))]

    def _pair(self, old: list[Found], new: list[Found]) -> list[Pair]:
        """Pair equal modules, those with the most alike paths first."""
        waiting = _Waiting(node for node in new if not _covered(node[0], self.taken[1]))
        moves: list[Pair] = []
        for path, module in old:
            if not waiting or _covered(path, self.taken[0]):
                continue
            best, tail = waiting.most_alike(path)
            if not tail and not _has_state(module):
                continue
            waiting.take(best)
            self.taken[0].add(path)
            self.taken[1].add(best[0])
            moves.append(Pair(path, best[0], module, best[1], "moved", BY_STRUCTURE))
        return moves


class _Waiting:
    """Modules by the ends of their paths, each in order."""

    def __init__(self, nodes: Iterable[Found]) -> None:
        self._left: dict[str, Found] = {}
        self._ends: defaultdict[tuple[str, ...], dict[str, Found]] = defaultdict(dict)
        for path, module in nodes:
            self._left[path] = (path, module)
            for end in _ends(path):
                self._ends[end][path] = (path, module)

    def __bool__(self) -> bool:
        return bool(self._left)

    def most_alike(self, path: str) -> tuple[Found, int]:
        """The first of those whose paths end most like this one, and in how many names."""
        end = next(end for end in _ends(path) if self._ends.get(end))
        return next(iter(self._ends[end].values())), len(end)

    def take(self, node: Found) -> None:
        """Take out the one that has its partner."""
        del self._left[node[0]]
        for end in _ends(node[0]):
            del self._ends[end][node[0]]


def _ends(path: str) -> list[tuple[str, ...]]:
    """The last names of a path, the most first; at last none."""
    names = tuple(path.split("."))
    return [names[at:] for at in range(len(names) + 1)]


def _nodes(roots: Iterable[list[Found]]) -> list[Found]:
    return [
        (join(root, path), module)
        for found in roots
        for root, top in found
        for path, module in walk_modules(top)
        if module.shared is None
    ]


def _covered(path: str, taken: set[str]) -> bool:
    while path not in taken:
        path, dot, _ = path.rpartition(".")
        if not dot:
            return False
    return True


def _has_state(module: Module) -> bool:
    return any(m.parameters or m.buffers for _, m in walk_modules(module))
