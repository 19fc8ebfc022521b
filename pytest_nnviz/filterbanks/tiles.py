"""One filter as a picture, and the levels back out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.arranging import Tile
from pytest_nnviz.filterbanks.looks import EMPTY, flat

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["paste_tile", "read_tile"]


def paste_tile(page: Image, levels: bytes, tile: Tile, pixels: int, corner: tuple[int, int]) -> None:
    """Draw a filter with its left upper pixel at a corner.

    Args:
        page: of mode ``P`` with the palette of `looks`, or ``RGB`` for three levels a weight.
        levels: of the weights, in their order; for ``RGB`` all of the first colour come first.
        tile: how they stand.
        pixels: of the side of a weight.
        corner: where.
    """
    planes = len(page.getbands())
    share = len(levels) // planes
    for index in range(tile.blocks):
        starts = (plane * share + index * tile.size for plane in range(planes))
        bands = [_block(levels[start : start + tile.size], tile, pixels) for start in starts]
        x, y = tile.corner(index, pixels)
        page.paste(_joined(bands), (corner[0] + x, corner[1] + y))


def _block(levels: bytes, tile: Tile, pixels: int) -> Image:
    from PIL import Image

    padded = levels.ljust(tile.rows * tile.columns, bytes([EMPTY]))
    small = Image.frombytes("L", (tile.columns, tile.rows), padded)
    return small.resize((tile.columns * pixels, tile.rows * pixels), Image.Resampling.NEAREST)


def _joined(bands: list[Image]) -> Image:
    from PIL import Image

    if len(bands) == 3:
        return Image.merge("RGB", bands)
    indexed = Image.frombytes("P", bands[0].size, bands[0].tobytes())
    indexed.putpalette(flat())
    return indexed


def read_tile(page: Image, tile: Tile, pixels: int, corner: tuple[int, int]) -> bytes:
    """The levels of a filter that was drawn by `paste_tile`."""
    from PIL import Image

    planes: list[list[bytes]] = [[] for _ in page.getbands()]
    size = tile.columns * pixels, tile.rows * pixels
    for index in range(tile.blocks):
        x, y = tile.corner(index, pixels)
        left, top = corner[0] + x, corner[1] + y
        block = page.crop((left, top, left + size[0], top + size[1]))
        small = block.resize((tile.columns, tile.rows), Image.Resampling.NEAREST)
        for plane, band in zip(planes, small.split(), strict=True):
            plane.append(band.tobytes()[: tile.size])
    return b"".join(part for plane in planes for part in plane)
