"""Modules before and after as pairs, and where each path went."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from pytest_nnviz.architecture import Module, join

__all__ = ["BY_NAME", "BY_POSITION", "BY_STRUCTURE", "Found", "Match", "Pair", "Sibling", "Wrapping", "alike"]

Found = tuple[str, Module]
Sibling = tuple[int, int, str]

BY_NAME = "by name"
BY_STRUCTURE = "by structure"
BY_POSITION = "by position"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A module of one side is inside of others that only hand on to it.

    Attributes:
        side: 0 if it is the old one, 1 if it is the new one.
        around: the modules around it by path, the outermost first.
        inner: its own path, and itself.
        depth: how many of those around it are called, the last ones.
    """

    side: int
    around: tuple[Found, ...]
    inner: Found
    depth: int

    @property
    def called(self) -> str:
        """The path by which it is called from outside."""
        return self.around[-self.depth][0] if self.depth else self.inner[0]


@dataclass(slots=True)
class Pair:
    """A module before and after.

    ``matched`` says how: ``by name``, ``by structure`` (equal or alike) or ``by position`` (the same neighbours).
    ``follows`` if it has another number only because of its neighbours. ``children`` are indexes of the children that
    were paired below the same parent, with how. ``wrapping`` is what stands around one of the two alone.
    """

    old_path: str
    new_path: str
    old: Module
    new: Module
    kind: str = "kept"
    matched: str = BY_NAME
    follows: bool = False
    equal: bool = False
    children: list[Sibling] = field(default_factory=list)
    removed: list[Found] = field(default_factory=list)
    added: list[Found] = field(default_factory=list)
    wrapping: Wrapping | None = None

    @classmethod
    def wrapped(cls, old: Found, new: Found, wrapping: Wrapping) -> Pair:
        """The pair of a module and of what is inside of the other one of two."""
        (old_path, a), (new_path, b) = (old, wrapping.inner) if wrapping.side else (wrapping.inner, new)
        return cls(old_path, new_path, a, b, "moved", BY_STRUCTURE, wrapping=wrapping)

    def flipped(self) -> Pair:
        """The same pair from the new side."""
        children = sorted(((j, i, how) for i, j, how in self.children), key=lambda found: found[1])
        how = (self.kind, self.matched, self.follows, self.equal)
        turned = None if self.wrapping is None else replace(self.wrapping, side=1 - self.wrapping.side)
        return Pair(self.new_path, self.old_path, self.new, self.old, *how, children, self.added, self.removed, turned)


@dataclass(slots=True)
class Match:
    """All pairs in the order of a walk, without those inside equal ones; and where each old module went.

    ``forwards`` is True for one of the two directions.
    """

    pairs: list[Pair]
    forwards: bool = True
    _homes: dict[str, str | None] = field(default_factory=dict)
    _came: set[str] = field(default_factory=set)
    _wrapped: tuple[dict[str, Wrapping], dict[str, Wrapping]] = field(default_factory=lambda: ({}, {}))

    def __post_init__(self) -> None:
        for pair in self.pairs:
            # What a second registration takes the place of goes by the names of the first.
            if pair.new.shared is None:
                self._homes.update({path: None for path, _ in pair.removed})
            if pair.old.shared is None:
                self._came.update(path for path, _ in pair.added)
            self._note(pair.wrapping)
        self._homes.update({pair.old_path: pair.new_path for pair in self.pairs if pair.kind != "kept"})

    def _note(self, wrapping: Wrapping | None) -> None:
        if wrapping is None:
            return
        if wrapping.side == 0:
            self._homes.update({path: None for path, _ in wrapping.around})
        if wrapping.depth:
            key = wrapping.inner[0] if wrapping.side else wrapping.called
            self._wrapped[wrapping.side][key] = wrapping

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
        while head and head not in self._homes:
            if head in self._came:
                return None
            head, _, name = head.rpartition(".")
            tail = join(name, tail)
        if head not in self._homes:
            return path
        home = self._homes[head]
        return None if home is None else join(home, tail)

    def wrapping(self, old: str | None, new: str | None) -> Wrapping | None:
        """What calls lead through that stands around one alone of the modules called by an old and a new path."""
        if old is None or new is None or self.called(old) != new:
            return None
        home = self.home(old)
        return self._wrapped[0].get(old) or (None if home is None else self._wrapped[1].get(home))

    def called(self, path: str) -> str | None:
        """The new path by which the module is called that was called by an old one."""
        inner = self._wrapped[0].get(path)
        home = self.home(path if inner is None else inner.inner[0])
        outer = None if home is None else self._wrapped[1].get(home)
        return home if outer is None else outer.called

    def flipped(self) -> Match:
        """The same match from the new side."""
        return Match([pair.flipped() for pair in self.pairs], not self.forwards)


def alike(module: Module) -> Hashable:
    """What modules that stand for each other have in common, whatever is inside of their children."""
    parameters = tuple((parameter.name, parameter.spec) for parameter in module.parameters)
    buffers = tuple((buffer.name, buffer.spec) for buffer in module.buffers)
    names = tuple(name for name, _ in module.children)
    return (module.class_name, module.config, parameters, buffers, names, module.shared)
