"""What tells the edits of a drift from all other edits, in any model: the same facts as the words, none cut."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_nnviz.architecture import Module, walk_modules
from pytest_nnviz.drift.data import Change, Drift
from pytest_nnviz.drift.grouping import Group, edit
from pytest_nnviz.gates import Gates
from pytest_nnviz.wording.models import Models
from pytest_nnviz.wording.telling import gated_groups

__all__ = ["cause_keys"]


def cause_keys(drift: Drift, *, gate: Gates | frozenset[str] | None = None) -> list[str]:
    """One text for each edit that is gated, in the order of ``tell(drift, gate=gate).main``.

    Two edits have one text where they make the same change to the same class of module, whichever model has it: a
    module that came, went or became another counts with all that is in it.
    """
    models = Models(drift)
    return [_key(models, found) for found in gated_groups(drift, Gates() if gate is None else Gates.of(gate))]


def _key(models: Models, found: Group) -> str:
    more = sorted({text for facts in found.changes for change in facts for text in _untold(models, change)})
    return repr((models.owner(found.facts[0]), edit(found.facts), found.consequence, more))


def _untold(models: Models, change: Change) -> Iterator[str]:
    """What the words of an edit leave out, as places differ in it or as it goes without saying."""
    if change.gate != "structure" or change.what:
        return
    if change.kind in ("renamed", "moved"):
        yield " ".join(str(path).rpartition(".")[2] for path in (change.old, change.new))
    elif change.kind in ("added", "removed", "changed"):
        yield repr((change.old, change.new, *(map(_inside, models.sides(change)))))


def _inside(module: Module | None) -> list[object]:
    if module is None:
        return []
    own = ("class_name", "config", "parameters", "buffers", "marks", "shared")
    return [(path, *(getattr(part, name) for name in own)) for path, part in walk_modules(module)]
