"""Texts that git could not merge: they hold its markers, whatever kind of text it is."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_nnviz.errors import TextError

__all__ = ["refuse_conflicts"]

_MARKERS = ("<<<<<<< ", ">>>>>>> ", "||||||| ")
_MIDDLE = "======="


def refuse_conflicts(lines: Iterable[str]) -> None:
    """Look for the markers of a merge that was not finished.

    Raises:
        TextError: there is one; with its line.
    """
    for number, line in enumerate(lines, 1):
        if line == _MIDDLE or line.startswith(_MARKERS):
            raise TextError(
                f"holds a conflict marker ({line[:20]!r}): merge the code, then run pytest --snapshot-update", number
            )
