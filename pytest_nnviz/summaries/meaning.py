"""What a change of a table means for those who use the model, as far as a table can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_nnviz.drift.consequence import BREAKS, COSMETIC, COST, FUNCTION, TRAINING, worst
from pytest_nnviz.summaries.drift import Difference, Edit
from pytest_nnviz.summaries.table import TITLES

__all__ = ["consequence", "consequences", "gates"]

_FOLLOW = frozenset({TITLES["input_size"], TITLES["output_size"], TITLES["mult_adds"], "Total mult-adds"})
_COLUMNS = {
    TITLES["num_params"]: (BREAKS, "parameters"),
    TITLES["kernel_size"]: (BREAKS, "structure"),
    TITLES["trainable"]: (TRAINING, "parameters"),
    TITLES["input_size"]: (FUNCTION, "shapes"),
    TITLES["output_size"]: (FUNCTION, "shapes"),
    TITLES["mult_adds"]: (COST, "cost"),
    TITLES["params_percent"]: (COSMETIC, ""),
    "Layer": (FUNCTION, "structure"),
    "name": (BREAKS, "structure"),
    "order": (FUNCTION, "structure"),
    "number": (COSMETIC, ""),
    "tied weights": (FUNCTION, "parameters"),
    "Total params": (BREAKS, "parameters"),
    "Trainable params": (TRAINING, "parameters"),
    "Total mult-adds": (COST, "cost"),
}
"""What differs -> what that means, and the gate that counts it; options and remarks are about the table alone."""


def consequence(edits: Iterable[Edit], difference: Difference) -> str:
    """The gravest of what some edits mean.

    A table knows no keys of a state dict: that a layer has another name, another kernel or other parameters, or came or
    went with some, counts as breaking checkpoints. Where the model is handed something else, shapes and costs follow.

    Args:
        edits: of rows.
        difference: what they are of.
    """
    handed = _is_handed_other(difference)
    return worst([found for edit in edits for found in _of(edit, handed=handed)])


def consequences(difference: Difference) -> frozenset[str]:
    """All that a difference means."""
    totals = {change.what for change in difference.totals}
    if "tied weights" in totals:
        totals.discard("Total params")  # it follows
    handed = _is_handed_other(difference)
    edits = (found for edit in difference.edits if not edit.ripple for found in _of(edit, handed=handed))
    whole = (COSMETIC if handed and what in _FOLLOW else _COLUMNS[what][0] for what in totals if what in _COLUMNS)
    return frozenset([*edits, *whole])


def gates(difference: Difference) -> frozenset[str]:
    """The gates that count what changed."""
    whole = {"structure" for edit in difference.edits if edit.kind != "changed"}
    changes = [*difference.totals, *(change for edit in difference.edits for change in edit.changes)]
    return frozenset(whole | {_COLUMNS[change.what][1] for change in changes if change.what in _COLUMNS} - {""})


def _is_handed_other(difference: Difference) -> bool:
    """Whether the test hands the model tensors of other shapes, where both tables show what it is handed."""
    changed = {change.what for edit in difference.edits if not edit.place for change in edit.changes}
    return TITLES["input_size"] in changed


def _of(edit: Edit, *, handed: bool) -> Iterator[str]:
    if edit.kind in ("added", "removed"):
        yield BREAKS if edit.holds else FUNCTION
    for change in edit.changes:
        if change.what == "name" and not edit.holds:
            yield FUNCTION
        elif change.what == TITLES["num_params"] and change.old.strip("()") == change.new.strip("()"):
            yield TRAINING  # those that are frozen stand in brackets
        elif handed and change.what in _FOLLOW:
            yield COSMETIC
        else:
            yield _COLUMNS[change.what][0]
