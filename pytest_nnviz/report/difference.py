"""Two texts line by line in HTML, what came and went marked: as one, and beside each other."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from html import escape

__all__ = ["beside", "difference"]

_CONTEXT = 3
_SHORT = 3  # equal lines that are no more than the fold would be
_LONG = 40  # equal lines; texts beside each other are whole as long as one has not to look for what differs
_MOST = 20_000  # lines of both; above that what differs is looked for in order alone


def difference(old: str, new: str) -> str:
    """The lines of both texts: those of ``new`` alone in ``ins``, of ``old`` alone in ``del``, equal runs folded."""
    return "".join(
        _marked("del", before) + _marked("ins", now) if equal is None else equal
        for equal, before, now in _parts(old, new)
    )


def beside(old: str, new: str) -> tuple[str, str]:
    """Each of both texts, level with the other: what it has alone is marked, what the other has alone is a gap."""
    sides: tuple[list[str], list[str]] = ([], [])
    for equal, before, now in _parts(old, new, least=_LONG):
        gap = len(now) - len(before)
        sides[0].append(_marked("del", before) + _GAP * gap if equal is None else equal)
        sides[1].append(_marked("ins", now) + _GAP * -gap if equal is None else equal)
    return "".join(sides[0]), "".join(sides[1])


_GAP = '<span class="gap"> </span>'


def _parts(old: str, new: str, least: int = _SHORT) -> Iterator[tuple[str | None, Sequence[str], Sequence[str]]]:
    """The runs of lines: what equal ones look like, None for others, and those of both; more than ``least`` fold."""
    before, now = old.split("\n"), new.split("\n")
    matcher = difflib.SequenceMatcher(None, before, now, autojunk=len(before) + len(now) > _MOST)
    for kind, start, stop, first, last in matcher.get_opcodes():
        lines = before[start:stop]
        same = _equal(lines, first=start == 0, last=stop == len(before), least=least) if kind == "equal" else None
        yield same, lines, now[first:last]


def _marked(kind: str, lines: Sequence[str]) -> str:
    sign = "+" if kind == "ins" else "-"
    return "".join(f"<{kind}>{sign} {escape(line)}</{kind}>" for line in lines)


def _equal(lines: Sequence[str], *, first: bool, last: bool, least: int) -> str:
    head = 0 if first else _CONTEXT
    tail = 0 if last else _CONTEXT
    inner = lines[head : len(lines) - tail]
    if len(inner) <= least:
        return _plain(lines)
    folded = f"<details><summary>{len(inner):,} equal lines</summary>{_plain(inner)}</details>"
    return _plain(lines[:head]) + folded + _plain(lines[len(lines) - tail :] if tail else [])


def _plain(lines: Sequence[str]) -> str:
    return "".join(f"  {escape(line)}\n" for line in lines)
