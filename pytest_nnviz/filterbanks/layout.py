"""Where the filters of a sheet stand, and on what scales: written into the PNG, read back strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pytest_nnviz.filterbanks.arranging import GAP, SIDE, Tile, columns_of, fitted, tile_of
from pytest_nnviz.filterbanks.data import Layer

__all__ = ["MOST_PIXELS", "Layout", "arranged", "parsed", "written"]

VERSION = 1
MOST_PIXELS = SIDE + 300
"""No sheet is wider, or higher."""

_KEYS = {
    "kernel": list,
    "channels": str,
    "shown": int,
    "filters": int,
    "pixels": int,
    "columns": int,
    "left": int,
    "top": int,
    "limits": list,
    "levels": str,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The filters of a sheet.

    Attributes:
        kernel: shape of a filter: channels, then the size in each dimension.
        channels: ``first``, ``mean``, ``rgb`` or ``all``.
        shown: how many channels are drawn.
        filters: how many filters are.
        pixels: of the side of a weight.
        columns: how many filters stand in a row.
        left: of the first filter, in pixels.
        top: of the first filter, in pixels.
        limits: the largest magnitude that is drawn, of the layer or of each filter.
        levels: the sha256 of all levels.
    """

    kernel: tuple[int, ...]
    channels: str
    shown: int
    filters: int
    pixels: int
    columns: int
    left: int
    top: int
    limits: tuple[float, ...]
    levels: str

    @property
    def tile(self) -> Tile:
        """How the weights of a filter stand."""
        return tile_of(self.kernel, self.channels, self.shown)

    @property
    def rows(self) -> int:
        """Of filters."""
        return math.ceil(self.filters / self.columns)

    @property
    def values(self) -> int:
        """How many weights of a filter are drawn."""
        return self.tile.blocks * self.tile.size * (3 if self.channels == "rgb" else 1)

    def limit(self, index: int) -> float:
        """The largest magnitude on the scale of a filter."""
        return self.limits[index if len(self.limits) > 1 else 0]

    def corner(self, index: int) -> tuple[int, int]:
        """The left upper pixel of a filter."""
        row, column = divmod(index, self.columns)
        across, down = self.tile.width(self.pixels) + GAP, self.tile.height(self.pixels) + GAP
        return self.left + column * across, self.top + row * down

    def end(self) -> tuple[int, int]:
        """The pixel right of and below the last one of the filters."""
        across, down = self.tile.width(self.pixels) + GAP, self.tile.height(self.pixels) + GAP
        return self.left + self.columns * across - GAP, self.top + self.rows * down - GAP

    def place(self, index: int) -> tuple[int, tuple[int, ...]]:
        """Channel (-1 of a mean) and position in the kernel of the weight that is drawn at an index of a filter."""
        points = math.prod(self.kernel[1:])
        channel, rest = divmod(index, points)
        position: list[int] = []
        for size in reversed(self.kernel[1:]):
            rest, at = divmod(rest, size)
            position.insert(0, at)
        return (-1 if self.channels == "mean" and self.kernel[0] > 1 else channel), tuple(position)


def arranged(layer: Layer, left: int, top: int, limits: tuple[float, ...], levels: str) -> Layout:
    """The layout of a layer's sheet."""
    view = layer.view
    tile = tile_of(layer.kernel, view.channels, view.shown)
    pixels = fitted(tile, view.filters)
    columns = columns_of(tile, view.filters, pixels)
    return Layout(layer.kernel, view.channels, view.shown, view.filters, pixels, columns, left, top, limits, levels)


def written(layout: Layout) -> str:
    """As text for the PNG."""
    return json.dumps({"version": VERSION, **asdict(layout)}, separators=(",", ":"))


def parsed(text: str) -> Layout | None:
    """A layout out of the text of a PNG; None for one that was not written here, or does not fit together."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or given.pop("version", None) != VERSION or given.keys() != _KEYS.keys():
        return None
    if any(type(given[key]) is not kind for key, kind in _KEYS.items()) or not all(_sound(given)):
        return None
    return Layout(**given | {"kernel": tuple(given["kernel"]), "limits": tuple(given["limits"])})


def _sound(given: dict[str, Any]) -> Iterator[bool]:
    """Whether the numbers are such as a layout has; lazily, as some of them make sense of others."""
    kernel, limits, filters = given["kernel"], given["limits"], given["filters"]
    yield 2 <= len(kernel) <= 8 and all(type(size) is int and 0 < size < 2**40 for size in kernel)
    yield given["channels"] in ("first", "mean", "rgb", "all")
    yield given["channels"] != "rgb" or (kernel[0] == 3 and len(kernel) == 3)
    yield all(0 < given[key] < MOST_PIXELS for key in ("pixels", "columns", "left", "top"))
    yield 0 < filters <= MOST_PIXELS**2 and 0 < given["shown"] <= kernel[0]
    yield all(type(limit) is float and 0 <= limit < math.inf for limit in limits) and len(limits) in (1, filters)
    tile = tile_of(tuple(kernel), given["channels"], given["shown"])
    yield tile.width(given["pixels"]) < MOST_PIXELS and tile.height(given["pixels"]) < MOST_PIXELS
