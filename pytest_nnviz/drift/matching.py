"""Which module was which: by name, then renamed among its siblings, then moved to another parent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from pytest_nnviz.architecture import Module, walk_modules
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.sequence import Pairs, common, gaps

__all__ = ["Match", "Pair", "join", "match_modules"]

Children = Sequence[tuple[str, Module]]
Found = tuple[str, Module]


def join(path: str, name: str) -> str:
    """Path of what is called ``name`` in the module at ``path``."""
    return f"{path}.{name}" if path and name else path or name


@dataclass(slots=True)
class Pair:
    """A module before and after; ``children`` are indexes of the children that were paired below the same parent."""

    old_path: str
    new_path: str
    old: Module
    new: Module
    kind: str = "kept"
    equal: bool = False
    children: Pairs = field(default_factory=list)
    removed: list[Found] = field(default_factory=list)
    added: list[Found] = field(default_factory=list)


@dataclass(slots=True)
class Match:
    """All pairs in the order of a walk, without those inside equal ones; and where each old module went."""

    pairs: list[Pair]
    _homes: dict[str, str | None] = field(default_factory=dict)
    _came: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for pair in self.pairs:
            self._homes.update({path: None for path, _ in pair.removed})
            self._came.update(path for path, _ in pair.added)
        self._homes.update({pair.old_path: pair.new_path for pair in self.pairs if pair.kind != "kept"})

    @property
    def renames(self) -> tuple[tuple[str, str], ...]:
        """(old path, new path) of what was renamed or moved."""
        return tuple((pair.old_path, pair.new_path) for pair in self.pairs if pair.kind != "kept")

    @property
    def disturbed(self) -> bool:
        """Whether any old path has another meaning now, or none."""
        return bool(self._homes or self._came)

    def home(self, path: str) -> str | None:
        """The new path of what was at ``path`` (a module, or a tensor of one); None if that module is gone."""
        head, tail = path, ""
        while head not in self._homes:
            if head in self._came:
                return None
            head, dot, name = head.rpartition(".")
            if not dot:
                return path
            tail = f".{name}{tail}"
        home = self._homes[head]
        return None if home is None else home + tail

    def flipped(self) -> Match:
        """The same match from the new side."""
        return Match(
            [
                Pair(
                    pair.new_path,
                    pair.old_path,
                    pair.new,
                    pair.old,
                    pair.kind,
                    pair.equal,
                    [(i, j) for j, i in pair.children],
                    pair.added,
                    pair.removed,
                )
                for pair in self.pairs
            ]
        )


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
    for found in _Moves(pairs, ids).found():
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
    pair.children = sorted(_siblings(old, new, ids), key=lambda found: found[1])
    gone = set(range(len(old))).difference(i for i, _ in pair.children)
    came = set(range(len(new))).difference(j for _, j in pair.children)
    pair.removed = [(join(pair.old_path, old[i][0]), old[i][1]) for i in sorted(gone)]
    pair.added = [(join(pair.new_path, new[j][0]), new[j][1]) for j in sorted(came)]
    return [
        Pair(
            join(pair.old_path, old[i][0]),
            join(pair.new_path, new[j][0]),
            old[i][1],
            new[j][1],
            "kept" if old[i][0] == new[j][0] else "renamed",
        )
        for i, j in pair.children
        if old[i][0] != new[j][0] or ids.module(old[i][1]) != ids.module(new[j][1])
    ]


def _siblings(old: Children, new: Children, ids: Identities) -> Pairs:
    named = _by_name(old, new)
    if _numbered(old) and _numbered(new):
        # A number is a position: one insertion renames all that follow, and reads best as that.
        ordered = common([ids.module(m) for _, m in old], [ids.module(m) for _, m in new])
        if len(ordered) > sum(ids.module(old[i][1]) == ids.module(new[j][1]) for i, j in named):
            return _between(old, new, ordered)
    return _renamed(old, new, named, ids)


def _numbered(children: Children) -> bool:
    return bool(children) and all(name.isdecimal() for name, _ in children)


def _by_name(old: Children, new: Children) -> Pairs:
    places = {name: j for j, (name, _) in enumerate(new)}
    return [(i, places[name]) for i, (name, _) in enumerate(old) if name in places]


def _between(old: Children, new: Children, pairs: Pairs) -> Pairs:
    """Add what stands between the same neighbours: equal in kind, or as many on both sides."""
    found = list(pairs)
    for i, j in gaps(pairs, len(old), len(new)):
        inside = common([_kind(old[index]) for index in i], [_kind(new[index]) for index in j])
        if len(i) == len(j):
            inside = [(index, index) for index in range(len(i))]
        found += [(i[a], j[b]) for a, b in inside]
    return found


def _kind(child: Found) -> Hashable:
    module = child[1]
    return (module.class_name, module.shared)


def _renamed(old: Children, new: Children, named: Pairs, ids: Identities) -> Pairs:
    """Add siblings that lost their name and siblings that came, if they are alike."""
    pairs = list(named)
    left = sorted(set(range(len(old))).difference(i for i, _ in named))
    right = sorted(set(range(len(new))).difference(j for _, j in named))
    keys: list[Callable[[Found], Hashable]] = [lambda child: ids.module(child[1]), lambda child: _alike(child[1])]
    for key in keys:
        inside = _same_key([(i, key(old[i])) for i in left], [(j, key(new[j])) for j in right])
        pairs += inside
        left = [i for i in left if i not in {a for a, _ in inside}]
        right = [j for j in right if j not in {b for _, b in inside}]
    return pairs + _same_neighbours(old, new, pairs, left, right)


def _alike(module: Module) -> Hashable:
    parameters = tuple((parameter.name, parameter.spec) for parameter in module.parameters)
    buffers = tuple((buffer.name, buffer.spec) for buffer in module.buffers)
    names = tuple(name for name, _ in module.children)
    return (module.class_name, module.config, parameters, buffers, names, module.shared)


def _same_key(old: list[tuple[int, Hashable]], new: list[tuple[int, Hashable]]) -> Pairs:
    """Pairs in order as far as possible, then any with the same key."""
    chain = [(old[a][0], new[b][0]) for a, b in common([key for _, key in old], [key for _, key in new])]
    waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
    for i, key in reversed(old):
        if i not in {a for a, _ in chain}:
            waiting[key].append(i)
    for j, key in new:
        if waiting[key] and j not in {b for _, b in chain}:
            chain.append((waiting[key].pop(), j))
    return chain


def _same_neighbours(old: Children, new: Children, pairs: Pairs, left: list[int], right: list[int]) -> Pairs:
    """A single sibling that went and a single one of its class that came, between the same two."""
    partner = dict(pairs)
    found: Pairs = []
    for i in left:
        for j in right:
            before = i == j == 0 or partner.get(i - 1, -1) == j - 1 >= 0
            after = (i == len(old) - 1 and j == len(new) - 1) or partner.get(i + 1, -1) == j + 1
            if before and after and _kind(old[i]) == _kind(new[j]) and old[i][1].shared is None:
                found.append((i, j))
    return found


class _Moves:
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
                if module.children and not _covered(path, taken):
                    side[(path.rpartition(".")[2], _alike(module))].append((path, module))
        moves: list[Pair] = []
        for key, found in sides[0].items():
            if len(found) == len(sides[1].get(key, ())) == 1:
                moves += self._pair(found, sides[1][key])
        return moves

    def _outermost(self, moves: list[Pair]) -> list[Pair]:
        def inside(path: str, taken: set[str]) -> bool:
            parent, dot, _ = path.rpartition(".")
            return bool(dot) and _covered(parent, taken)

        return [m for m in moves if not (inside(m.old_path, self.taken[0]) and inside(m.new_path, self.taken[1]))]

    def _pair(self, old: list[Found], new: list[Found]) -> list[Pair]:
        """Pair equal modules, those with the most alike paths first."""
        waiting = [node for node in new if not _covered(node[0], self.taken[1])]
        moves: list[Pair] = []
        for path, module in old:
            if not waiting or _covered(path, self.taken[0]):
                continue
            best = max(waiting, key=lambda node: _tail(path, node[0]))
            if not _has_state(module) and not _tail(path, best[0]):
                continue
            waiting.remove(best)
            self.taken[0].add(path)
            self.taken[1].add(best[0])
            moves.append(Pair(path, best[0], module, best[1], "moved"))
        return moves


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


def _tail(old: str, new: str) -> int:
    """How many names at the end of two paths are equal."""
    count = 0
    for a, b in zip(reversed(old.split(".")), reversed(new.split(".")), strict=False):
        if a != b:
            break
        count += 1
    return count


def _has_state(module: Module) -> bool:
    return any(m.parameters or m.buffers for _, m in walk_modules(module))
