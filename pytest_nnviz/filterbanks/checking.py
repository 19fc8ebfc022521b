"""One call of ``nnviz_filters``: measure, compare with the stored text and sheets, reach a verdict, word it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_nnviz.errors import TextError
from pytest_nnviz.filterbanks import telling
from pytest_nnviz.filterbanks.beside import to_redraw
from pytest_nnviz.filterbanks.changes import BankDrift, LayerChange, Moved
from pytest_nnviz.filterbanks.comparing import compare
from pytest_nnviz.filterbanks.data import Bank, Layer
from pytest_nnviz.filterbanks.reading import loads
from pytest_nnviz.filterbanks.shelf import Sheets
from pytest_nnviz.filterbanks.tolerance import Tolerance
from pytest_nnviz.filterbanks.writing import dumps, place
from pytest_nnviz.options import FilterOptions
from pytest_nnviz.textformat import say_the_same
from pytest_nnviz.verdict import Room, Status, Verdict
from pytest_nnviz.wording import Told

if TYPE_CHECKING:
    from pytest_nnviz.filterbanks.measuring import Convolutions

__all__ = ["Drawable", "FiltersVerdict", "check", "compared"]


class Drawable(Protocol):
    """What has the weights that are drawn: the convolutions of a model, or the sheets that were drawn of them."""

    def drawn(self, layer: Layer) -> Sequence[Sequence[float]]:
        """Of each filter of a layer, the weights that are drawn; none where they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiltersVerdict(Verdict):
    """What became of a call, as data.

    Attributes:
        bank: what was measured, or what the text after says.
        found: the weights behind that, for what is drawn of them.
        old: what the stored text says, None where there is none that can be read.
        drift: the changes from it.
        sheets: the stored sheets.
        redrawn: whether the text is written anew, though nothing drifted, because sheets are to be drawn: in another
            way, or of weights that are not bit for bit those of the text. Text and sheets are then of the same weights.
    """

    bank: Bank
    found: Drawable
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
    def cause_keys(self) -> list[str]:
        """What tells each of the causes from all others: the weights, to the bit."""
        return [] if self.drift is None else [telling.cause_key(change) for change in self.drift.layers]

    @property
    def advice(self) -> list[str]:
        """How to pin weights that are random."""
        return [telling.RANDOM]

    @property
    def remarks(self) -> list[str]:
        """Of which layers that changed there is no sheet to look at; whether they may be random."""
        random = [telling.RANDOM] if self.drift and all(map(telling.renewed, self.drift.layers)) else []
        blind = [place(change.path) for change in self.drift.layers if self._blind(change)] if self.drift else []
        if not blind:
            return random
        more = f" and {len(blind) - 3} more" if len(blind) > 3 else ""
        return [
            *random,
            f"without a sheet that fits the text: {', '.join(blind[:3])}{more}; the numbers alone were compared",
        ]

    def _blind(self, change: LayerChange) -> bool:
        old, new = change.old, change.new
        if change.kind != "changed" or old is None or new is None or not old.view.filters:
            return False
        undrawn = self.status is Status.COMPARED and new.view.filters > 0 and not self.found.drawn(new)
        return undrawn or self.sheets is None or self.sheets.of(old) is None

    @property
    def consequences(self) -> frozenset[str]:
        """What the changes mean for those who use the model."""
        return frozenset(telling.consequence(change) for change in (self.drift.layers if self.drift else ()))

    @property
    def touched(self) -> frozenset[str]:
        """The gates that count the changes."""
        return frozenset().union(*map(telling.gates, self.drift.layers if self.drift else ()))

    def changes(self, name: str, room: Room) -> list[str]:
        """What changed, headline first; empty where nothing did."""
        if not self.drift:
            return []
        lines = None if room.lines is None else room.lines - 1
        return [telling.headline(self.drift, name), *telling.words(self.drift, width=room.width, lines=lines)]

    def told(self, width: int) -> Told:
        """What changed: a row for each layer, or for several of which the same is to be told."""
        if not self.drift:
            return Told()
        remarks = (*telling.details(self.drift), *self.remarks)
        return Told(main=tuple(telling.rows(self.drift)), remarks=remarks)

    def plain(self, name: str) -> dict[str, Any]:
        """All changes; see `filters_data`."""
        from pytest_nnviz.filterbanks.plain import filters_data

        return filters_data(self.old, self.bank, self.drift, name)

    def drawn(self, layer: Layer) -> Sequence[Sequence[float]]:
        """The weights that are drawn of a layer."""
        return self.found.drawn(layer)

    def steps(self, layer: Layer) -> Sequence[float]:
        """Of each filter that is drawn, how far two values are apart that it can have; none where they are exact."""
        return self.found.steps(layer) if isinstance(self.found, Sheets) else ()


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
    if say_the_same(text, stored):
        return replace(verdict, old=bank)
    try:
        old = loads(stored)
    except TextError as error:
        return replace(verdict, status=Status.ACCEPTED if writes else Status.DAMAGED, damage=str(error))
    return _judged(verdict, found, old, options, Sheets(snapshot, old), writes)


def compared(old: Sheets, new: Sheets, stored: str, text: str) -> FiltersVerdict:
    """One stored text judged by another, as their exact values say; the weights are those that the sheets show.

    Args:
        old: the sheets of the text before, with what that says.
        new: those of the text after.
        stored: the text before.
        text: the text after.
    """

    def look(before: Layer, now: Layer, tolerance: Tolerance) -> Mapping[int, Moved]:
        sheet = old.of(before)
        drawn = new.drawn(replace(now, view=before.view))
        return {} if sheet is None else sheet.moved(drawn, tolerance, _largest(before), new.steps(now))

    drift = compare(old.bank, new.bank, exact=True, look=look)
    verdict = FiltersVerdict(status=Status.COMPARED, text=text, stored=stored, bank=new.bank, found=new)
    return replace(verdict, old=old.bank, drift=drift, sheets=old)


def _find(model: Any, layers: Sequence[str]) -> Convolutions:
    try:
        from pytest_nnviz.filterbanks.measuring import find
    except ModuleNotFoundError as error:
        from pytest_nnviz.errors import MissingTorch

        if error.name != "torch":
            raise
        raise MissingTorch("nnviz_filters measures with torch, which is not installed: pip install torch") from None
    return find(model, layers)


def _judged(
    verdict: FiltersVerdict, found: Convolutions, old: Bank, options: FilterOptions, sheets: Sheets, writes: bool
) -> FiltersVerdict:
    new = verdict.bank
    parts = {layer.path: layer.parts for layer in old.layers}
    if any(layer.parts != parts.get(layer.path, layer.parts) for layer in new.layers):
        new = found.measure(options, parts)

    def look(before: Layer, now: Layer, tolerance: Tolerance) -> Mapping[int, Moved]:
        sheet = sheets.of(before)
        drawn = found.drawn(replace(now, view=before.view)) if sheet is not None else ()
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
