"""What became of filters as plain values for JSON; the schema stands in docs/cli.md and has a version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_nnviz.filterbanks.changes import BankDrift, FilterChange, LayerChange, Moved, WeightChange
from pytest_nnviz.filterbanks.data import Bank
from pytest_nnviz.filterbanks.telling import consequence, headline, words

__all__ = ["SCHEMA", "filters_data"]

SCHEMA = "nnviz-filters-drift 1"


def filters_data(old: Bank | None, new: Bank | None, drift: BankDrift | None, name: str) -> dict[str, Any]:
    """What became of filters as dicts, lists, strings, numbers, booleans and None; a number that is not finite is text.

    Args:
        old: what the text before says, None for a snapshot that came.
        new: what the text now says, None for one that went.
        drift: what changed between them.
        name: what the snapshot is called.
    """
    lone = old is None or new is None
    return {
        "schema": SCHEMA,
        "name": name,
        "same": not lone and not drift,
        "failed": lone or bool(drift),
        "headline": f"{'new' if old is None else 'removed'}: {name}" if lone else _headline(drift, name),
        "words": words(drift) if drift else [],
        "old": _side(old),
        "new": _side(new),
        "changes": [_layer(change) for change in (drift.layers if drift else ())],
    }


def _headline(drift: BankDrift | None, name: str) -> str:
    return headline(drift, name) if drift else f"no change in {name}"


def _side(bank: Bank | None) -> dict[str, Any] | None:
    if bank is None:
        return None
    counts = {"layers": len(bank.layers), "filters": bank.filters, "weights": bank.weights}
    return {"model": bank.model, **counts, "versions": dict(bank.versions)}


def _layer(change: LayerChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "place": change.path,
        "facts": _triples(change.facts),
        "permuted": [list(pair) for pair in change.permuted],
        "filters": [_filter(each) for each in change.filters],
        "consequence": consequence(change),
    }


def _filter(change: FilterChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "by": _number(change.by),
        "factor": change.factor,
        "became": list(change.became),
        "numbers": _triples([(name, _number(old), _number(new)) for name, old, new in change.numbers]),
        "moved": None if change.moved is None else _moved(change.moved),
    }


def _moved(moved: Moved) -> dict[str, Any]:
    return {"count": moved.count, "by": _number(moved.by), "largest": [_weight(each) for each in moved.largest]}


def _weight(change: WeightChange) -> dict[str, Any]:
    values = {"old": change.old, "new": change.new, "old_step": change.step, "new_step": change.new_step}
    numbers = {name: _number(value) for name, value in values.items()}
    return {"channel": change.channel, "position": list(change.position), **numbers}


def _triples(facts: Sequence[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    return [{"what": what, "old": old, "new": new} for what, old, new in facts]


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
