"""A drift as Markdown: a table of what changed, fit for a comment of a pull request or a job summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pytest_nnviz.drift import Drift
from pytest_nnviz.gates import Gates
from pytest_nnviz.wording import Row, Told, headline, tell

__all__ = ["WIDTH", "code", "markdown", "plain", "tables"]

WIDTH = 200
"""Characters that the cells of a row have at most, where they can be cut."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!@$])")


def markdown(drift: Drift, name: str, gates: Gates | None = None) -> str:
    """The headline, a table of the edits, then what is said about the whole; one final newline.

    Args:
        drift: what changed.
        name: what the snapshot is called.
        gates: which changes decide; the others stand in a table of their own. All when None.
    """
    return tables(headline(drift, name, gate=gates), tell(drift, gate=gates, width=WIDTH, stored=True))


def tables(headline: str, told: Told) -> str:
    """The headline of what was told, tables of the edits, remarks; one final newline."""
    blocks = [f"**{plain(headline)}**"]
    blocks += _table(told.main, told.more)
    blocks += ["Not gated:", *_table(told.notes, told.more_notes)] if told.notes or told.more_notes else []
    blocks += ["\n".join(f"- {plain(remark)}" for remark in told.remarks)] if told.remarks else []
    return "\n\n".join(blocks) + "\n"


def _table(rows: Iterable[Row], more: int) -> list[str]:
    lines = [_row(["", "place", "change", "", "consequence"]), _row(["---"] * 5), *map(_cells, rows)]
    left = [f"... and {more:,} more"] if more else []
    return ["\n".join(lines), *left] if len(lines) > 2 else left


def _cells(row: Row) -> str:
    return _row([_cell(row.marker), _cell(row.place), _cell(row.facts), row.extra, plain(row.consequence)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Code on one line: backticks need more of them around."""
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _cell(text: str) -> str:
    """Code in a table, where a pipe ends the cell even within code."""
    return code(text).replace("|", "\\|")


def plain(text: str) -> str:
    """Plain text: nothing in it is taken for Markdown, HTML or the name of a user."""
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterator[str]:
    for part in _SPECIAL.split(text):
        if part in ("<", ">", "&", "@"):
            yield {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}[part]
        else:
            yield f"\\{part}" if len(part) == 1 and _SPECIAL.match(part) else part
