"""A drift line by line, in columns, for a width and a number of lines."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pytest_nnviz.drift.data import Drift
from pytest_nnviz.gates import Gates
from pytest_nnviz.wording.telling import FACT, PLACE, WIDTH, Row, tell

__all__ = ["columns", "section", "words", "wrapped"]


def words(
    drift: Drift,
    *,
    gate: Gates | frozenset[str] | None = None,
    limit: int = 60,
    lines: int | None = None,
    width: int = WIDTH,
    ripples: bool = False,
    root: str = "",
    stored: bool = False,
) -> list[str]:
    """What changed, line by line: facts by consequence, what is not gated, totals, versions.

    Args:
        drift: what to word; nothing is said about an empty one.
        gate: the gates that decide (all when None); changes of others are notes behind.
        limit: how many edits are told before the rest is counted.
        lines: how many lines there may be in all, None for any number; the first edit is always told.
        width: how many characters a line should have at most; what cannot be cut shorter is longer.
        ripples: tell what only follows from the edits too, instead of counting it.
        root: the folder to which lines of source are relative.
        stored: whether the new side is a stored text as the old one is, and not what was traced now.
    """
    told = tell(drift, gate=gate, limit=limit, width=width, ripples=ripples, root=root, stored=stored)
    remarks = [line for remark in told.remarks for line in wrapped(remark, width)]
    behind = 2 * sum(bool(rows or more) for rows, more in ((told.notes, told.more_notes), (told.ripples, 0)))
    room = sys.maxsize if lines is None else lines - len(remarks) - behind
    found = section("", columns(told.main, width), told.more, room)
    found += section("not gated:", columns(told.notes, width), told.more_notes, room + 2 - len(found))
    found += section("downstream:", columns(told.ripples, width), told.more_ripples, room + behind - len(found))
    return [*found, *remarks]


def section(title: str, blocks: Sequence[Sequence[str]], more: int, room: int) -> list[str]:
    """The lines of as many edits as there is room for (without a title of one at least), and how many are left out."""
    if not blocks and not more:
        return []
    lines = [title] if title else []
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1 and not more
        if (title or index) and len(lines) + len(block) + (not last) > room:
            return [*lines, *_left_out(len(blocks) - index + more)]
        lines += block
    return [*lines, *_left_out(more)]


def columns(rows: Sequence[Row], width: int) -> list[list[str]]:
    """A line for each row, in columns as far as they fit; what does not is written below it."""
    cells = [(f"{row.marker} {row.place}", row.facts, row.extra, row.consequence, row.source) for row in rows]
    heads, facts, extras, ends, _ = ([row[column] for row in cells] for column in range(5))
    room = max(FACT, width - 6 - sum(max(map(len, column), default=0) for column in (heads, extras, ends)))
    sourced = any(row.source for row in rows)
    widths = [_column(heads, PLACE + 2), _column(facts, room + 12), _column(extras, FACT), _column(ends, FACT), 0]
    widths[3] *= sourced
    return [_line(row, widths, width) for row in cells]


def _line(row: Sequence[str], columns: Sequence[int], width: int) -> list[str]:
    padded = "  ".join(text.ljust(column) for text, column in zip(row, columns, strict=True) if column or text).rstrip()
    if len(padded) <= width:
        return [padded]
    lines = [row[0].ljust(columns[0])]
    for text in filter(None, row[1:]):
        if len(lines[-1]) + 2 + len(text) <= width:
            lines[-1] += f"  {text}"
        else:
            lines.append(f"    {text}")
    return [line.rstrip() for line in lines]


def wrapped(text: str, width: int) -> list[str]:
    """A line in as many of ``width`` characters as it takes."""
    if len(text) <= width:
        return [text]
    import textwrap

    return textwrap.wrap(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _column(texts: Sequence[str], limit: int) -> int:
    """A width that fits the texts; a few that are much longer stick out instead of pushing all others away."""
    return max((len(text) for text in texts if len(text) <= limit), default=0)


def _left_out(count: int) -> list[str]:
    return [f"... and {count:,} more"] if count else []
