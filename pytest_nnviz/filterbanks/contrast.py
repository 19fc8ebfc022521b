"""Filters before, after, and what lies between, on one scale: the filters that changed most first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.arranging import GAP, SIDE, Tile, fitted
from pytest_nnviz.filterbanks.changes import LayerChange
from pytest_nnviz.filterbanks.lettering import LARGE, SMALL, width
from pytest_nnviz.filterbanks.levels import Levels, largest, levels_for
from pytest_nnviz.filterbanks.looks import EMPTY, MARGIN
from pytest_nnviz.filterbanks.paper import KEY_WIDTH, blank, frame, head, head_height, key, write
from pytest_nnviz.filterbanks.sheets import short, title_of
from pytest_nnviz.filterbanks.stored import Sheet
from pytest_nnviz.filterbanks.telling import tell
from pytest_nnviz.filterbanks.tiles import paste_tile

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_ROWS", "Row", "draw_contrast", "rows_of"]

MOST_ROWS = 16
_TITLES, _KEY, _SIDES = 18, 40, ("before", "after", "difference")
_SIDE_WIDTH, _WIDE = 68, 4

Weights = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A filter before and now, and by how much it moved; one side is None of what is on the other alone."""

    name: str
    before: Sequence[float] | None
    after: Sequence[float] | None
    by: float = math.inf

    @property
    def index(self) -> int:
        """Which filter of the new side it is; -1 for one that is not there."""
        return -1 if self.after is None else int(self.name.partition(" ")[0].partition("..")[0])

    @property
    def difference(self) -> Sequence[float] | None:
        """After less before; what was infinite and still is did not move."""
        if self.before is None or self.after is None:
            return None
        return [0.0 if new == old else new - old for old, new in zip(self.before, self.after, strict=True)]


def rows_of(change: LayerChange, sheet: Sheet, after: Weights, steps: Sequence[float] = ()) -> list[Row]:
    """The filters that are drawn on both sides and moved by more than half a step, and those of one side alone.

    Args:
        change: what became of the layer.
        sheet: the filters before.
        after: the weights now.
        steps: of each filter, how far two values are apart that a weight now can have; none where they are exact.
    """
    new = change.new
    assert new is not None
    before = [sheet.values(index) for index in range(sheet.layout.filters)]
    if change.old is not None and change.old.filters != new.filters:
        return _one_sided(change, before, after)
    found = []
    for index, (old, now) in enumerate(zip(before, after, strict=False)):
        row = Row(str(index), old, now)
        by = max(map(_distance, row.difference or ()), default=0.0)
        if by > (sheet.levels(index).step + (steps[index] if steps else 0.0)) * 0.51:
            found.append(Row(str(index), old, now, by))
    return sorted(found, key=lambda row: -row.by)


def _one_sided(change: LayerChange, before: Weights, after: Weights) -> list[Row]:
    rows = []
    for each in change.filters:
        removed = each.kind == "removed"
        side, index = before if removed else after, int(each.name.partition("..")[0])
        if index < len(side):
            sides = (side[index], None) if removed else (None, side[index])
            rows.append(Row(f"{each.name} {each.kind}", *sides))
    return rows


def _distance(value: float) -> float:
    return math.inf if math.isnan(value) else abs(value)


def draw_contrast(change: LayerChange, rows: Sequence[Row], tile: Tile, channels: str) -> bytes:
    """The picture of a layer that changed, as PNG.

    Args:
        change: what became of it.
        rows: its filters, the first at the top; no more than `MOST_ROWS` are drawn, the rest is said.
        tile: how the weights of a filter stand.
        channels: which of them are drawn, ``rgb`` in colours.
    """
    page = _Page(tile, min(len(rows), MOST_ROWS), max(width(_label(row), SMALL) for row in rows[:MOST_ROWS]))
    shown = rows[: page.count]
    sides = [side for row in shown for side in (row.before, row.after, row.difference) if side is not None]
    levels = levels_for(largest(sides), channels)
    image = page.blank(change, len(rows), levels)
    for index, row in enumerate(shown):
        page.name(image, index, _label(row))
        for place, side in enumerate((row.before, row.after, row.difference)):
            if side is not None:
                at = page.corner(index, place)
                frame(image, (*at, tile.width(page.pixels), tile.height(page.pixels)), EMPTY)
                paste_tile(image, levels.of(side), tile, page.pixels, at)
    file = BytesIO()
    image.save(file, "PNG", compress_level=9)
    return file.getvalue()


