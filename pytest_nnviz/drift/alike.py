"""All parameters of a module that changed alike are one fact: a frozen backbone, a model in another dtype."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

from pytest_nnviz.architecture import Module, walk_modules
from pytest_nnviz.drift.data import Change, Drift
from pytest_nnviz.drift.grouping import coarse

__all__ = ["together"]


def together(drift: Drift, changes: Iterable[Change]) -> list[Change]:
    """The changes, with one change of ``parameters`` (``buffers``) where all of a module changed alike.

    A single one keeps its name, unless those of other modules changed as it did.
    """
    modules = dict(walk_modules(drift.new.root))
    found: dict[tuple[Hashable, ...], list[Change]] = {}
    for index, change in enumerate(changes):
        found.setdefault(_kind(change, modules) or (index,), []).append(change)
    several = {kind[1:] for kind, alike in found.items() if len(alike) > 1}
    return [one for kind, alike in found.items() for one in (_joined(alike, modules) if kind[1:] in several else alike)]


def _kind(change: Change, modules: Mapping[str, Module]) -> tuple[Hashable, ...] | None:
    """What a change has in common with the same change of the other parameters; None for a change of another kind."""
    if (change.gate, change.kind, change.ripple) != ("parameters", "changed", False) or change.place not in modules:
        return None
    is_buffer = change.what in {buffer.name for buffer in modules[change.place].buffers}
    return (change.place, is_buffer, *coarse(change), change.consequence)


def _joined(alike: list[Change], modules: Mapping[str, Module]) -> list[Change]:
    first = alike[0]
    if _kind(first, modules) is None:
        return alike
    module = modules[first.place]
    names = {change.what for change in alike}
    for kind, tensors in (("parameters", module.parameters), ("buffers", module.buffers)):
        if names == {tensor.name for tensor in tensors if tensor.tied is None}:
            old, new = coarse(first)
            return [replace(first, what=kind, old=old, new=new)]
    return alike
