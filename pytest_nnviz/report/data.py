"""A drift as plain values for JSON; the schema stands in docs/cli.md and has a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from pytest_nnviz.architecture import Architecture
from pytest_nnviz.drift import Change, Drift, Loading, Respec, checkpoint
from pytest_nnviz.gates import Gates
from pytest_nnviz.textformat.write import format_spec
from pytest_nnviz.wording import headline, row_data, tell, words

__all__ = ["SCHEMA", "drift_data", "loading_data", "lone_data", "rows_data"]

SCHEMA = "nnviz-drift 1"
_ROWS, _WIDTH = 500, 400


def drift_data(drift: Drift, name: str, gates: Gates | None = None) -> dict[str, Any]:
    """A drift as dicts, lists, strings, numbers, booleans and None.

    Args:
        drift: what changed.
        name: what the snapshot is called.
        gates: which changes decide; all when None.
    """
    gates = Gates() if gates is None else gates
    held = gates.held_in(drift)
    return {
        "schema": SCHEMA,
        "name": name,
        "same": not drift,
        "failed": any(map(held, drift.changes)),
        "headline": headline(drift, name, gate=gates),
        "words": words(drift, gate=gates, stored=True),
        "old": _model(drift.old),
        "new": _model(drift.new),
        "changes": [_change(change, gated=held(change)) for change in drift.changes],
        "renames": dict(drift.renames),
        "checkpoint": loading_data(checkpoint(drift)),
    }


def rows_data(drift: Drift, gates: Gates, root: str, *, stored: bool = False) -> dict[str, Any]:
    """The edits of a drift as ``rows``, and as ``remarks`` what is said about the whole.

    Args:
        drift: what changed.
        gates: which changes decide.
        root: the folder to which lines of source are relative.
        stored: whether the new side is a stored text as the old one is.
    """
    told = tell(drift, gate=gates, limit=_ROWS, width=_WIDTH, root=root, stored=stored)
    sides = ((told.main, True), (told.notes, False))
    rows = [row_data(row, gated=gated) for found, gated in sides for row in found]
    left = told.more + told.more_notes
    return {"rows": rows, "remarks": [*([f"... and {left:,} more"] if left else []), *told.remarks]}


def lone_data(architecture: Architecture, name: str, *, came: bool) -> dict[str, Any]:
    """The same of a snapshot that came or went as a whole: ``old`` or ``new`` is None, no change is listed."""
    sides = (None, _model(architecture)) if came else (_model(architecture), None)
    return {
        "schema": SCHEMA,
        "name": name,
        "same": False,
        "failed": True,
        "headline": f"{'new' if came else 'removed'}: {name}",
        "words": [],
        "old": sides[0],
        "new": sides[1],
        "changes": [],
        "renames": {},
        "checkpoint": None,
    }


def loading_data(loading: Loading) -> dict[str, Any]:
    """The verdict on a checkpoint."""
    return {
        "strict": loading.strict,
        "missing": list(loading.missing),
        "unexpected": list(loading.unexpected),
        "reshaped": _respecs(loading.reshaped),
        "retyped": _respecs(loading.retyped),
        "hooks": list(loading.hooks),
        "rename_map": dict(loading.renames),
        "renamed": None if loading.renamed is None else loading_data(loading.renamed),
    }


def _model(architecture: Architecture) -> dict[str, Any]:
    return {
        "model": architecture.root.class_name,
        "mode": architecture.mode,
        **asdict(architecture.totals),
        "flops": architecture.flops,
        "versions": dict(architecture.versions),
    }


def _change(change: Change, *, gated: bool) -> dict[str, Any]:
    facts = {field.name: getattr(change, field.name) for field in fields(change)}
    calls = {name: _listed(facts.pop(name)) for name in ("old_call", "new_call")}
    return {**facts, **calls, "gated": gated}


def _listed(way: Iterable[int] | None) -> list[int] | None:
    return None if way is None else list(way)


def _respecs(respecs: Iterable[Respec]) -> list[dict[str, str]]:
    return [{"key": r.key, "old": format_spec(r.saved), "new": format_spec(r.expected)} for r in respecs]
