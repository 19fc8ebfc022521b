"""One call of ``nnviz_filters``: measure, compare with the stored text and sheets, reach a verdict, word it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nnviz.errors import TextError
from pytest_nnviz.filterbanks import telling
from pytest_nnviz.filterbanks.beside import is_fresh, names_of, sheet_of, to_redraw
from pytest_nnviz.filterbanks.changes import BankDrift, LayerChange, Moved
from pytest_nnviz.filterbanks.comparing import compare
from pytest_nnviz.filterbanks.data import Bank, Layer
from pytest_nnviz.filterbanks.reading import loads
from pytest_nnviz.filterbanks.tolerance import Tolerance
from pytest_nnviz.filterbanks.writing import dumps, place
from pytest_nnviz.options import FilterOptions
from pytest_nnviz.textformat import without_comments
from pytest_nnviz.verdict import Room, Status, Verdict

if TYPE_CHECKING:
    from pytest_nnviz.filterbanks.measuring import Convolutions
    from pytest_nnviz.filterbanks.stored import Sheet

__all__ = ["FiltersVerdict", "Sheets", "check"]


class Sheets:
    """The stored sheets of a text, as far as they were drawn from it. Each is read when it is asked for."""

    def __init__(self, snapshot: Path, bank: Bank) -> None:
        self.snapshot = snapshot
        self._names = names_of(bank)
        self._read: dict[str, Sheet | None] = {}

    def path(self, layer: Layer) -> Path:
        """Where the sheet of a layer lies, or would."""
        return sheet_of(self.snapshot, self._names[layer.path])

    def of(self, layer: Layer) -> Sheet | None:
        """The sheet of a layer; None for one that is missing, stale or not ours."""
        if layer.path not in self._read:
            self._read[layer.path] = self._load(layer)
        return self._read[layer.path]

    def _load(self, layer: Layer) -> Sheet | None:
        from pytest_nnviz.filterbanks.stored import read_sheet

        path = self.path(layer)
        sheet = read_sheet(path) if is_fresh(path, layer) else None
        return sheet if sheet is not None and sheet.shows(layer) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiltersVerdict(Verdict):
    """What became of a call, as data.

    Attributes:
        bank: what was measured.
        found: the convolutions themselves, for what is drawn of them.
        old: what the stored text says, None where there is none that can be read.
        drift: the changes from it.
        sheets: the stored sheets.
        redrawn: whether the text is written anew, though nothing drifted, because sheets are to be drawn: in another
            way, or of weights that are not bit for bit those of the text. Text and sheets are then of the same weights.
    """

    bank: Bank
    found: Convolutions
    old: Bank | None = None
    drift: BankDrift | None = None
    sheets: Sheets | None = None
    redrawn: bool = False

    @property
    def differs(self) -> bool:
        """Whether there are changes to show."""
        return bool(self.drift)

    @property
    def kept(self) -> str:
        """The text that the storage should hold after this call, if it may write."""
        passed = self.status is Status.PASSED and not self.redrawn
        return self.stored if passed and self.stored is not None else self.text

    @property
    def shown(self) -> Bank:
        """What the kept text says, of layers that are drawn as is asked for now."""
        if self.status is not Status.PASSED or self.old is None:
            return self.bank
        views = {layer.path: layer.view for layer in self.bank.layers}
        layers = (replace(layer, view=views.get(layer.path, layer.view)) for layer in self.old.layers)
        return self.bank if self.redrawn else replace(self.old, layers=tuple(layers))

    @property
    def gist(self) -> str:
        """The filters in a few words."""
        return telling.gist(self.bank)

    @property
    def causes(self) -> list[str]:
        """The edits behind a drift, in words that are the same for each model that has the part."""
        return [] if self.drift is None else [telling.cause(change) for change in self.drift.layers]

    @property
    def advice(self) -> list[str]:
        """How to pin weights that are random."""
        return [telling.RANDOM]

    @property
    def remarks(self) -> list[str]:
        """Of which layers that changed there is no sheet to look at."""
        blind = [place(change.path) for change in self.drift.layers if self._blind(change)] if self.drift else []
        if not blind:
            return []
        more = f" and {len(blind) - 3} more" if len(blind) > 3 else ""
        return [f"without a sheet that fits the text: {', '.join(blind[:3])}{more}; the numbers alone were compared"]

    def _blind(self, change: LayerChange) -> bool:
        compared = change.kind == "changed" and change.old is not None and change.old.view.filters > 0
        return compared and (self.sheets is None or change.old is None or self.sheets.of(change.old) is None)

    def changes(self, name: str, room: Room) -> list[str]:
        """What changed, headline first; empty where nothing did."""
        if not self.drift:
            return []
        lines = None if room.lines is None else room.lines - 1
        return [telling.headline(self.drift, name), *telling.words(self.drift, width=room.width, lines=lines)]

    def drawn(self, layer: Layer) -> Sequence[Sequence[float]]:
        """The weights that are drawn of a layer."""
        return self.found.drawn(layer)


def check(
    options: FilterOptions, model: Any, layers: Sequence[str], *, stored: str | None, updates: str, snapshot: Path
) -> FiltersVerdict:
    """Measure the convolutions of a model and judge them by the stored text, and by the sheets beside it.

    Args:
        options: how they are compared and drawn.
        model: what was given as the model.
        layers: paths or patterns of the layers; all convolutions where there are none.
        stored: the stored text, None where there is none.
        updates: what may be written: ``all``, ``new`` (what is missing) or ``nothing``.
        snapshot: where the text is stored; its sheets lie beside it.

    Raises:
        TraceError: no model, none with convolutions, or one without values.
        OptionError: a layer that is not there.
    """
    __tracebackhide__ = True
    found = _find(model, layers)
    bank = found.measure(options)
    text = dumps(bank)
    writes = updates == "all" or (updates == "new" and stored is None)
    verdict = FiltersVerdict(status=Status.PASSED, text=text, stored=stored, bank=bank, found=found)
    if stored is None:
        return replace(verdict, status=Status.RECORDED if writes else Status.MISSING)
    if without_comments(stored) == without_comments(text):
        return replace(verdict, old=bank)
    try:
        old = loads(stored)
    except TextError as error:
        return replace(verdict, status=Status.ACCEPTED if writes else Status.DAMAGED, damage=str(error))
    return _judged(verdict, old, options, Sheets(snapshot, old), writes)


def _find(model: Any, layers: Sequence[str]) -> Convolutions:
    try:
        from pytest_nnviz.filterbanks.measuring import find
    except ModuleNotFoundError as error:
        from pytest_nnviz.errors import MissingTorch

        if error.name != "torch":
            raise
        raise MissingTorch("nnviz_filters measures with torch, which is not installed: pip install torch") from None
    return find(model, layers)


def _judged(verdict: FiltersVerdict, old: Bank, options: FilterOptions, sheets: Sheets, writes: bool) -> FiltersVerdict:
    new = verdict.bank
    parts = {layer.path: layer.parts for layer in old.layers}
    if any(layer.parts != parts.get(layer.path, layer.parts) for layer in new.layers):
        new = verdict.found.measure(options, parts)

    def look(before: Layer, now: Layer, tolerance: Tolerance) -> Mapping[int, Moved]:
        sheet = sheets.of(before)
        drawn = verdict.found.drawn(replace(now, view=before.view)) if sheet is not None else ()
        return {} if sheet is None else sheet.moved(drawn, tolerance, _largest(before))

    drift = compare(old, new, atol=options.atol, rtol=options.rtol, exact=options.exact, look=look)
    verdict = replace(verdict, old=old, drift=drift, sheets=sheets)
    if drift:
        return replace(verdict, status=Status.ACCEPTED if writes else Status.DRIFTED)
    return replace(verdict, redrawn=writes and _is_redrawn(old, new, sheets.snapshot, options.sheets))


def _is_redrawn(old: Bank, new: Bank, snapshot: Path, sheets: str) -> bool:
    views, drawn = ([(layer.path, layer.view) for layer in bank.layers] for bank in (old, new))
    if views != drawn:
        return True
    bits, held = ([layer.whole.digest for layer in bank.layers] for bank in (old, new))
    # A sheet of today's weights under a text of others would alarm for what is within the tolerance of the text.
    return bits != held and bool(to_redraw(snapshot, old, sheets))


def _largest(layer: Layer) -> list[float]:
    """The largest magnitude of each filter, or of the run that it is in."""
    return [line.statistics.largest for line in layer.lines for _ in range(len(line))]
