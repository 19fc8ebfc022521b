"""What there is to look at of a finding: its pictures under tabs, the two texts, sheets and tables."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
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
_SAME = ("passed", "recorded", "renamed")  # what is drawn of these is neither before nor after anything
_SHOWN = {"nnviz_filters": "the numbers", "nnviz_summary": "the table", "nnviz_snapshot": "the text"}
_SHOWN_BOTH = {
    "nnviz_filters": "the numbers before and after",
    "nnviz_summary": "the tables before and after",
    "nnviz_snapshot": "the two texts",
}
_TABLES = ("nnviz_summary",)  # texts that are read beside each other
_NAMES = ("diff", *_SIDES)


def views(finding: Finding, id_: str, share: Share) -> str:
    """The pictures and texts of a finding as HTML, as far as the page has room for them.

    Raises:
        OSError: its files cannot be read.
    """
    pictures, texts = share.pictures, _texts(finding) if share.texts else ""
    drawn = {name: path for name, path in pictures.items() if name in _NAMES}
    titles = {} if finding.status in _SAME else _STILLS
    layers = _layers({name: path for name, path in pictures.items() if name not in _NAMES}, id_, titles)
    if drawn:
        return f"{_graph(drawn, texts, id_, finding)}{layers}"
    if not texts:
        return layers
    is_open = " open" if finding.fixture in _TABLES else ""
    return f"{layers}<details{is_open}><summary>{_summary(finding)}</summary>{texts}</details>\n"


def _called(finding: Finding) -> tuple[str, str]:
    """What its sides are called, those of a review by when they were."""
    return ("before", "after") if finding.reviewed else _SIDES


def _both(pictures: Mapping[str, Path]) -> bool:
    return all(side in pictures for side in _SIDES)


def _graph(pictures: Mapping[str, Path], texts: str, id_: str, finding: Finding) -> str:
    """The pictures of a graph, which move together, and the texts."""
    sides, both = _called(finding), _both(pictures)
    if not both and "diff" not in pictures:
        return _alone(*next(iter(pictures.items())), texts, id_, finding)
    tabs = [
        *((("1", "merged"),) if "diff" in pictures else ()),
        *((("2", "side by side"), ("3", "swipe")) if both else ()),
        *((("4", "text"),) if texts else ()),
    ]
    shown = pictures if both else {"diff": pictures["diff"]}
    names = dict(zip(_NAMES, ("merged", *sides), strict=True))
    figures = "".join(_figure(_PLACES[name], names[name], path) for name, path in shown.items())
    tools = f"{_swipe(*sides) if both else ''}{_TOOLS}"
    return _tabbed(id_, tabs, tools, f'<div class="stage">\n{figures}</div>\n{texts}')


def _alone(side: str, path: Path, texts: str, id_: str, finding: Finding) -> str:
    """The one picture of what came, went or stayed as it is, and the text."""
    tabs = [("1", "picture"), *((("4", "text"),) if texts else ())]
    called = "the model" if finding.status in _SAME else _called(finding)[_SIDES.index(side)]
    figure = _figure("both", called, path)
    return _tabbed(id_, tabs, _ZOOM, f'<div class="stage">\n{figure}</div>\n{texts}')


def _layers(pictures: Mapping[str, Path], id_: str, titles: Mapping[str, str]) -> str:
    """Sheets of filters: those of one layer in a row, and one side swiped over the other."""
    parts = groupby(pictures, lambda name: name.partition(".")[2])
    return "".join(
        _layer(part, {n: pictures[n] for n in names}, f"{id_}-{at}", titles) for at, (part, names) in enumerate(parts)
    )


def _layer(part: str, pictures: Mapping[str, Path], id_: str, titles: Mapping[str, str]) -> str:
    sides = {name.partition(".")[0]: path for name, path in pictures.items()}
    figures = "".join(
        _figure(_PLACES.get(side, ""), ": ".join(filter(None, (part, titles.get(side)))), path)
        for side, path in sides.items()
    )
    stage = f'<div class="stage still">\n{figures}</div>\n'
    if not _both(sides):
        return stage
    return _tabbed(id_, (("1", "beside each other"), ("3", "swipe")), _swipe("before", "after"), stage)


def _tabbed(id_: str, tabs: Sequence[tuple[str, str]], tools: str, shown: str) -> str:
    """Things of which a chosen tab decides what is shown; the tabs by the keys that choose them."""
    inputs = "".join(
        f'<input type="radio" name="{id_}-v" id="{id_}-v{key}" class="view-{key}"{_CHECKED if not at else ""}>'
        for at, (key, _) in enumerate(tabs)
    )
    labels = "".join(f'<label class="tab-{key}" for="{id_}-v{key}">{name}</label>' for key, name in tabs)
    return f'<div class="views">\n{inputs}\n<div class="tabs">{labels}{tools}</div>\n{shown}</div>\n'


_CHECKED = " checked"
_PLACES = {"diff": "both", "expected": "side expected", "actual": "side actual"}
_BUTTONS = (
    '<button type="button" data-act="out" aria-label="Zoom out">&minus;</button>'
    '<button type="button" data-act="in" aria-label="Zoom in">+</button>'
    '<button type="button" data-act="fit">fit</button>'
)
_ZOOM = f'<span class="tools" hidden>{_BUTTONS}</span>'
_TOOLS = (
    '<span class="tools" hidden><button type="button" data-act="next">next change</button>'
    f'<span class="where nothing" role="status"></span>{_BUTTONS}</span>'
)


def _swipe(left: str, right: str) -> str:
    return (
        f'<label class="swipe">{left} <input type="range" min="0" max="100" value="50" '
        f'aria-label="How much of {left} covers {right}, from the left"> {right}</label>'
    )


def _figure(classes: str, shown: str, path: Path) -> str:
    name = escape(shown)
    return (
        f'<figure class="{classes}"><figcaption>{name}</figcaption>'
        f'<div class="canvas" tabindex="0" role="group" aria-label="{name}">{_image(path, shown)}</div></figure>\n'
    )


def _image(path: Path, shown: str) -> str:
    """A picture; a drawing waits until the script shows it, as to read many of them takes a browser seconds."""
    data = path.read_bytes()
    if path.suffix != ".svg":
        return _img(shown, f"data:image/png;base64,{base64.b64encode(data).decode()}")
    source = _END.sub("%3C/", quote(data.decode("utf-8", "replace"), safe=_SAFE))
    return f"<noscript>{_img(shown, f'data:image/svg+xml,{source}')}</noscript>"


def _img(shown: str, source: str) -> str:
    return f'<img alt="{escape(shown)} picture" src="{source}">'


_SAFE = " !$'()*+,-./:;=?@_~<>[]{}|^"
_END = re.compile("</(?=n)", re.IGNORECASE)  # of noscript, which is text where there are scripts


def _summary(finding: Finding) -> str:
    """What the texts are called where they are folded."""
    old, new = (finding.text(side) for side in _SIDES)
    both = old is not None and new is not None and old != new
    return (_SHOWN_BOTH if both else _SHOWN).get(finding.fixture, "the text")


def _texts(finding: Finding) -> str:
    old, new = (finding.text(side) for side in _SIDES)
    if old is None and new is None:
        return ""
    if old is None or new is None or old == new:
        return f'<div class="texts"><pre tabindex="0" aria-label="The text">{escape(new or old or "")}</pre></div>\n'
    if finding.fixture in _TABLES:
        columns = "".join(map(_column, _called(finding), beside(old, new)))
        return f'<div class="texts pair">{columns}</div>\n'
    return f'<div class="texts"><pre tabindex="0" aria-label="The two texts">{difference(old, new)}</pre></div>\n'


def _column(which: str, text: str) -> str:
    return f'<figure><figcaption>{which}</figcaption><pre tabindex="0" aria-label="{which}">{text}</pre></figure>'
