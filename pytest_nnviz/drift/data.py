"""A drift as data: what changed, of which gate, where, and with which consequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_nnviz.architecture import Architecture, Body, join

__all__ = ["CONSEQUENCES", "Change", "Drift", "Row", "Way"]

Way = tuple[int, ...]
Row = tuple[int | None, int | None]

CONSEQUENCES = ("breaks checkpoints", "changes the function", "training only", "changes the cost", "cosmetic")


@dataclass(frozen=True, slots=True)
class Change:
    """One changed fact.

    Attributes:
        gate: ``structure``, ``shapes``, ``parameters``, ``topology`` or ``cost``.
        kind: ``added``, ``removed``, ``changed``, ``renamed``, ``moved`` or ``reordered``.
        place: path of the module where it changed (the old path for what was removed; ``""`` is the model).
        what: the thing at that place: ``""`` for the module itself, else ``kernel_size``, ``weight``, ``add(%bn2, x)``.
        old: canonical text before, None for what was added and for an argument that had a default that is not known.
        new: canonical text after, None for what was removed and for an argument that has a default that is not known.
        consequence: ``breaks checkpoints``, ``changes the function``, ``training only``, ``changes the cost`` or
            ``cosmetic``.
        old_call: for calls, the way to it in ``Drift.old.forward``: an index at each level of bodies.
        new_call: the same in ``Drift.new.forward``.
        ripple: whether it follows from other changes: a shape whose inputs changed, the call of a module that is gone,
            the weight of a layer with another kernel size.
        matched: how the pair that changed was found: ``by name``, ``by structure`` (equal or alike under another name)
            or ``by position`` (between the same neighbours); ``""`` for what has no partner.
    """

    gate: str
    kind: str
    place: str
    what: str
    old: str | None
    new: str | None
    consequence: str
    old_call: Way | None = None
    new_call: Way | None = None
    ripple: bool = False
    matched: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Drift:
    """All changes from ``old`` to ``new``; falsy when there are none.

    Attributes:
        old: the architecture before.
        new: the architecture after.
        changes: modules first, in the order of the new tree, then calls in the order of execution.
        renames: (old path, new path) of each module that was renamed or moved; what is inside went along.
        rows: how the calls of two bodies were paired, by the ways to them; see `pairs`.
    """

    old: Architecture
    new: Architecture
    changes: tuple[Change, ...]
    renames: tuple[tuple[str, str], ...] = ()
    rows: Mapping[tuple[Way, Way], tuple[Row, ...]] = field(default_factory=dict, compare=False)
    _origins: Mapping[str, str] = field(init=False, compare=False)
    _homes: Mapping[str, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_origins", {new: old for old, new in self.renames})
        object.__setattr__(self, "_homes", dict(self.renames))

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __repr__(self) -> str:
        return f"<Drift of {self.new.root.class_name}: {len(self.changes)} changes>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """The picture of what changed, for notebooks; the words where no engine can draw."""
        from pytest_nnviz.pictures import mime_bundle

        return mime_bundle(self)

    def pairs(self, old_way: Way = (), new_way: Way = ()) -> tuple[Row, ...]:
        """How this drift pairs the calls inside two paired calls (or the forward passes, by default).

        ``old_way`` and ``new_way`` are the ways to the two calls. None stands for a missing partner; bodies without a
        difference are paired call by call.
        """
        known = self.rows.get((old_way, new_way))
        if known is not None:
            return known
        inside = _inside(self.new.forward, new_way)
        return tuple((index, index) for index in range(len(inside.calls) if inside is not None else 0))

    def old_path(self, path: str) -> str:
        """The old path of the module that is at ``path`` now, renames undone."""
        return _followed(path, self._origins)

    def new_path(self, path: str) -> str:
        """The path that the module at ``path`` before has now, by the renames; of one that is gone, as it was."""
        return _followed(path, self._homes)


def _followed(path: str, renames: Mapping[str, str]) -> str:
    """Where a path leads by the rename of its module, or of the nearest module around it that has one."""
    head, tail = path, ""
    while head and head not in renames:
        head, _, name = head.rpartition(".")
        tail = join(name, tail)
    return join(renames.get(head, head), tail)


def _inside(body: Body | None, way: Way) -> Body | None:
    for index in way:
        body = None if body is None else body.calls[index].body
    return body
