"""The kinds of snapshots: which fixture pins each, and how its texts are told apart on disk."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FILTERS", "KINDS", "SNAPSHOT", "SUMMARY", "Kind", "kind_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of snapshot.

    Attributes:
        fixture: the name of the fixture that pins it.
        suffix: what its files end in, without the dot.
        folder: the folder of its artifacts within that of the test; empty where they lie in the test's own.
    """

    fixture: str
    suffix: str
    folder: str


SNAPSHOT = Kind("nnviz_snapshot", "nnviz", "")
SUMMARY = Kind("nnviz_summary", "nnsummary", "summary")
FILTERS = Kind("nnviz_filters", "nnfilters", "filters")
KINDS = (SNAPSHOT, SUMMARY, FILTERS)


def kind_of(suffix: str) -> Kind:
    """The kind whose files have this suffix, written with its dot or without.

    Raises:
        KeyError: there is none.
    """
    return {kind.suffix: kind for kind in KINDS}[suffix.removeprefix(".")]
