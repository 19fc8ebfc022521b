"""The sheets of a text, wherever they are kept: as far as they were drawn from it, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_nnviz.filterbanks.beside import digest_of, names_of, sheet_of
from pytest_nnviz.filterbanks.data import Bank, Layer
from pytest_nnviz.filterbanks.stored import Sheet, read_file, sheet_in
from pytest_nnviz.pictures.digest import digest_of_head

__all__ = ["Read", "Sheets"]

Read = Callable[[Path], bytes | None]
"""What stands at a path; None where nothing does, or what is too large to be a sheet."""


class Sheets:
    """The sheets of a text.

    Args:
        snapshot: the path of the text.
        bank: what the text says.
        read: reads what lies beside it, in the work tree or in a revision.
    """

    def __init__(self, snapshot: Path, bank: Bank, read: Read = read_file) -> None:
        self.snapshot = snapshot
        self.bank = bank
        self._layers = {layer.path: layer for layer in bank.layers}
        self._names = names_of(bank)
        self._file = read
        self._read: dict[str, tuple[Sheet, bytes] | None] = {}

    def of(self, layer: Layer) -> Sheet | None:
        """The sheet of a layer; None for one that is missing, stale or not ours."""
        found = self._found(layer)
        return None if found is None else found[0]

    def data(self, layer: Layer) -> bytes | None:
        """The PNG that `of` is read from."""
        found = self._found(layer)
        return None if found is None else found[1]

    def drawn(self, layer: Layer) -> Sequence[Sequence[float]]:
        """The weights that a layer is to be drawn with, as its sheet shows them; none where that shows others."""
        known = self._layers.get(layer.path)
        sheet = None if known is None else self.of(known)
        if sheet is None or (layer.view.channels, layer.view.shown) != (sheet.layout.channels, sheet.layout.shown):
            return ()
        return [sheet.values(index) for index in range(min(layer.view.filters, sheet.layout.filters))]

    def steps(self, layer: Layer) -> Sequence[float]:
        """Of each filter that `drawn` has, how far two values are apart that a weight can have there."""
        sheet = self.of(self._layers[layer.path]) if layer.path in self._layers else None
        return () if sheet is None else [sheet.levels(index).step for index in range(sheet.layout.filters)]

    def _found(self, layer: Layer) -> tuple[Sheet, bytes] | None:
        if layer.path not in self._read:
            self._read[layer.path] = self._load(layer)
        return self._read[layer.path]

    def _load(self, layer: Layer) -> tuple[Sheet, bytes] | None:
        path = sheet_of(self.snapshot, self._names[layer.path])
        data = self._file(path)
        if data is None or digest_of_head(data) != digest_of(path, [layer]):
            return None
        sheet = sheet_in(data)
        return (sheet, data) if sheet is not None and sheet.shows(layer) else None
