"""What a change of a table means for those who use the model, as far as a table can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_nnviz.drift.consequence import BREAKS, COSMETIC, COST, FUNCTION, TRAINING, worst
from pytest_nnviz.summaries.drift import Difference, Edit
from pytest_nnviz.summaries.table import TITLES

__all__ = ["consequence", "consequences", "gates", "shared_columns"]

_NOTHING = "--"
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


def consequence(edits: Iterable[Edit], columns: tuple[str, ...]) -> str:
    """The gravest of what some edits mean.

    A table knows no keys of a state dict: that a layer has another name, another kernel or other parameters, or came or
    went with some, counts as breaking checkpoints.

    Args:
        edits: of rows.
        columns: those that both tables show.
    """
    return worst([found for edit in edits for found in _of(edit, columns)])


def consequences(difference: Difference) -> frozenset[str]:
    """All that a difference means."""
    totals = {change.what for change in difference.totals}
    if "tied weights" in totals:
        totals.discard("Total params")  # it follows
    edits = (found for edit in difference.edits if not edit.ripple for found in _of(edit, shared_columns(difference)))
    return frozenset([*edits, *(_COLUMNS[what][0] for what in totals if what in _COLUMNS)])


def gates(difference: Difference) -> frozenset[str]:
    """The gates that count what changed."""
    whole = {"structure" for edit in difference.edits if edit.kind != "changed"}
    changes = [*difference.totals, *(change for edit in difference.edits for change in edit.changes)]
    return frozenset(whole | {_COLUMNS[change.what][1] for change in changes if change.what in _COLUMNS} - {""})


def shared_columns(difference: Difference) -> tuple[str, ...]:
    """The columns that both tables show, in the order of the cells of edits."""
    return tuple(name for name in TITLES if name in difference.old.col_names and name in difference.new.col_names)


def _of(edit: Edit, columns: tuple[str, ...]) -> Iterator[str]:
    if edit.kind in ("added", "removed"):
        yield BREAKS if _has_parameters(edit, columns) else FUNCTION
    for change in edit.changes:
        if change.what == "name" and not _has_parameters(edit, columns):
            yield FUNCTION
        elif change.what == TITLES["num_params"] and change.old.strip("()") == change.new.strip("()"):
            yield TRAINING  # those that are frozen stand in brackets
        else:
            yield _COLUMNS[change.what][0]


def _has_parameters(edit: Edit, columns: tuple[str, ...]) -> bool:
    """Whether a layer may have parameters; where tables do not show any, it may."""
    row = edit.new or edit.old
    assert row is not None
    return "num_params" not in columns or row.cells[columns.index("num_params")] != _NOTHING
