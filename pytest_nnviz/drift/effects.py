"""What the changes of the modules explain in the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pytest_nnviz.architecture import Architecture, Module, join, upwards, walk_modules
from pytest_nnviz.drift.consequence import BREAKS, COSMETIC
from pytest_nnviz.drift.data import Change
from pytest_nnviz.drift.defaults import defaults_of
from pytest_nnviz.drift.pairs import Match

__all__ = ["ModuleEffects"]


class ModuleEffects:
    """Looks up modules and tensors by path.

    Attributes:
        touched: new paths of modules that compute something else, and of all modules around them.
        tensors: new paths of parameters and buffers that changed.
        carried: new paths of modules that moved among their siblings, and are called in that order.
        went: new paths of modules that were renamed or moved, which breaks checkpoints.
    """

    def __init__(self, old: Architecture, new: Architecture, match: Match, changes: Sequence[Change]) -> None:
        self._modules = (dict(walk_modules(old.root)), dict(walk_modules(new.root)))
        self.touched = {up for c in changes if c.consequence != COSMETIC for up in upwards(c.place)}
        self.tensors = {join(c.place, c.what) for c in changes if c.gate == "parameters"}
        self.went = {c.place for c in changes if c.kind in ("renamed", "moved") and c.consequence == BREAKS}
        moved = [pair for pair in match.pairs if pair.kind == "moved" and pair.wrapping is None]
        self.carried = {pair.new_path for pair in moved if _parent(pair.new_path) == match.home(_parent(pair.old_path))}
        self._lone = (
            {path for pair in match.pairs for path, _ in pair.removed} | {pair.old_path for pair in moved},
            {path for pair in match.pairs for path, _ in pair.added} | {pair.new_path for pair in moved},
        )
        lone = {"removed": self._lone[0], "added": self._lone[1]}
        for change in changes:
            if change.gate == "parameters" and change.kind in lone and change.what != "parameters":
                lone[change.kind].add(join(change.place, change.what))
        self._configured: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            if (change.gate, change.kind) == ("structure", "changed") and change.what:
                self._configured[change.place].append(change)
        self._disturbed = {up for path in (*self._lone[0], *(old for old, _ in match.renames)) for up in upwards(path)}

    def module(self, path: str, side: int) -> Module | None:
        """The old (side 0) or new (side 1) module at a path."""
        return self._modules[side].get(path)

    def is_layer(self, path: str) -> bool:
        """Whether there is one of torch's layers at a new path: its inside shows where its forward was replaced."""
        module = self.module(path, 1)
        return module is not None and not module.children and bool(defaults_of(module))

    def lone(self, path: str, side: int) -> bool:
        """Whether a tensor or a module, or a module around it, was removed (side 0), added (side 1) or moved."""
        return any(up in self._lone[side] for up in upwards(path))

    def explains(self, place: str, argument: str, old: str | None, new: str | None) -> bool:
        """Whether an argument of a call in the module at a new path has the values that its own configuration has."""
        if old is None and new is None:
            return False
        return any(
            (change.what == argument and (old in (None, change.old)) and (new in (None, change.new)))
            or (change.old, change.new) == (old, new)
            for change in self._configured[place]
        )

    def disturbed(self, path: str) -> bool:
        """Whether names below the module at an old path mean something else now."""
        return path in self._disturbed


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
