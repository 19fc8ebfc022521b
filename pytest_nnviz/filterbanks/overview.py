"""The overview of a model: a strip of filters for each layer, on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.arranging import tile_of
from pytest_nnviz.filterbanks.data import Bank, Layer
from pytest_nnviz.filterbanks.lettering import SMALL, fitting
from pytest_nnviz.filterbanks.levels import largest, levels_for
from pytest_nnviz.filterbanks.looks import EMPTY, MARGIN, colours
from pytest_nnviz.filterbanks.paper import blank, frame, head, head_height, write
from pytest_nnviz.filterbanks.sheets import title_of
from pytest_nnviz.filterbanks.telling import gist
from pytest_nnviz.filterbanks.tiles import paste_tile

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_STRIPS", "draw_overview"]

MOST_STRIPS = 48
_STRIP, _TITLE, _THUMB, _GAP, _COLUMN = 76, 18, 46, 4, 640
_FIRST = 64

Weights = Sequence[Sequence[float]]


def draw_overview(bank: Bank, drawn: Sequence[Weights]) -> bytes:
    """The first filters of each layer, as PNG.

    Args:
        bank: the layers.
        drawn: of each of the first `MOST_STRIPS` layers, the weights that are drawn.
    """
    shown = bank.layers[:MOST_STRIPS]
    left = len(bank.layers) - len(shown)
    lines = ["the first filters of each layer, each layer on its own scale"]
    lines += [f"{left:,} more layers are not shown"] if left else []
    columns = 1 if len(shown) <= 12 else 2
    rows = math.ceil(len(shown) / columns)
    page = blank(2 * MARGIN + columns * _COLUMN, head_height(lines) + rows * _STRIP + MARGIN)
    head(page, gist(bank), lines)
    page = page.convert("RGB")
    for index, (layer, weights) in enumerate(zip(shown, drawn, strict=False)):
        column, row = divmod(index, rows)
        at = MARGIN + column * _COLUMN, head_height(lines) + row * _STRIP
        write(page, fitting(title_of(layer), SMALL, _COLUMN - MARGIN), at)
        _strip(page, layer, weights, (at[0], at[1] + _TITLE))
    file = BytesIO()
    page.save(file, "PNG", compress_level=9)
    return file.getvalue()


def _strip(page: Image, layer: Layer, weights: Weights, at: tuple[int, int]) -> None:
    x, y = at
    limit = largest(weights)
    for row in weights[:_FIRST]:
        own = largest([row]) if layer.view.scale == "filter" else limit
        thumb = _thumb(layer, levels_for(own, layer.view.channels).of(row))
        if x + thumb.width > at[0] + _COLUMN - MARGIN:
            x, y = at[0], y + thumb.height + _GAP
        if y + thumb.height > at[1] + _THUMB:
            break
        frame(page, (x, y, *thumb.size), EMPTY)
        page.paste(thumb, (x, y))
        x += thumb.width + _GAP


def _thumb(layer: Layer, levels: bytes) -> Image:
    from PIL import Image

    tile = tile_of(layer.kernel, layer.view.channels, layer.view.shown)
    across, down = tile.width(1), tile.height(1)
    pixels = max(1, min(_THUMB // down, 3 * _THUMB // across))
    size = tile.width(pixels), tile.height(pixels)
    image = Image.new("RGB", size, colours()[EMPTY]) if layer.view.channels == "rgb" else blank(*size)
    paste_tile(image, levels, tile, pixels, (0, 0))
    image = image.convert("RGB")
    image.thumbnail((3 * _THUMB, _THUMB), Image.Resampling.NEAREST)
    return image
