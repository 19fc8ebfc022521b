"""What became of a stored text, of whichever kind, as the command line says it."""

from __future__ import annotations

from pytest_nnviz.verdict import Room, Verdict

__all__ = ["tabled", "words_of"]

_LINES = 100


def words_of(verdict: Verdict, name: str, width: int) -> list[str]:
    """The headline, then what changed; lines of at most ``width`` characters where they can be cut."""
    room = Room(width=width - 2, lines=_LINES)
    return [*(verdict.changes(name, room) or [f"no change in {name}"]), *verdict.remarks]


def tabled(verdict: Verdict, name: str) -> str:
    """The same as Markdown."""
    from pytest_nnviz.report.markdown import WIDTH, tables

    return tables(words_of(verdict, name, WIDTH)[0], verdict.told(WIDTH))
