"""All findings of a run or a review as one page: a file that asks no network for anything and reads without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from pytest_nnviz.report.article import article, copied, titled
from pytest_nnviz.report.edits import tone
from pytest_nnviz.report.findings import Finding, accepting, counted, groups, snapshots
from pytest_nnviz.report.occasion import Occasion
from pytest_nnviz.report.space import Share, shared_out

__all__ = ["page"]

_NAMED = 3


def page(findings: Iterable[Finding], occasion: Occasion | None = None, root: Path | None = None) -> str:
    """The page of some findings, what failed first, the gravest first, those of one cause together.

    Args:
        findings: of a run or a review.
        occasion: why there is a page; a run of tests when None.
        root: the folder of the page, from which it links to files that it has no room for.

    Raises:
        OSError: the files of a finding cannot be read.
    """
    occasion = Occasion() if occasion is None else occasion
    found = groups(findings)
    flat = [each for group in found for each in group]
    ids = dict(zip((each.folder for each in flat), _ids(flat), strict=True))
    shares = shared_out(found, ids)
    style, script = _files("page.css"), _files("stage.js", "page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(occasion.title(flat))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            _head(flat, occasion),
            _list(found, ids),
            "<main>\n",
            *(_group(group, ids, shares, root) for group in found),
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def _files(*names: str) -> str:
    return "".join(files("pytest_nnviz.report").joinpath(name).read_text("utf-8") for name in names)


def _head(found: Sequence[Finding], occasion: Occasion) -> str:
    counts = "".join(
        f'<li class="{tone(name)}"><button type="button" data-kind="{escape(name)}" aria-pressed="false" disabled>'
        f"<b>{count:,}</b> {escape(name)}</button></li>"
        for name, count in counted(found)
    )
    return (
        f"<header>\n<h1>{escape(occasion.title(found))}</h1>\n"
        f'<p class="lead">{escape(occasion.about(found))}</p>\n'
        f'<ul class="counts" aria-label="Snapshots by consequence">{counts}</ul>\n{_missing(occasion)}</header>\n'
    )


def _missing(occasion: Occasion) -> str:
    """What should be here and is not."""
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in occasion.missing)
    return (
        f'<p class="lead">{len(occasion.missing):,} more could not be kept:</p>\n<ul>\n{lines}</ul>\n' if lines else ""
    )


def _list(found: Sequence[Sequence[Finding]], ids: dict[Path, str]) -> str:
    items = "".join(map(_item, found, (ids[first.folder] for first, *_ in found)))
    return (
        f'<nav class="list" aria-label="Snapshots">\n<details{" open" if len(found) > 1 else ""}>'
        f"<summary>{_length(found)}</summary>\n<ol>\n{items}</ol>\n</details>\n</nav>\n"
        '<div class="bar" role="search" aria-label="Snapshots" hidden>'
        '<input type="search" id="search" placeholder="filter by module, test or words" '
        f'aria-label="Filter snapshots"><span id="found" class="nothing" role="status"></span>{_KEYS}</div>\n'
    )


def _length(found: Sequence[Sequence[Finding]]) -> str:
    count, causes = sum(map(len, found)), len(found)
    told = f", {causes:,} {'cause' if causes == 1 else 'causes'}" if causes < count else ""
    return f"{snapshots(count)}{told}"


_KEYS = (
    '<p class="keys"><span><kbd>j</kbd> <kbd>k</kbd> next, previous</span><span><kbd>n</kbd> next change</span>'
    "<span><kbd>1</kbd> to <kbd>4</kbd> views</span><span><kbd>/</kbd> filter</span></p>"
)


def _item(group: Sequence[Finding], id_: str) -> str:
    more = f"<small>and in {len(group) - 1:,} more</small>" if len(group) > 1 else ""
    return f'<li><a href="#{id_}"><span class="said">{titled(group[0])}</span>{more}</a></li>\n'


def _group(group: Sequence[Finding], ids: dict[Path, str], shares: dict[Path, Share], root: Path | None) -> str:
    first, *others = (article(each, ids[each.folder], shares[each.folder], root) for each in group)
    if not others:
        return first
    names = ", ".join(escape(each.name) for each in group[1 : _NAMED + 1]) + (", ..." if len(others) > _NAMED else "")
    alike = "The same" if all(map(group[0].is_same_cause, group)) or all(map(group[0].is_same, group)) else "Alike"
    command = copied(f"{ids[group[0].folder]}-g", f"If it is intended in all {len(group):,}", accepting(group))
    return (
        f'<section class="group">\n{first}{command}<details class="alike"><summary>{alike} in {len(others):,} more: '
        f"<code>{names}</code></summary>\n{''.join(others)}</details>\n</section>\n"
    )


def _ids(found: Sequence[Finding]) -> Iterator[str]:
    """A short name for each finding, the same in each run: what links lead to."""
    given: set[str] = set()
    for each in found:
        id_ = next(id_ for digits in range(6, 60) if (id_ := each.anchor_of(digits)) not in given)
        given.add(id_)
        yield id_