def _label(row: Row) -> str:
    if row.before is None or row.after is None:
        return f"filter {row.name}"
    return f"filter {row.name}  {f'by {row.by:.3g}' if math.isfinite(row.by) else 'not finite'}"


class _Page:
    """Where the rows of a picture stand: in columns, three filters each, one below the other if they are wide."""

    def __init__(self, tile: Tile, count: int, label: int) -> None:
        self._tile = tile
        self._stacked = tile.width(1) > _WIDE * tile.height(1)
        self._label = label + 8 + (_SIDE_WIDTH if self._stacked else 0)
        self.pixels = fitted(tile, 3 * count)
        while self.pixels > 1 and max(self._across, self._down) > SIDE:
            self.pixels -= 1
        most_rows, most_columns = max(1, SIDE // self._down), max(1, SIDE // self._across)
        square = round(math.sqrt(count * self._down / self._across))
        self._columns = min(max(square, math.ceil(count / most_rows), 1), most_columns)
        self.count = min(count, self._columns * most_rows)
        self._rows = math.ceil(self.count / self._columns)
        self._top = 0

    @property
    def _pitch(self) -> tuple[int, int]:
        """From one side of a row to the next."""
        if self._stacked:
            return 0, max(self._tile.height(self.pixels) + 4, SMALL[0] + 2)
        return max(self._tile.width(self.pixels) + GAP, _SIDE_WIDTH), 0

    @property
    def _across(self) -> int:
        return self._label + 2 * self._pitch[0] + max(self._tile.width(self.pixels), _SIDE_WIDTH) + 3 * GAP

    @property
    def _down(self) -> int:
        return max(self._tile.height(self.pixels), SMALL[0]) + 2 * self._pitch[1] + GAP

    def blank(self, change: LayerChange, count: int, levels: Levels) -> Image:
        """The page without filters."""
        layer = change.new or change.old
        assert layer is not None
        drawn = f"{self.count} of {count} drawn filters that moved, " if count > self.count else ""
        lines = [tell(change), f"{drawn}one scale for before, after and difference"]
        texts = max(width(title_of(layer), LARGE), *(width(line, SMALL) for line in lines), KEY_WIDTH)
        self._top = head_height(lines) + _KEY + (0 if self._stacked else _TITLES)
        across = max(self._columns * self._across, min(texts, 720)) + 2 * MARGIN
        page = blank(across, self._top + self._rows * self._down + MARGIN)
        head(page, title_of(layer), lines)
        if levels.side == 127:
            page = page.convert("RGB")
        key(page, (MARGIN, head_height(lines) + 2), (short(-levels.limit), "0", short(levels.limit)))
        for column in range(0 if self._stacked else self._columns):
            for place, title in enumerate(_SIDES):
                x, y = self.corner(column * self._rows, place)
                write(page, title, (x + self._tile.width(self.pixels) // 2, y - _TITLES), align="middle")
        return page

    def corner(self, index: int, place: int) -> tuple[int, int]:
        """The left upper pixel of a filter: before, after or difference."""
        column, row = divmod(index, self._rows)
        across, down = self._pitch
        left = MARGIN + column * self._across + self._label + place * across
        return left, self._top + row * self._down + place * down

    def name(self, page: Image, index: int, label: str) -> None:
        """Write what a row is, to its left."""
        shift = (self._tile.height(self.pixels) - SMALL[0]) // 2
        x, y = self.corner(index, 0)
        write(page, label, (x - 8 - (_SIDE_WIDTH if self._stacked else 0), y + shift), align="right")
        for place, title in enumerate(_SIDES if self._stacked else ()):
            x, y = self.corner(index, place)
            write(page, title, (x - 8, y + shift), align="right")
