"""A difference of two tables as plain values for JSON; the schema stands in docs/cli.md and has a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pytest_nnviz.summaries.drift import Change, Difference, Edit, diff
from pytest_nnviz.summaries.table import Summary
from pytest_nnviz.summaries.wording import headline, words

__all__ = ["SCHEMA", "summary_data"]

SCHEMA = "nnviz-summary-drift 1"


def summary_data(old: Summary | None, new: Summary | None, name: str) -> dict[str, Any]:
    """What changed from one table to another as dicts, lists, strings, numbers, booleans and None.

    Args:
        old: the table before, None for a snapshot that came.
        new: the table now, None for one that went.
        name: what the snapshot is called.
    """
    found = diff(old, new) if old is not None and new is not None else None
    return {
        "schema": SCHEMA,
        "name": name,
        "same": found is not None and not found,
        "failed": found is None or bool(found),
        "headline": _headline(found, name, came=old is None),
        "words": words(found) if found else [],
        "old": _side(old),
        "new": _side(new),
        "compared": found is not None and found.compared,
        "options": _changes(found.options if found else ()),
        "changes": [_edit(edit) for edit in (found.edits if found else ())],
        "totals": _changes(found.totals if found else ()),
    }


def _headline(found: Difference | None, name: str, *, came: bool) -> str:
    if found is None:
        return f"{'new' if came else 'removed'}: {name}"
    return headline(found, name) if found else f"no change in {name}"


def _side(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    return {
        "model": summary.rows[0].class_name,
        "mode": summary.mode,
        "depth": summary.depth,
        "col_names": list(summary.col_names),
        "row_settings": list(summary.row_settings),
        "rows": len(summary.rows),
        "parameters": summary.total_params,
        "trainable": summary.trainable_params,
        "mult_adds": summary.total_mult_adds,
    }


def _edit(edit: Edit) -> dict[str, Any]:
    row = edit.new or edit.old
    assert row is not None
    return {
        "kind": edit.kind,
        "place": edit.place,
        "nth": edit.nth,
        "class": row.class_name,
        "inside": edit.inside,
        "ripple": edit.ripple,
        "changes": _changes(edit.changes),
    }


def _changes(changes: Iterable[Change]) -> list[dict[str, str]]:
    return [asdict(change) for change in changes]
