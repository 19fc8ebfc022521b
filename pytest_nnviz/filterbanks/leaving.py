"""The pictures that a drift leaves: of the layers that changed most the sheets of both sides, and what lies between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_nnviz.filterbanks.beside import names_of
from pytest_nnviz.filterbanks.changes import LayerChange
from pytest_nnviz.filterbanks.checking import FiltersVerdict
from pytest_nnviz.filterbanks.contrast import draw_contrast, rows_of
from pytest_nnviz.filterbanks.data import Layer
from pytest_nnviz.filterbanks.sheets import as_shown, draw_sheet, limits_of, lines_of
from pytest_nnviz.filterbanks.stored import Sheet

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
    drawn = verdict.drawn(new) if new is not None else ()
    scales, least = _shared(old, sheet, new, drawn)
    if data is not None and old is not None and sheet is not None:
        is_redrawn = bool(scales) and (scales[0] != sheet.layout.limits or least > lines_of(old))
        before = [sheet.values(index) for index in range(sheet.layout.filters)] if is_redrawn else ()
        yield "expected", draw_sheet(old, before, (), scales[0], least) if is_redrawn else data
    if new is None or not drawn:
        return
    rows = []
    if sheet is not None and old is not None and old.kernel == new.kernel:
        now = verdict.drawn(replace(new, view=replace(old.view, filters=_count(change))))
        rows = rows_of(change, sheet, now, verdict.steps(new))
    marked = {int(each.name) for each in change.filters if each.name.isdecimal() and each.kind != "removed"}
    marked |= {row.index for row in rows} | {place for _, place in change.permuted}
    shown = as_shown(new, drawn) if scales else drawn  # as a sheet has it, which is all that a review knows
    yield "actual", draw_sheet(new, shown, marked, scales[1] if scales else (), least)
    if rows and sheet is not None:
        yield "diff", draw_contrast(change, rows, sheet.layout.tile, sheet.layout.channels)


def _shared(
    old: Layer | None, sheet: Sheet | None, new: Layer | None, drawn: Sequence[Sequence[float]]
) -> tuple[tuple[tuple[float, ...], ...], int]:
    """The ends of the scales before and after, one for both sides of a filter, and how many lines stand above both.

    None where the sides are drawn in different ways: a colour is then something else on each.
    """
    if old is None or sheet is None or new is None or not drawn:
        return (), 0
    if (old.view.scale, old.view.channels) != (new.view.scale, new.view.channels):
        return (), 0
    before, after = sheet.layout.limits, limits_of(new, drawn)
    both = tuple(map(max, before, after))
    return (both + before[len(both) :], both + after[len(both) :]), max(lines_of(old), lines_of(new))


def _count(change: LayerChange) -> int:
    """How many filters of the new side are looked at: as many as the old one has drawn."""
    assert change.old is not None
    assert change.new is not None
    return min(change.old.view.filters, change.new.filters)
