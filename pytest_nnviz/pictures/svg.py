"""The SVG of an engine made ready for a page: in pixels, light and dark, titles above the edges that cross them."""

from __future__ import annotations

import re

from pytest_nnviz.errors import DrawingError
from pytest_nnviz.pictures import theme

__all__ = ["finish", "size"]

_REMARK = re.compile(r"<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*", re.DOTALL)
_ROOT = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"([^>]*)>')
_VIEW_BOX = re.compile(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"')
_UNSEEN = re.compile(
    r'<text [^>]*fill="transparent"[^>]*>[^<]*</text>\n|<text [^>]*>\s*</text>\n'
    r'|<g id="[^"]*" class="cluster[^"]*">\n<title>[^<]*</title>\n</g>\n'
)
_END = "</g>\n</svg>"


def finish(svg: str) -> str:
    """The drawing alone, without what depends on the engine's version or is not seen; a point is a pixel of a page."""
    text = _REMARK.sub("", svg.replace("\r\n", "\n"))
    text = _ROOT.sub(_root, _UNSEEN.sub("", text), count=1)
    drawing, end, rest = text.rpartition(_END)
    kept, titles = _part_titles(drawing)
    return f'{kept}<g class="titles">\n{titles}</g>\n{end}{rest}' if titles else text


def size(svg: str) -> tuple[float, float]:
    """Width and height of a drawing in points.

    Raises:
        DrawingError: the SVG does not say.
    """
    found = _VIEW_BOX.search(svg)
    if found is None:
        raise DrawingError("the engine wrote an SVG without a size")
    return float(found.group(1)), float(found.group(2))


def _root(found: re.Match[str]) -> str:
    width, height, rest = found.groups()
    style = f"<style>{theme.style()}</style>"
    return f'<svg class="nnviz" width="{float(width):g}" height="{float(height):g}"{rest}>\n{style}'


def _part_titles(drawing: str) -> tuple[str, str]:
    """A drawing without the titles of its boxes, and the titles; engines write an element a line."""
    kept: list[str] = []
    titles: list[str] = []
    box = False
    for line in drawing.splitlines(keepends=True):
        if line.startswith("<g ") and 'id="a_' not in line:
            box = 'class="cluster' in line
        (titles if box and line.startswith("<text ") else kept).append(line)
    return "".join(kept), "".join(titles)
