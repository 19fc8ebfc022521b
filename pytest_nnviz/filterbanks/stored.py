"""Sheets as they are stored: read back into levels, as far as they can be trusted, and held against weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.changes import Moved, WeightChange
from pytest_nnviz.filterbanks.data import Layer
from pytest_nnviz.filterbanks.layout import MOST_PIXELS, Layout, parsed
from pytest_nnviz.filterbanks.levels import Levels, levels_for
from pytest_nnviz.filterbanks.sheets import KEYWORD
from pytest_nnviz.filterbanks.tiles import read_tile
from pytest_nnviz.filterbanks.tolerance import Tolerance
from pytest_nnviz.regular import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LARGEST", "Sheet", "read_file", "read_sheet", "sheet_in"]

LARGEST = 32 * 2**20
"""Bytes that a sheet has at most."""

_TOLD = 8
_ROUNDING = 1e-12  # of doubles, in the middle of a level

Weights = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The filters of a layer as a sheet shows them: where and how they were drawn, and the levels of each."""

    layout: Layout
    rows: tuple[bytes, ...]

    def levels(self, index: int) -> Levels:
        """What the levels of a filter mean."""
        return levels_for(self.layout.limit(index), self.layout.channels)

    def values(self, index: int) -> list[float]:
        """The weights of a filter, each to within half a step."""
        levels = self.levels(index)
        table = {level: levels.value(level) for level in set(self.rows[index])}
        return [table[level] for level in self.rows[index]]

    def shows(self, layer: Layer) -> bool:
        """Whether it can be of a layer."""
        view = layer.view
        found = (self.layout.kernel, self.layout.channels, self.layout.shown, self.layout.filters)
        return found == (layer.kernel, view.channels, view.shown, view.filters)

    def moved(
        self, drawn: Weights, tolerance: Tolerance, largest: Sequence[float], steps: Sequence[float] = ()
    ) -> Mapping[int, Moved]:
        """The weights that are not as they were drawn, of filters that have some.

        Each weight before was within half a step of its level, and may have moved by the tolerance.

        Args:
            drawn: the weights now, in the order in which they are drawn.
            tolerance: how far they may move.
            largest: of each filter, the largest magnitude before, which bounds how far a mean may move.
            steps: of each filter, how far two values are apart that a weight now can have; none where they are exact.
        """
        found = {}
        for index, row in enumerate(drawn):
            changes = self._changes(index, row, tolerance, largest[index], steps[index] if steps else 0.0)
            if changes:
                changes.sort(key=lambda change: -change.by)
                found[index] = Moved(len(changes), tuple(changes[:_TOLD]), changes[0].by)
        return found

    def _changes(
        self, index: int, row: Sequence[float], tolerance: Tolerance, largest: float, step: float
    ) -> list[WeightChange]:
        levels = self.levels(index)
        before = self.values(index)
        half = (levels.step + step) / 2 + _ROUNDING * levels.limit
        mean, alone = self.layout.channels == "mean", math.prod(self.layout.kernel[1:]) == 1
        changes = []
        for at, (old, new) in enumerate(zip(before, row, strict=True)):
            room = half + tolerance.weight(largest if mean else abs(old) + half)
            if new != old and not abs(new - old) <= room and not (_wild(old) and self._same_kind(old, new)):
                channel, position = self.layout.place(at)
                changes.append(WeightChange(channel, position, old, levels.step, new, alone, step))
        return changes

    def _same_kind(self, old: float, new: float) -> bool:
        """Whether two weights that are not finite may be the same; three colours do not tell which kind one is."""
        if self.layout.channels == "rgb":
            return _wild(new)
        return old == new or (math.isnan(old) and math.isnan(new))


def _wild(value: float) -> bool:
    return not math.isfinite(value)


def read_file(path: Path) -> bytes | None:
    """What a file holds; None where there is none, or one that is larger than any sheet."""
    try:
        with open_regular(path) as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= LARGEST else None


def read_sheet(path: Path) -> Sheet | None:
    """The sheet in a file; None where there is none, or one that cannot be trusted, for whatever reason."""
    data = read_file(path)
    return None if data is None else sheet_in(data)


def sheet_in(data: bytes) -> Sheet | None:
    """The sheet that a PNG is; None where it cannot be trusted, for whatever reason.

    Sizes are looked at before anything is decoded.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as page:
            layout = parsed(str(page.info.get(KEYWORD, ""))) if max(page.size) <= MOST_PIXELS else None
            if layout is None or not _fits(layout, page):
                return None
            page.load()
            rows = tuple(
                read_tile(page, layout.tile, layout.pixels, layout.corner(index)) for index in range(layout.filters)
            )
    except (OSError, SyntaxError, ValueError, OverflowError, Image.DecompressionBombError):
        return None
    sheet = Sheet(layout, rows)
    genuine = hashlib.sha256(b"".join(rows)).hexdigest() == layout.levels
    return sheet if genuine and all(map(sheet.levels(0).knows, set().union(*rows))) else None


def _fits(layout: Layout, page: Image) -> bool:
    """Whether the filters lie within the page, and are drawn as they should be."""
    across, down = layout.end()
    return page.mode == ("RGB" if layout.channels == "rgb" else "P") and across <= page.width and down <= page.height
