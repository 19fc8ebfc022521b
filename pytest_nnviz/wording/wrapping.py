"""That a module was put as it is into others, or taken out of them."""

from __future__ import annotations

from collections.abc import Callable

from pytest_nnviz.architecture import Module, is_within, join
from pytest_nnviz.drift.data import Change, Drift

__all__ = ["wrapping_of"]


def wrapping_of(drift: Drift, change: Change) -> str:
    """``wrapped in Adapter``, ``taken out of Adapter``; empty for a change of any other kind."""
    if change.kind != "moved" or change.what:
        return ""
    old, new = str(change.old), str(change.new)
    for root, outer, inner, how in (
        (drift.new.root, _held(old, drift.new_path), new, "wrapped in"),
        (drift.old.root, _held(new, drift.old_path), old, "taken out of"),
    ):
        around = _around(root, outer, inner)
        if around and all(len(module.children) == 1 for module in around):
            return f"{how} {', '.join(module.class_name for module in around)}"
    return ""


def _held(path: str, elsewhere: Callable[[str], str]) -> str:
    """The path on the other side of what holds the name that the module at a path has."""
    parent, _, name = path.rpartition(".")
    return join(elsewhere(parent), name) if path else ""


def _around(root: Module, outer: str, inner: str) -> list[Module]:
    """The module at ``outer`` and those below it on the way to ``inner``, without that; none if it is not below."""
    if outer == inner or not is_within(inner, outer):
        return []
    found = [root]
    for name in inner.split(".")[:-1]:
        found.append(dict(found[-1].children)[name])
    return found[len(outer.split(".")) if outer else 0 :]
