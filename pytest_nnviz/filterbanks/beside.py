"""The sheets beside a text: where they lie, told stale by the digest of the lines that they were drawn from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.errors import SnapshotError
from pytest_nnviz.filterbanks.data import Bank, Layer
from pytest_nnviz.filterbanks.writing import block, place
from pytest_nnviz.naming import clean
from pytest_nnviz.pictures.digest import digest_in, embed_in_png, is_foreign

__all__ = ["digest_of", "draw_sheets", "names_of", "remove_sheets", "sheet_of", "stale_sheets", "to_redraw"]

_DRAWING = 1
"""Of the way of drawing: sheets of another are stale."""

_NAME_BYTES = 120
Drawn = Callable[[Layer], Sequence[Sequence[float]]]


def digest_of(path: Path, layers: Iterable[Layer]) -> str:
    """The digest of a sheet: of its name, and of what the text says of its layers, so that others may change."""
    lines = [line for layer in layers for line in block(layer)]
    return f"{_tag(path)}.{_hash(chr(10).join([f'drawing {_DRAWING}', *lines]))}"


def _tag(path: Path) -> str:
    """By which a copy that the user made under another name is told from a sheet; a test may have another name."""
    return _hash(path.name)[:8] if path.parent.suffix == ".filters" else "overview"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def names_of(bank: Bank) -> dict[str, str]:
    """Names of files for the layers, by path: no two are the same, upper and lower case not told apart."""
    plain = {layer.path: clean(place(layer.path), _NAME_BYTES) for layer in bank.layers}
    count = Counter(name.casefold() for name in plain.values())
    return {
        path: name if count[name.casefold()] == 1 else clean(f"{place(path)}\0", _NAME_BYTES)
        for path, name in plain.items()
    }


def sheet_of(snapshot: Path, name: str) -> Path:
    """The sheet of a layer, by the name of its file."""
    return _folder(snapshot) / f"{name}.png"


def _folder(snapshot: Path) -> Path:
    return snapshot.with_name(f"{snapshot.stem}.filters")


def _overview(snapshot: Path) -> Path:
    return snapshot.with_name(f"{snapshot.stem}.filters.png")


def _wanted(snapshot: Path, bank: Bank, sheets: str) -> Iterator[tuple[Path, tuple[Layer, ...]]]:
    """The pictures that there should be, each with the layers that it shows; the overview first."""
    if sheets == "off":
        return
    if len(bank.layers) > 1:
        yield _overview(snapshot), bank.layers
    names = names_of(bank)
    for layer in bank.layers:
        if layer.view.filters:
            yield sheet_of(snapshot, names[layer.path]), (layer,)


def stale_sheets(snapshot: Path, bank: Bank, sheets: str) -> list[Path]:
    """The wanted pictures of a text that are missing, or were drawn from other lines."""
    return [path for path, layers in _wanted(snapshot, bank, sheets) if digest_in(path) != digest_of(path, layers)]


def to_redraw(snapshot: Path, bank: Bank, sheets: str) -> list[Path]:
    """The stale pictures that an update draws anew: not those in whose place a file is that is not ours."""
    return [path for path in stale_sheets(snapshot, bank, sheets) if not is_foreign(path)]


def draw_sheets(paths: Iterable[Path], snapshot: Path, bank: Bank, drawn: Drawn) -> None:
    """Draw pictures and write them; a file without our digest stays.

    Args:
        paths: which of the wanted pictures.
        snapshot: the file of the text.
        bank: what the text says.
        drawn: the weights that are drawn of a layer.

    Raises:
        OSError: a file could not be written.
        SnapshotError: a file that is not ours is in the place of a picture; the others are drawn.
    """
    asked = set(paths)
    foreign = []
    for path, layers in _wanted(snapshot, bank, "png"):
        if path not in asked:
            continue
        if is_foreign(path):
            foreign.append(path.name)
            continue
        path.parent.mkdir(exist_ok=True)
        picture = _drawn(path == _overview(snapshot), bank, layers, drawn)
        write_atomic(path, embed_in_png(picture, digest_of(path, layers)))
    if foreign:
        names = ", ".join(sorted(foreign))
        raise SnapshotError(f"{names} is not ours (no digest of pytest-nnviz in it); move it away")


def _drawn(overview: bool, bank: Bank, layers: Sequence[Layer], drawn: Drawn) -> bytes:
    if overview:
        from pytest_nnviz.filterbanks.overview import MOST_STRIPS, draw_overview

        return draw_overview(bank, [drawn(layer) for layer in layers[:MOST_STRIPS]])
    from pytest_nnviz.filterbanks.sheets import draw_sheet

    return draw_sheet(layers[0], drawn(layers[0]))


def remove_sheets(snapshot: Path, bank: Bank | None = None, sheets: str = "off") -> None:
    """Remove the pictures that are no longer wanted, all of them without a bank.

    What stays: a file without our digest, and a copy of a sheet under a name that is not its own.
    """
    wanted = {path for path, _ in _wanted(snapshot, bank, sheets)} if bank is not None else set()
    folder = _folder(snapshot)
    found = [_overview(snapshot), *(sorted(folder.glob("*.png")) if folder.is_dir() else ())]
    for path in found:
        if path not in wanted and (digest_in(path) or "").startswith(f"{_tag(path)}."):
            path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:  # not there, or not empty
        return
