"""The canonical text: ``dumps`` and ``loads``, exact inverses of each other; versioned on its first line."""

from __future__ import annotations

from pytest_nnviz.textformat.read import loads
from pytest_nnviz.textformat.write import FORMAT_VERSION, dumps

__all__ = ["FORMAT_VERSION", "dumps", "loads", "without_comments"]


def without_comments(text: str) -> str:
    """The part of a text that decides: without the comment lines at its end and the blank line before them."""
    head, end, tail = text.partition("\n[end]\n")
    return head + end if all(line.startswith("#") or not line for line in tail.split("\n")) else text
