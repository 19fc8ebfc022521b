"""A model without a forward pass as a drawing: its modules row by row, those below a module standing in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_nnviz.architecture import Architecture, Module, join, walk_modules
from pytest_nnviz.pictures import labels
from pytest_nnviz.pictures.drawing import Drawing, Node, Stack
from pytest_nnviz.pictures.sites import counts_up, unique_id
from pytest_nnviz.pictures.text import Text, joined

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change, Drift

__all__ = ["draw_tree"]


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """A module before and after, and what is below it; ``times`` is how many equal siblings it stands for."""

    path: str
    name: str
    modules: tuple[Module | None, Module | None]
    change: str
    changes: tuple[Change, ...]
    below: tuple[_Branch, ...]
    times: int = 1
    last: str = ""
    old_name: str = ""

    @property
    def module(self) -> Module:
        found = self.modules[1] or self.modules[0]
        assert found is not None
        return found

    @property
    def touched(self) -> bool:
        return bool(self.change) or any(branch.touched for branch in self.below)

    @property
    def size(self) -> int:
        return self.times * (1 + sum(branch.size for branch in self.below))


@dataclass(frozen=True, slots=True)
class _Rest:
    """Siblings that did not change, as one."""

    branches: tuple[_Branch, ...]


def draw_tree(
    thing: Architecture | Drift, budget: int, depth: int | None, title: str, subtitle: tuple[str, ...]
) -> Drawing:
    """The modules of a model row by row, equal siblings as one.

    Shows them down to ``depth``, or as deep as fits ``budget`` rows.
    """
    drifted = not isinstance(thing, Architecture)
    root = _grow(thing)
    opened = _open(root, budget, depth, drifted=drifted)
    taken: dict[str, int] = {}
    rows = tuple(
        _node(item, indent, unique_id(_path(item), taken), drifted=drifted)
        for indent, item in _outline(root, 0, opened, drifted=drifted)
    )
    outline = Stack("modules", rows, ("",) * len(rows))
    return Drawing(title, subtitle, (outline,), (), ("added", "removed", "changed") if drifted else ())


def _grow(thing: Architecture | Drift) -> _Branch:
    if isinstance(thing, Architecture):
        return _Grower(None, {}).branch("", thing.root.class_name, (None, thing.root))
    known = dict(walk_modules(thing.old.root))
    return _Grower(thing, known).branch("", thing.new.root.class_name, (thing.old.root, thing.new.root))


class _Grower:
    def __init__(self, drift: Drift | None, before: dict[str, Module]) -> None:
        self.drift = drift
        self.before = before
        self.changes: dict[str, list[Change]] = {}
        for change in drift.changes if drift is not None else ():
            self.changes.setdefault(change.place, []).append(change)

    def branch(self, path: str, name: str, modules: tuple[Module | None, Module | None]) -> _Branch:
        own = tuple(self.changes.get(path, ()))
        change = self.change(modules, own)
        below = tuple(self.below(path, modules))
        origin = self.drift.old_path(path).rpartition(".")[2] if self.drift is not None and change == "changed" else ""
        return _Branch(path, name, modules, change, own, _fold(below), old_name=origin)

    def change(self, modules: tuple[Module | None, Module | None], own: tuple[Change, ...]) -> str:
        if self.drift is None:
            return ""
        old, new = modules
        return "added" if old is None else "removed" if new is None else "changed" if own else ""

    def below(self, path: str, modules: tuple[Module | None, Module | None]) -> Iterator[_Branch]:
        old, new = modules
        there = dict(old.children) if old is not None else {}
        for name, child in new.children if new is not None else ():
            inner = join(path, name)
            origin = self.drift.old_path(inner) if self.drift is not None else inner
            before = self.before.get(origin) if origin != inner else there.get(name)
            yield self.branch(inner, name, (before, child))
        left = set(there) - {name for name, _ in (new.children if new is not None else ())}
        moved = {origin for origin, _ in (self.drift.renames if self.drift is not None else ())}
        for name in there:
            if name in left and join(path, name) not in moved:
                yield self.branch(join(path, name), name, (there[name], None))


def _fold(branches: Iterable[_Branch]) -> tuple[_Branch, ...]:
    """Equal siblings that count up as one."""
    found: list[_Branch] = []
    last = ""
    for branch in branches:
        if found and counts_up(last, branch.name) and _look(found[-1]) == _look(branch):
            found[-1] = replace(found[-1], times=found[-1].times + 1, last=branch.name)
        else:
            found.append(branch)
        last = branch.name
    return tuple(found)


def _look(branch: _Branch) -> tuple[object, ...]:
    texts = tuple((c.kind, c.what, c.old if c.what else "", c.new if c.what else "") for c in branch.changes)
    return (branch.modules, branch.change, texts, tuple((b.name, b.times, _look(b)) for b in branch.below))


def _open(root: _Branch, budget: int, depth: int | None, *, drifted: bool) -> set[str]:
    """Paths of the modules whose children are shown: level by level, as far as the budget goes."""
    opened: set[str] = set()
    level, used = [root], 1
    while level and (depth is None or depth > 0):
        below = [inner for branch in level for inner in _below(branch, drifted=drifted)]
        used += len(below)
        if depth is None and opened and used > budget:
            break
        opened |= {branch.path for branch in level}
        level = [inner for inner in below if isinstance(inner, _Branch)]
        depth = None if depth is None else depth - 1
    return opened


def _outline(branch: _Branch, indent: int, opened: set[str], *, drifted: bool) -> Iterator[tuple[int, _Branch | _Rest]]:
    yield indent, branch
    for inner in _below(branch, drifted=drifted) if branch.path in opened else ():
        if isinstance(inner, _Branch):
            yield from _outline(inner, indent + 1, opened, drifted=drifted)
        else:
            yield indent + 1, inner


def _below(branch: _Branch, *, drifted: bool) -> Iterator[_Branch | _Rest]:
    if not drifted:
        yield from branch.below
        return
    below = branch.below if branch.touched and branch.change in ("", "changed") else ()
    for touched, group in groupby(below, lambda inner: inner.touched):
        same = tuple(group)
        if touched or len(same) == 1:
            yield from same
        else:
            yield _Rest(same)


def _path(item: _Branch | _Rest) -> str:
    return item.path if isinstance(item, _Branch) else item.branches[0].path


def _node(item: _Branch | _Rest, indent: int, identity: str, *, drifted: bool) -> Node:
    if isinstance(item, _Rest):
        return _rest(item, indent, identity)
    there = [module for module in item.modules if module is not None]
    classes = [_class_of(module) for module in there]
    times = f"{labels.TIMES}{item.times}" if item.times > 1 else ""
    notes = tuple(filter(None, map(labels.change_text, item.changes)))
    marks = [mark for mark in there[0].marks if mark in there[-1].marks]
    name = labels.range_name(item.name, item.last or item.name)
    return Node(
        f"module.{identity}",
        "module",
        Text.pair(item.old_name, name) if item.old_name and item.times == 1 else name,
        joined([Text.pair(classes[0], classes[-1]) if item.path else "", times], " "),
        tuple(filter(None, [labels.config_text(*(module.config for module in there)), *marks])),
        labels.parameters_text(item.modules, item.times),
        notes[:4] if item.change == "changed" else (),
        item.change,
        dim=drifted and not item.change,
        weighty=bool(item.module.parameters),
        indent=indent,
    )


def _class_of(module: Module) -> str:
    return module.class_name if module.shared is None else f"= {module.shared.lstrip('^')}"


def _rest(rest: _Rest, indent: int, identity: str) -> Node:
    count = sum(branch.size for branch in rest.branches)
    names = ", ".join(branch.name for branch in rest.branches)
    return Node(f"rest.{identity}", "rest", f"{count:,} unchanged", details=(names,), dim=True, indent=indent)
