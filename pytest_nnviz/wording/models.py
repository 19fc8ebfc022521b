"""The modules of both sides of a drift: how much they grew, what they are part of, which hooks they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_nnviz.architecture import Module, Totals, upwards, walk_modules
from pytest_nnviz.drift.data import Change, Drift
from pytest_nnviz.drift.grouping import Group

__all__ = ["Models"]

_CONTAINERS = ("ModuleList", "ModuleDict", "Sequential")


class Models:
    """The modules of both sides by path."""

    def __init__(self, drift: Drift) -> None:
        self._drift = drift
        self._old = dict(walk_modules(drift.old.root))
        self._new = dict(walk_modules(drift.new.root))

    def growth(self, found: Group) -> int:
        """How many parameters a group adds or removes."""
        total = 0
        for change in (facts[0] for facts in found.changes):
            if change.kind in ("added", "removed") and not change.what:
                total += self._below(change.place, 1) if change.kind == "added" else -self._below(change.place, 0)
            elif change.gate in ("structure", "parameters") and change.what != "mode":
                before, after = self.sides(change)
                total += _size(after) - _size(before)
        return total

    def _below(self, place: str, side: int) -> int:
        """How many parameters a module brings or takes; those of modules that moved stay."""
        moved = [rename[side] for rename in self._drift.renames if rename[side].startswith(f"{place}.")]
        parts = walk_modules((self._old, self._new)[side][place])
        kept = (m for path, m in parts if not any(f"{place}.{path}.".startswith(f"{root}.") for root in moved))
        return sum(map(_size, kept))

    def sides(self, change: Change) -> tuple[Module | None, Module | None]:
        """The module that a change is made to, before and after."""
        if change.kind == "removed":
            return self._old.get(change.place), self._new.get(self._drift.new_path(change.place))
        return self._old.get(self._drift.old_path(change.place)), self._new.get(change.place)

    def hooked(self, place: str) -> bool:
        """Whether the state-dict keys of a module may be translated on loading."""
        return any("load hook" in self._marks(path) for path in upwards(place))

    def owner(self, change: Change) -> str:
        """What a change is made to, by classes: the module that makes a call, else the part of the module around it."""
        went = change.kind in ("renamed", "moved") and not change.what
        place = str(change.old) if went else change.place
        sides = (self._old, self._new) if went or change.kind == "removed" else (self._new, self._old)
        around, own = (self._class(path, sides) for path in (place.rpartition(".")[0], place))
        if change.gate in ("structure", "parameters") and "." in place and around not in _CONTAINERS:
            return f"{around}.{place.rpartition('.')[2]}"
        return own or place

    def _class(self, path: str, sides: Sequence[Mapping[str, Module]]) -> str:
        return next((side[path].class_name for side in sides if path in side), "")

    def _marks(self, place: str) -> tuple[str, ...]:
        return self._new[place].marks if place in self._new else ()


def _size(module: Module | None) -> int:
    return 0 if module is None else Totals.of(module).parameters
