"""One finding on the page: what changed as a table, what is said about the whole, what to type, what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from pytest_nnviz.report.edits import arrowed, edits, tone
from pytest_nnviz.report.findings import Finding
from pytest_nnviz.report.space import Share
from pytest_nnviz.report.views import views

__all__ = ["article", "copied", "titled"]

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
    where = " · ".join(f"<code>{escape(each)}</code>" for each in (finding.test, finding.snapshot) if each)
    return "".join(
        [
            f'<article id="{id_}" tabindex="-1" aria-labelledby="{id_}-h" data-kind="{escape(finding.consequence)}" '
            f'data-words="{escape(_searched(finding))}">\n',
            f'<h2 id="{id_}-h">{titled(finding)}</h2>\n',
            f'<p class="meta">{where}</p>\n',
            edits(finding.rows),
            _remarks(finding.remarks) if finding.rows else _words(finding.remarks),
            copied(f"{id_}-c", _ASKS.get(finding.status, "If all of it is intended"), finding.command),
            _rename_map(finding, id_),
            _elsewhere(share),
            views(finding, id_, share),
            _links(share.linked, root),
            "</article>\n",
        ]
    )


def titled(finding: Finding) -> str:
    """The headline of a finding as HTML, its consequence as a tag."""
    tag = finding.consequence
    words = arrowed(finding.headline.removeprefix(f"{tag}: "))
    return f'<span class="tag {tone(tag)}">{escape(tag)}</span> {words}'


def copied(id_: str, what: str, text: str) -> str:
    """A command that can be copied; nothing where there is none."""
    if not text:
        return ""
    return (
        f'<div class="command"><span>{escape(what)}:</span> <code id="{id_}">{escape(text)}</code>{_copy(id_)}</div>\n'
    )


def _searched(finding: Finding) -> str:
    rows = (f"{row.place} {row.facts}" for row in finding.rows)
    return " ".join([finding.headline, finding.test, finding.name, finding.snapshot, *rows, *finding.remarks]).lower()


def _remarks(remarks: Sequence[str]) -> str:
    """A list; what is indented belongs to what stands above it."""
    lines = "".join(f"<li{_SUB if line.startswith('  ') else ''}>{arrowed(line.strip())}</li>\n" for line in remarks)
    return f'<ul class="remarks">\n{lines}</ul>\n' if remarks else ""


_SUB = ' class="sub"'


def _words(lines: Sequence[str]) -> str:
    text = escape("\n".join(lines))
    return f'<pre class="words" tabindex="0" aria-label="Changes">{text}</pre>\n' if lines else ""


def _rename_map(finding: Finding, id_: str) -> str:
    if not finding.rename_map:
        return ""
    lines = ",\n".join(f"    {old!r}: {new!r}" for old, new in finding.rename_map.items())
    listed = f"{{\n{lines},\n}}"
    return (
        f"<details><summary>{len(finding.rename_map):,} keys of old checkpoints to rename</summary>\n"
        f'<div class="command"><code id="{id_}-m" class="map">{escape(listed)}</code>'
        f"{_copy(f'{id_}-m')}</div></details>\n"
    )


def _copy(id_: str) -> str:
    return f'<button type="button" data-copy="{id_}" aria-describedby="{id_}" hidden>copy</button>'


def _elsewhere(share: Share) -> str:
    """Where its pictures are, if it has none of its own."""
    said = f'<p class="like">The pictures are those of <a href="#{share.like}">the finding above</a>.</p>\n'
    drawn = f'<p class="like">Not drawn: <a href="#{share.led}">the first of its cause</a> is.</p>\n'
    return said if share.like else drawn if share.led else ""


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
