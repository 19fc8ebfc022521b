"""Two texts as one, line by line in HTML: what came, what went, and the unchanged between folded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from html import escape

__all__ = ["difference"]

_CONTEXT = 3
_MOST = 20_000  # lines of both; above that what differs is looked for in order alone


def difference(old: str, new: str) -> str:
    """The lines of both texts: those of ``new`` alone in ``ins``, of ``old`` alone in ``del``, equal runs folded."""
    before, now = old.split("\n"), new.split("\n")
    found = list(_parts(before, now))
    return "".join(
        _equal(lines, first=at == 0, last=at == len(found) - 1) if kind == "equal" else _marked(kind, lines)
        for at, (kind, lines) in enumerate(found)
    )


def _parts(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > _MOST)
    for kind, start, stop, first, last in matcher.get_opcodes():
        if kind == "equal":
            yield kind, old[start:stop]
            continue
        if stop > start:
            yield "del", old[start:stop]
        if last > first:
            yield "ins", new[first:last]


def _marked(kind: str, lines: Sequence[str]) -> str:
    sign = "+" if kind == "ins" else "-"
    return "".join(f"<{kind}>{sign} {escape(line)}</{kind}>" for line in lines)


def _equal(lines: Sequence[str], *, first: bool, last: bool) -> str:
    head = 0 if first else _CONTEXT
    tail = 0 if last else _CONTEXT
    inner = lines[head : len(lines) - tail]
    if len(inner) <= 1:
        return _plain(lines)
    folded = f"<details><summary>{len(inner):,} equal lines</summary>{_plain(inner)}</details>"
    return _plain(lines[:head]) + folded + _plain(lines[len(lines) - tail :] if tail else [])


def _plain(lines: Sequence[str]) -> str:
    return "".join(f"  {escape(line)}\n" for line in lines)
