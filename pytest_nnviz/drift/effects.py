"""What the changes of the modules explain in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_nnviz.architecture import Architecture, Module, walk_modules
from pytest_nnviz.drift.consequence import BREAKS, COSMETIC
from pytest_nnviz.drift.data import Change
from pytest_nnviz.drift.defaults import defaults_of
from pytest_nnviz.drift.pairs import Match, join

__all__ = ["ModuleEffects"]


class ModuleEffects:
    """Looks up modules and tensors by path.

    Attributes:
        touched: new paths of modules that compute something else, and of all modules around them.
        tensors: new paths of parameters and buffers that changed.
        went: new paths of modules that were renamed or moved, which breaks checkpoints.
    """

    def __init__(self, old: Architecture, new: Architecture, match: Match, changes: Sequence[Change]) -> None:
        self._modules = (dict(walk_modules(old.root)), dict(walk_modules(new.root)))
        self.touched = set(_upwards(c.place for c in changes if c.consequence != COSMETIC))
        self.tensors = {join(c.place, c.what) for c in changes if c.gate == "parameters"}
        self.went = {c.place for c in changes if c.kind in ("renamed", "moved") and c.consequence == BREAKS}
        moved = [pair for pair in match.pairs if pair.kind == "moved"]
        self._lone = (
            {path for pair in match.pairs for path, _ in pair.removed} | {pair.old_path for pair in moved},
            {path for pair in match.pairs for path, _ in pair.added} | {pair.new_path for pair in moved},
        )
        self._disturbed = set(_upwards([*self._lone[0], *(old_path for old_path, _ in match.renames)]))

    def module(self, path: str, side: int) -> Module | None:
        """The old (side 0) or new (side 1) module at a path."""
        return self._modules[side].get(path)

    def is_layer(self, path: str) -> bool:
        """Whether there is one of torch's layers at a new path: its inside shows where its forward was replaced."""
        module = self.module(path, 1)
        return module is not None and not module.children and bool(defaults_of(module))

    def lone(self, path: str, side: int) -> bool:
        """Whether a module, or one around it, was removed (side 0), added (side 1) or moved."""
        return any(up in self._lone[side] for up in _upwards([path]))

    def disturbed(self, path: str) -> bool:
        """Whether names below the module at an old path mean something else now."""
        return path in self._disturbed


def _upwards(paths: Iterable[str]) -> Iterator[str]:
    """Each path and the paths of all modules around it; the model itself is ``""``."""
    for path in paths:
        while path:
            yield path
            path = path.rpartition(".")[0]
        yield ""
