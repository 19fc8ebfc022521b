"""Where weights stand on a sheet: which filters and channels are drawn, and the tile of each, all by arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_nnviz.filterbanks.data import View
from pytest_nnviz.options import FilterOptions

__all__ = ["GAP", "MOST_SHEETS", "SIDE", "Tile", "columns_of", "fitted", "tile_of", "view_of"]

SIDE = 1900
"""Pixels that the filters of a sheet may be wide, and high."""

MOST_SHEETS = 100
"""Layers of a model that have a sheet; the rest is pinned by its numbers alone."""

GAP, BLOCK_GAP = 8, 2
"""Pixels between filters, and between the blocks of one."""

_COARSEST, _FINEST, _USUAL = 2, 24, 128
_WRAP, _LONGEST = 512, 600


@dataclass(frozen=True, slots=True)
class Tile:
    """How the drawn weights of one filter stand: ``blocks`` of ``size`` weights, ``across`` of them in a row.

    Each block is ``rows`` by ``columns``, filled row by row.
    """

    blocks: int
    across: int
    size: int
    rows: int
    columns: int

    def width(self, pixels: int) -> int:
        """In pixels, at so many a weight."""
        return self.across * (self.columns * pixels + BLOCK_GAP) - BLOCK_GAP

    def height(self, pixels: int) -> int:
        """In pixels, at so many a weight."""
        return math.ceil(self.blocks / self.across) * (self.rows * pixels + BLOCK_GAP) - BLOCK_GAP

    def corner(self, block: int, pixels: int) -> tuple[int, int]:
        """The left upper pixel of a block in its tile."""
        row, column = divmod(block, self.across)
        return column * (self.columns * pixels + BLOCK_GAP), row * (self.rows * pixels + BLOCK_GAP)


def view_of(kernel: tuple[int, ...], filters: int, options: FilterOptions) -> View:
    """What is drawn of a layer, no more than fits a page at two pixels a weight.

    Args:
        kernel: channels, then the size in each dimension.
        filters: how many there are.
        options: what is asked for.
    """
    channels = _channels(kernel, options.channels)
    count = min(filters, options.max_filters)
    shown = 1 if channels == "first" else kernel[0]
    while shown > 1 and channels == "all" and not _fits(tile_of(kernel, channels, shown), 1):
        shown //= 2
    while count and not _fits(tile_of(kernel, channels, shown), count):
        count -= 1
    return View(options.scale, channels, count, shown)


def _channels(kernel: tuple[int, ...], asked: str) -> str:
    points = math.prod(kernel[1:])
    flat = len(kernel) == 3 and points > 1
    if asked == "rgb" and not (flat and kernel[0] == 3):
        asked = "auto"
    if asked != "auto":
        return asked
    if flat and kernel[0] == 3:
        return "rgb"
    return "all" if points == 1 or len(kernel) == 2 else "first"


def tile_of(kernel: tuple[int, ...], channels: str, shown: int) -> Tile:
    """How the drawn weights of a filter stand; the channels of ``rgb`` share a block."""
    count = shown if channels == "all" else 1
    points = math.prod(kernel[1:])
    rows, columns = math.prod(kernel[1:-1][-1:]), kernel[-1]
    if points == 1:
        return _square(count)
    if len(kernel) == 2 and channels == "all" and max(count, points) <= _LONGEST:
        return Tile(1, 1, count * points, count, points)
    if max(rows, columns) > _LONGEST:
        side = min(points, _WRAP)
        return Tile(count, math.ceil(math.sqrt(count)), points, math.ceil(points / side), side)
    slices = points // (rows * columns)
    across = slices if slices > 1 else math.ceil(math.sqrt(count))
    return Tile(count * slices, across, rows * columns, rows, columns)


def _square(count: int) -> Tile:
    columns = math.ceil(math.sqrt(count))
    return Tile(1, 1, count, math.ceil(count / columns), columns)


def fitted(tile: Tile, count: int) -> int:
    """Pixels a weight has: a filter is about as large as a thumb, and all of them fit the page."""
    for pixels in range(_FINEST, _COARSEST, -1):
        usual = max(tile.width(pixels), tile.height(pixels)) <= _USUAL or pixels <= 8
        if usual and _fits(tile, count, pixels):
            return pixels
    return _COARSEST


def _fits(tile: Tile, count: int, pixels: int = _COARSEST) -> bool:
    across, down = ((SIDE + GAP) // (side(pixels) + GAP) for side in (tile.width, tile.height))
    return across * down >= count


def columns_of(tile: Tile, count: int, pixels: int) -> int:
    """How many filters stand in a row: about a square, whole rows where they make one, within the page."""
    width, height = tile.width(pixels) + GAP, tile.height(pixels) + GAP
    most = max(1, min(count, (SIDE + GAP) // width))
    least = max(1, math.ceil(count / max(1, (SIDE + GAP) // height)))

    def unlike(columns: int) -> tuple[float, int]:
        rows = math.ceil(count / columns)
        empty = (rows * columns - count) / count
        return abs(math.log(columns * width / (rows * height) / 1.2)) + 6 * empty, columns

    return min(range(min(least, most), most + 1), key=unlike)
