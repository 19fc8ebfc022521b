"""The pictures that a drift leaves: of the layers that changed most the sheets of both sides, and what lies between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_nnviz.filterbanks.beside import names_of
from pytest_nnviz.filterbanks.changes import LayerChange
from pytest_nnviz.filterbanks.checking import FiltersVerdict
from pytest_nnviz.filterbanks.contrast import draw_contrast, rows_of
from pytest_nnviz.filterbanks.sheets import draw_sheet

__all__ = ["MOST_LAYERS", "pictures_of", "portraits_of"]

MOST_LAYERS = 12
"""Layers of which a drift leaves pictures, those that changed most."""


def pictures_of(verdict: FiltersVerdict) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files: ``expected``, ``actual`` and ``diff``, each with the layer behind a dot."""
    drift = verdict.drift
    if drift is None:
        return
    names = names_of(drift.old) | names_of(drift.new)
    for change in drift.layers[:MOST_LAYERS]:
        for side, picture in _pictures(change, verdict):
            yield f"{side}.{names[change.path]}.png", picture


def portraits_of(verdict: FiltersVerdict, which: str = "actual") -> Iterator[tuple[str, bytes]]:
    """Names and contents of the sheets of what was found, of the first `MOST_LAYERS` layers that are drawn."""
    names = names_of(verdict.bank)
    for layer in [layer for layer in verdict.bank.layers if layer.view.filters][:MOST_LAYERS]:
        drawn = verdict.drawn(layer)
        if drawn:
            yield f"{which}.{names[layer.path]}.png", draw_sheet(layer, drawn)


def _pictures(change: LayerChange, verdict: FiltersVerdict) -> Iterator[tuple[str, bytes]]:
    old, new = change.old, change.new
    sheet = verdict.sheets.of(old) if old is not None and verdict.sheets is not None else None
    data = verdict.sheets.data(old) if old is not None and verdict.sheets is not None else None
    if data is not None:
        yield "expected", data
    drawn = verdict.drawn(new) if new is not None else ()
    if new is None or not drawn:
        return
    rows = []
    if sheet is not None and old is not None and old.kernel == new.kernel:
        now = verdict.drawn(replace(new, view=replace(old.view, filters=_count(change))))
        rows = rows_of(change, sheet, now, verdict.steps(new))
    marked = {int(each.name) for each in change.filters if each.name.isdecimal() and each.kind != "removed"}
    marked |= {row.index for row in rows} | {place for _, place in change.permuted}
    yield "actual", draw_sheet(new, drawn, marked)
    if rows and sheet is not None:
        yield "diff", draw_contrast(change, rows, sheet.layout.tile, sheet.layout.channels)


def _count(change: LayerChange) -> int:
    """How many filters of the new side are looked at: as many as the old one has drawn."""
    assert change.old is not None
    assert change.new is not None
    return min(change.old.view.filters, change.new.filters)
