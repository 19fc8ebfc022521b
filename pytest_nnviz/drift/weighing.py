"""Whether what a change says of checkpoints is so once both state dicts are held against each other as wholes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_nnviz.architecture import join, upwards
from pytest_nnviz.drift.checkpoints import Loading, State, load
from pytest_nnviz.drift.consequence import BREAKS, FUNCTION
from pytest_nnviz.drift.data import Change, Drift

__all__ = ["weighed"]


def weighed(drift: Drift) -> Drift:
    """The drift, in which no change breaks checkpoints whose keys are all there and fit: what they hold goes to other
    modules then, which changes the function.
    """
    if not any(change.consequence == BREAKS for change in drift.changes):
        return drift
    loading = load(State.of(drift.old.root), State.of(drift.new.root))
    blocked = set() if loading.strict == "yes" else set(_around(loading))
    found = tuple(_loosened(drift, change, blocked) for change in drift.changes)
    explained = loading.strict == "yes" or any(change.consequence == BREAKS for change in found)
    return replace(drift, changes=found) if explained else drift


def _around(loading: Loading) -> Iterator[str]:
    """The keys in the way, and every module around one."""
    for key in (*loading.missing, *loading.unexpected, *(respec.key for respec in loading.reshaped)):
        yield from upwards(key)


def _loosened(drift: Drift, change: Change, blocked: set[str]) -> Change:
    breaks = change.consequence == BREAKS
    return (
        replace(change, consequence=FUNCTION) if breaks and not blocked.intersection(_places(drift, change)) else change
    )


def _places(drift: Drift, change: Change) -> Iterator[str]:
    """Where keys may be in the way because of a change: of its tensor, below its module, or below the list whose
    numbers it moves.
    """
    what = change.what if change.gate == "parameters" and change.what != "parameters" else ""
    modules = [change.place, drift.old_path(change.place)]
    if change.kind in ("renamed", "moved") and not what:
        modules += [str(change.old), str(change.new)]
    for module in modules:
        yield join(module, what)
        around, _, number = module.rpartition(".")
        if number.isdecimal() and not what:
            yield around
    if change.kind == "renamed" and what:
        yield join(modules[1], str(change.old))
