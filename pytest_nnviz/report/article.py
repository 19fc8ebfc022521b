"""One finding on the page: what changed as a table, what is said about the whole, what to type, what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from pytest_nnviz.report.findings import Finding, Row
from pytest_nnviz.report.space import Share
from pytest_nnviz.report.views import views

__all__ = ["article", "tone"]

_TONES = {"breaks checkpoints": "breaks", "changes the function": "changes"}
_MARKS = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}
_ROWS = 200
_ASKS = {
    "missing": "To record it",
    "damaged": "To write it anew",
    "picture": "To redraw it",
}


def article(finding: Finding, id_: str, share: Share, root: Path | None) -> str:
    """A finding as HTML.

    Args:
        finding: what is shown.
        id_: what links lead to.
        share: what the page has room for.
        root: the folder of the page, for links to files; None where there is none.

    Raises:
        OSError: its files cannot be read.
    """
    tag = finding.consequence
    shown = f'<span class="tag {tone(tag)}">{escape(tag)}</span> '
    where = " · ".join(f"<code>{escape(each)}</code>" for each in (finding.test, finding.snapshot) if each)
    return "".join(
        [
            f'<article id="{id_}" aria-labelledby="{id_}-h" data-words="{escape(_searched(finding))}">\n',
            f'<h2 id="{id_}-h">{shown}{escape(finding.headline.removeprefix(f"{tag}: "))}</h2>\n',
            f'<p class="meta">{where}</p>\n',
            _edits(finding.rows),
            _remarks(finding.remarks) if finding.rows else _words(finding.remarks),
            _copied(f"{id_}-c", _ASKS.get(finding.status, "If all of it is intended"), finding.command),
            _rename_map(finding, id_),
            f'<p class="like">The pictures are those of <a href="#{share.like}">the finding above</a>.</p>\n'
            if share.like
            else "",
            views(finding, id_, share),
            _links(share.linked, root),
            "</article>\n",
        ]
    )


def tone(consequence: str) -> str:
    """The class by which a consequence has its colour."""
    return _TONES.get(consequence, "milder")


def _searched(finding: Finding) -> str:
    rows = (f"{row.place} {row.facts}" for row in finding.rows)
    return " ".join([finding.headline, finding.test, finding.name, finding.snapshot, *rows, *finding.remarks]).lower()


def _edits(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", "place", "change", "", "means", "source"))
    lines = "".join(map(_edit, rows[:_ROWS]))
    left = len(rows) - _ROWS
    more = f'<tr><td></td><td colspan="5">... and {left:,} more, in words.txt</td></tr>\n' if left > 0 else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Changes"><table class="edits">'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{lines}{more}</tbody></table></div>\n"
    )


def _edit(row: Row) -> str:
    kind = _MARKS.get(row.marker, "changed")
    means = row.consequence if row.gated else f"{row.consequence} (not gated)"
    cells = (
        f'<td class="mark m-{kind}" title="{kind}">{escape(row.marker)}</td>',
        f'<td class="place">{escape(row.place)}</td>',
        f'<td class="facts">{escape(row.facts)}</td>',
        f"<td>{escape(row.extra)}</td>",
        f'<td class="{tone(row.consequence)}">{escape(means)}</td>',
        f"<td><code>{escape(row.source)}</code></td>",
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _remarks(remarks: Sequence[str]) -> str:
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in remarks)
    return f'<ul class="remarks">\n{lines}</ul>\n' if remarks else ""


def _words(lines: Sequence[str]) -> str:
    text = escape("\n".join(lines))
    return f'<pre class="words" tabindex="0" aria-label="Changes">{text}</pre>\n' if lines else ""


def _copied(id_: str, what: str, text: str) -> str:
    if not text:
        return ""
    return (
        f'<div class="command"><span>{escape(what)}:</span> <code id="{id_}">{escape(text)}</code>'
        f'<button type="button" data-copy="{id_}" hidden aria-label="Copy">copy</button></div>\n'
    )


def _rename_map(finding: Finding, id_: str) -> str:
    if not finding.rename_map:
        return ""
    lines = ",\n".join(f"    {old!r}: {new!r}" for old, new in finding.rename_map.items())
    listed = f"{{\n{lines},\n}}"
    return (
        f"<details><summary>{len(finding.rename_map):,} keys of old checkpoints to rename</summary>\n"
        f'<div class="command"><code id="{id_}-m" style="white-space: pre">{escape(listed)}</code>'
        f'<button type="button" data-copy="{id_}-m" hidden aria-label="Copy">copy</button></div></details>\n'
    )


def _links(paths: Sequence[Path], root: Path | None) -> str:
    """Files that the page has no room for."""
    if not paths:
        return ""
    links = ", ".join(_link(path, root) for path in paths)
    return f'<p class="linked">Beside this page, which has no room for more: {links}</p>\n'


def _link(path: Path, root: Path | None) -> str:
    if root is None or not path.is_relative_to(root):
        return f"<code>{escape(path.name)}</code>"
    way = "/".join(quote(part, safe="") for part in path.relative_to(root).parts)
    return f'<a href="./{way}">{escape(path.name)}</a>'
