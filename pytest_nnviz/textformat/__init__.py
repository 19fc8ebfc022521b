"""The canonical text: ``dumps`` and ``loads``, exact inverses of each other; versioned on its first line."""

from __future__ import annotations

from pytest_nnviz.textformat.read import loads
from pytest_nnviz.textformat.write import FORMAT_VERSION, dumps

__all__ = ["FORMAT_VERSION", "dumps", "loads", "say_the_same", "without_comments"]


def without_comments(text: str) -> str:
    """The part of a text that decides: without the comment lines at its end and the blank line before them."""
    head, end, tail = text.partition("\n[end]\n")
    return head + end if all(line.startswith("#") or not line for line in tail.split("\n")) else text


def say_the_same(text: str, stored: str | None) -> bool:
    """Whether a text is the stored one but for comments; not where nothing is stored."""
    return stored is not None and without_comments(text) == without_comments(stored)
