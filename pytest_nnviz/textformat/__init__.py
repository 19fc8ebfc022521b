"""The canonical text: ``dumps`` and ``loads``, exact inverses of each other; versioned on its first line."""

from __future__ import annotations

from pytest_nnviz.textformat.read import loads
from pytest_nnviz.textformat.write import FORMAT_VERSION, dumps

__all__ = ["FORMAT_VERSION", "dumps", "loads", "without_comments"]


def without_comments(text: str) -> str:
    """The part of a text that decides: without the comment lines at its end and the blank line before them."""
    lines = text.rstrip("\n").split("\n")
    while lines and (lines[-1].startswith("#") or not lines[-1]):
        lines.pop()
    return "\n".join(lines) + "\n"
