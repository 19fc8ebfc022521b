"""The sheet of a layer: its filters side by side, as a PNG whose colours are the levels of the weights."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.arranging import GAP
from pytest_nnviz.filterbanks.data import Layer, Line
from pytest_nnviz.filterbanks.layout import Layout, arranged, written
from pytest_nnviz.filterbanks.lettering import LARGE, SMALL, width
from pytest_nnviz.filterbanks.levels import largest, levels_for
from pytest_nnviz.filterbanks.looks import EMPTY, INK, MARGIN
from pytest_nnviz.filterbanks.paper import KEY_WIDTH, blank, frame, head, head_height, key, write
from pytest_nnviz.filterbanks.tiles import paste_tile
from pytest_nnviz.filterbanks.writing import place

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["KEYWORD", "as_shown", "draw_sheet", "limits_of", "lines_of", "short", "title_of"]

KEYWORD = "pytest-nnviz filters"
_NUMBERS, _KEY = 16, 40
_NAMED = 12

Weights = Sequence[Sequence[float]]


def draw_sheet(
    layer: Layer, drawn: Weights, marked: Collection[int] = (), limits: Sequence[float] = (), least: int = 0
) -> bytes:
    """The sheet of a layer, as PNG.

    Args:
        layer: what is drawn.
        drawn: of each filter, the weights that are drawn.
        marked: filters that have a frame.
        limits: the ends of the scale, or of that of each filter; the largest magnitudes where none are given.
        least: lines below the title that there is room for.
    """
    from PIL.PngImagePlugin import PngInfo

    limits = tuple(limits) or limits_of(layer, drawn)
    levels = _levels(layer, drawn, limits)
    lines = list(_lines(layer))
    lines += [""] * (least - len(lines))
    left = MARGIN + width(str(layer.filters), SMALL) + 6
    top = head_height(lines) + _KEY + _NUMBERS
    digest = hashlib.sha256(b"".join(levels)).hexdigest()
    layout = arranged(layer, left, top, limits, digest)
    page = _page(layer, layout, lines)
    tile, pixels = layout.tile, layout.pixels
    for index, row in enumerate(levels):
        box = (*layout.corner(index), tile.width(pixels), tile.height(pixels))
        frame(page, box, *((INK[3], 3) if index in marked else (EMPTY, 1)))
        frame(page, box, EMPTY, 0)
        paste_tile(page, row, tile, pixels, layout.corner(index))
    info = PngInfo()
    info.add_text(KEYWORD, written(layout), zip=True)
    file = BytesIO()
    page.save(file, "PNG", pnginfo=info, compress_level=9)
    return file.getvalue()


def limits_of(layer: Layer, drawn: Weights) -> tuple[float, ...]:
    """The largest magnitude that is drawn, of the layer or of each filter."""
    rows = [largest([row]) for row in drawn] if layer.view.scale == "filter" else [largest(drawn)]
    return tuple(map(float, rows))


def as_shown(layer: Layer, drawn: Weights) -> list[list[float]]:
    """The weights as the sheet of the layer shows them, each to within half a step."""
    limits = limits_of(layer, drawn)
    found = []
    for index, row in enumerate(_levels(layer, drawn, limits)):
        levels = levels_for(limits[index % len(limits)], layer.view.channels)
        found.append([levels.value(level) for level in row])
    return found


def lines_of(layer: Layer) -> int:
    """How many lines stand below the title."""
    return sum(1 for _ in _lines(layer))


def _levels(layer: Layer, drawn: Weights, limits: Sequence[float]) -> list[bytes]:
    return [levels_for(limits[index % len(limits)], layer.view.channels).of(row) for index, row in enumerate(drawn)]


def title_of(layer: Layer) -> str:
    """What stands above a layer."""
    return f"{place(layer.path)}  {layer.class_name} {layer.dtype}{list(layer.shape)}"


def short(value: float) -> str:
    """A number on a scale."""
    return f"{value + 0.0:.4g}"


def _page(layer: Layer, layout: Layout, lines: Sequence[str]) -> Image:
    """The sheet without its filters."""
    across, down = layout.end()
    texts = max(width(title_of(layer), LARGE), *(width(line, SMALL) for line in lines), KEY_WIDTH)
    page = blank(max(across, min(MARGIN + texts, 720)) + MARGIN, down + MARGIN)
    head(page, title_of(layer), lines)
    _number(page, layout)
    if layout.channels == "rgb":
        page = page.convert("RGB")
    own = len(layout.limits) > 1
    ends = ("-largest", "0", "largest") if own else (short(-layout.limits[0]), "0", short(layout.limits[0]))
    key(page, (MARGIN, head_height(lines) + 2), ends)
    return page


def _number(page: Image, layout: Layout) -> None:
    """The numbers of filters: of the first of each row, and how many further a column is."""
    for row in range(layout.rows):
        x, y = layout.corner(row * layout.columns)
        middle = y + (layout.tile.height(layout.pixels) - SMALL[0]) // 2
        if row % _every(SMALL[0], layout.tile.height(layout.pixels) + GAP) == 0:
            write(page, str(row * layout.columns), (x - 6, middle), align="right")
    for column in range(layout.columns if layout.columns > 1 else 0):
        x, y = layout.corner(column)
        across = layout.tile.width(layout.pixels)
        if column % _every(width(f"+{layout.columns}", SMALL) + 4, across + GAP) == 0:
            write(page, f"+{column}", (x + across // 2, y - _NUMBERS), align="middle")


def _every(need: int, room: int) -> int:
    """Each which label fits."""
    return -(-need // room)


def _lines(layer: Layer) -> Iterator[str]:
    """What stands below the title."""
    view, channels = layer.view, layer.kernel[0]
    shown = f"{view.filters:,} of {layer.filters:,} filters"
    which = {
        "first": f"channel 0 of {channels:,}" if channels > 1 else "",
        "mean": f"mean of {channels:,} channels",
        "rgb": "three channels as red, green and blue",
        "all": f"{view.shown:,} of {channels:,} channels" if channels > 1 else "",
    }[view.channels]
    yield ", ".join(filter(None, (shown, which)))
    grey = ", grey is zero" if view.channels == "rgb" else ""
    yield ("each filter on its own scale" if view.scale == "filter" else "one scale for the layer") + grey
    for name, found in _notable(layer):
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield f"{name}: {', '.join(map(str, found[:_NAMED]))}{more}"


def _notable(layer: Layer) -> Iterator[tuple[str, list[Line]]]:
    """Filters that are dead or hold what is no number."""
    kinds = {
        "dead": [line for line in layer.lines if line.dead],
        "NaN (green)": [line for line in layer.lines if line.statistics.nan],
        "infinite (yellow)": [line for line in layer.lines if line.statistics.inf],
        "minus infinite (violet)": [line for line in layer.lines if line.statistics.minus_inf],
    }
    yield from ((name, found) for name, found in kinds.items() if found)
