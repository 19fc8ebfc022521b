"""All failures of a run as one page: a single file that asks no network for anything and reads without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from pytest_nnviz.report.difference import beside, difference
from pytest_nnviz.report.failures import Failure, Row, counted, in_order

__all__ = ["page"]

_CLASSES = {"breaks checkpoints": "breaks", "changes the function": "changes"}
_MARKS = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}
_SIDES = ("expected", "actual")
_STILLS = {"diff": "before, after, difference", "expected": "before", "actual": "after"}
_SHOWN = {"nnviz_filters": "the numbers before and after", "nnviz_summary": "the tables before and after"}
_TABLES = ("nnviz_summary",)  # texts that are read beside each other
_NAMES = {"diff": "merged", "expected": "expected", "actual": "actual"}


def page(failures: Iterable[Failure]) -> str:
    """The page of some failures, the gravest first.

    Raises:
        OSError: the files of a failure cannot be read.
    """
    found = in_order(failures)
    style, script = (files("pytest_nnviz.report").joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    ids = _ids(found)
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(_title(found))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            _head(found),
            _list(found, ids),
            "<main>\n",
            *(_article(failure, id_) for failure, id_ in zip(found, ids, strict=True)),
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def _title(found: Sequence[Failure]) -> str:
    return f"{len(found)} {'snapshot' if len(found) == 1 else 'snapshots'} drifted"


def _head(found: Sequence[Failure]) -> str:
    counts = "".join(
        f'<li class="{_class(name)}"><b>{count:,}</b> {escape(name)}</li>' for name, count in counted(found)
    )
    return (
        f"<header>\n<h1>{escape(_title(found))}</h1>\n"
        '<p class="lead">What these models are has changed since their snapshots were recorded. '
        "Each change is either meant, and then accepted by the command below it, or a mistake.</p>\n"
        f'<ul class="counts" aria-label="Failures by consequence">{counts}</ul>\n</header>\n'
    )


def _class(consequence: str) -> str:
    return _CLASSES.get(consequence, "milder")


def _list(found: Sequence[Failure], ids: Sequence[str]) -> str:
    pairs = zip(found, ids, strict=True)
    items = "".join(f'<li><a href="#{id_}">{escape(each.headline)}</a></li>\n' for each, id_ in pairs)
    return (
        f'<nav class="list" aria-label="Failures">\n<details{" open" if len(found) > 1 else ""}>'
        f"<summary>All failures</summary>\n<ol>\n{items}</ol>\n</details>\n</nav>\n"
        '<div class="bar" hidden><input type="search" id="search" placeholder="filter by module, test or words (/)" '
        'aria-label="Filter failures"><span id="found" class="nothing" role="status"></span></div>\n'
    )


def _article(failure: Failure, id_: str) -> str:
    tag = failure.consequence
    shown = f'<span class="tag {_class(tag)}">{escape(tag)}</span> '
    return "".join(
        [
            f'<article id="{id_}" aria-labelledby="{id_}-h" data-words="{escape(_searched(failure))}">\n',
            f'<h2 id="{id_}-h">{shown}{escape(failure.headline.removeprefix(f"{tag}: "))}</h2>\n',
            f'<p class="meta"><code>{escape(failure.test)}</code> · <code>{escape(failure.snapshot)}</code></p>\n',
            _edits(failure.rows),
            _remarks(failure) if failure.rows else _words(failure.remarks),
            _copied(f"{id_}-c", "If all of it is intended", failure.command),
            _rename_map(failure, id_),
            _views(failure, id_),
            "</article>\n",
        ]
    )


def _searched(failure: Failure) -> str:
    rows = (f"{row.place} {row.facts}" for row in failure.rows)
    return " ".join([failure.headline, failure.test, failure.name, *rows, *failure.remarks]).lower()


def _edits(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", "place", "change", "", "means", "source"))
    lines = "".join(map(_edit, rows))
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Changes"><table class="edits">'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>\n"
    )


def _edit(row: Row) -> str:
    kind = _MARKS.get(row.marker, "changed")
    means = row.consequence if row.gated else f"{row.consequence} (not gated)"
    cells = (
        f'<td class="mark m-{kind}" title="{kind}">{escape(row.marker)}</td>',
        f'<td class="place">{escape(row.place)}</td>',
        f'<td class="facts">{escape(row.facts)}</td>',
        f"<td>{escape(row.extra)}</td>",
        f'<td class="{_class(row.consequence)}">{escape(means)}</td>',
        f"<td><code>{escape(row.source)}</code></td>",
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _remarks(failure: Failure) -> str:
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in failure.remarks)
    return f'<ul class="remarks">\n{lines}</ul>\n' if failure.remarks else ""


def _words(lines: Sequence[str]) -> str:
    text = escape("\n".join(lines))
    return f'<pre class="words" tabindex="0" aria-label="Changes">{text}</pre>\n' if lines else ""


def _copied(id_: str, what: str, text: str) -> str:
    return (
        f'<div class="command"><span>{escape(what)}:</span> <code id="{id_}">{escape(text)}</code>'
        f'<button type="button" data-copy="{id_}" hidden aria-label="Copy">copy</button></div>\n'
    )


def _rename_map(failure: Failure, id_: str) -> str:
    if not failure.rename_map:
        return ""
    lines = ",\n".join(f"    {old!r}: {new!r}" for old, new in failure.rename_map.items())
    listed = f"{{\n{lines},\n}}"
    return (
        f"<details><summary>{len(failure.rename_map):,} keys of old checkpoints to rename</summary>\n"
        f'<div class="command"><code id="{id_}-m" style="white-space: pre">{escape(listed)}</code>'
        f'<button type="button" data-copy="{id_}-m" hidden aria-label="Copy">copy</button></div></details>\n'
    )


def _views(failure: Failure, id_: str) -> str:
    pictures, texts = failure.pictures(), _texts(failure)
    sides = all(side in pictures for side in _SIDES)
    drawn = "diff" in pictures or sides
    others = [name for name in pictures if name not in _NAMES]
    tabs = [
        *((("1", "merged"),) if "diff" in pictures else ()),
        *((("2", "side by side"), ("3", "swipe")) if sides else ()),
        *((("4", "text"),) if texts else ()),
    ]
    stills = "".join(_still(others, pictures))
    if not drawn:
        shown = _SHOWN.get(failure.fixture, "the two texts")
        is_open = " open" if failure.fixture in _TABLES else ""
        return f"{stills}<details{is_open}><summary>{shown}</summary>{texts}</details>\n" if texts else stills
    first = tabs[0][0]
    inputs = "".join(
        f'<input type="radio" name="{id_}-v" id="{id_}-v{key}" class="view-{key}"'
        f'{" checked" if key == first else ""} aria-label="{name}">'
        for key, name in tabs
    )
    labels = "".join(f'<label class="tab-{key}" for="{id_}-v{key}">{name}</label>' for key, name in tabs)
    tools = f"{_SWIPE if sides else ''}{_TOOLS}"
    stage = "".join(_stage(pictures))
    return f'<div class="views">\n{inputs}\n<div class="tabs">{labels}{tools}</div>\n{stage}{texts}</div>\n{stills}'


_SWIPE = (
    '<label class="swipe">expected <input type="range" min="0" max="100" value="50" '
    'aria-label="Where the expected picture ends and the actual one begins, from the left"> actual</label>'
)
_TOOLS = (
    '<span class="tools" hidden><button type="button" data-act="next">next change (n)</button>'
    '<span class="where nothing" role="status"></span>'
    '<button type="button" data-act="out" aria-label="Zoom out">&minus;</button>'
    '<button type="button" data-act="in" aria-label="Zoom in">+</button>'
    '<button type="button" data-act="fit">fit</button></span>'
)


def _stage(pictures: dict[str, Path]) -> Iterator[str]:
    yield '<div class="stage">\n'
    for name, shown in _NAMES.items():
        if name in pictures:
            yield _figure("frame both" if name == "diff" else f"frame side {name}", shown, pictures[name])
    yield "</div>\n"


def _still(names: Sequence[str], pictures: dict[str, Path]) -> Iterator[str]:
    """Those of one layer in a row."""
    for part, group in groupby(names, lambda name: name.partition(".")[2]):
        yield '<div class="layer">'
        for name in group:
            which = name.partition(".")[0]
            yield _figure("still", f"{part}: {_STILLS.get(which, which)}" if part else which, pictures[name])
        yield "</div>\n"


def _figure(classes: str, shown: str, path: Path) -> str:
    return f'<figure class="{classes}"><figcaption>{escape(shown)}</figcaption>{_image(path, shown)}</figure>\n'


def _image(path: Path, shown: str) -> str:
    data = path.read_bytes()
    if path.suffix == ".svg":
        source = f"data:image/svg+xml,{quote(data.decode('utf-8', 'replace'), safe=_SAFE)}"
    else:
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{escape(shown)} picture" src="{source}">'


_SAFE = " !$'()*+,-./:;=?@_~<>[]{}|^"


def _texts(failure: Failure) -> str:
    old, new = (failure.text(side) for side in _SIDES)
    if old is None or new is None:
        return ""
    if failure.fixture in _TABLES:
        columns = "".join(map(_column, _SIDES, beside(old, new)))
        return f'<div class="texts pair">{columns}</div>\n'
    return f'<div class="texts"><pre tabindex="0" aria-label="The two texts">{difference(old, new)}</pre></div>\n'


def _column(which: str, text: str) -> str:
    return f'<figure><figcaption>{which}</figcaption><pre tabindex="0" aria-label="{which}">{text}</pre></figure>'


def _ids(found: Sequence[Failure]) -> list[str]:
    """A short name for each failure, the same in each run: what links lead to."""
    ids: list[str] = []
    for each in found:
        digest = hashlib.sha256(f"{each.fixture} {each.test} {each.name}".encode("utf-8", "replace")).hexdigest()
        ids.append(next(id_ for size in range(6, 60) if (id_ := f"f{digest[:size]}") not in ids))
    return ids
