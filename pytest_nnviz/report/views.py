"""What there is to look at of a finding: its pictures under tabs, the two texts, sheets and tables."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from pytest_nnviz.report.difference import beside, difference
from pytest_nnviz.report.findings import Finding
from pytest_nnviz.report.space import Share

__all__ = ["views"]

_SIDES = ("expected", "actual")
_STILLS = {"diff": "before, after, difference", "expected": "before", "actual": "after"}
_SHOWN = {"nnviz_filters": "the numbers before and after", "nnviz_summary": "the tables before and after"}
_TABLES = ("nnviz_summary",)  # texts that are read beside each other
_NAMES = {"diff": "merged", "expected": "expected", "actual": "actual"}


def views(finding: Finding, id_: str, share: Share) -> str:
    """The pictures and texts of a finding as HTML, as far as the page has room for them.

    Raises:
        OSError: its files cannot be read.
    """
    pictures, texts = share.pictures, _texts(finding) if share.texts else ""
    sides = all(side in pictures for side in _SIDES)
    drawn = "diff" in pictures or sides
    others = [name for name in pictures if not drawn or name not in _NAMES]
    tabs = [
        *((("1", "merged"),) if "diff" in pictures else ()),
        *((("2", "side by side"), ("3", "swipe")) if sides else ()),
        *((("4", "text"),) if texts else ()),
    ]
    stills = "".join(_still(others, pictures))
    if not drawn:
        is_open = " open" if finding.fixture in _TABLES else ""
        summary = f"<summary>{_summary(finding)}</summary>"
        return f"{stills}<details{is_open}>{summary}{texts}</details>\n" if texts else stills
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


def _stage(pictures: Mapping[str, Path]) -> Iterator[str]:
    yield '<div class="stage">\n'
    for name, shown in _NAMES.items():
        if name in pictures:
            yield _figure("frame both" if name == "diff" else f"frame side {name}", shown, pictures[name])
    yield "</div>\n"


def _still(names: Sequence[str], pictures: Mapping[str, Path]) -> Iterator[str]:
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


def _summary(finding: Finding) -> str:
    """What the texts are called where they are folded."""
    both = len(list(finding.folder.glob("*.nn*"))) > 1
    return _SHOWN.get(finding.fixture, "the two texts") if both else "the text"


def _texts(finding: Finding) -> str:
    old, new = (finding.text(side) for side in _SIDES)
    if old is None and new is None:
        return ""
    if old is None or new is None or old == new:
        return f'<div class="texts"><pre tabindex="0" aria-label="The text">{escape(new or old or "")}</pre></div>\n'
    if finding.fixture in _TABLES:
        columns = "".join(map(_column, _SIDES, beside(old, new)))
        return f'<div class="texts pair">{columns}</div>\n'
    return f'<div class="texts"><pre tabindex="0" aria-label="The two texts">{difference(old, new)}</pre></div>\n'


def _column(which: str, text: str) -> str:
    return f'<figure><figcaption>{which}</figcaption><pre tabindex="0" aria-label="{which}">{text}</pre></figure>'
