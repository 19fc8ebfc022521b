"""The pictures beside a snapshot: drawn with its text, told stale by the digest of the text that they carry."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.errors import SnapshotError
from pytest_nnviz.pictures.digest import digest_in, is_foreign
from pytest_nnviz.regular import read_regular
from pytest_nnviz.textformat import without_comments

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.asked import Asked
    from pytest_nnviz.drift import Drift

__all__ = [
    "Differing",
    "differing_companions",
    "digest_of",
    "draw_companions",
    "drift_pictures",
    "pictures_of",
    "portrait",
    "remove_other_companions",
    "stale_companions",
]

_FORMATS = ("svg", "png")
_LARGEST = 32 * 2**20  # bytes of a stored picture; of a larger one the beginning differs too


def digest_of(text: str, asked: Asked) -> str:
    """The digest of what a picture is made from: the part of a text that decides, and what is asked for."""
    return hashlib.sha256((without_comments(text) + str(asked)).encode("utf-8", "surrogatepass")).hexdigest()


def stale_companions(snapshot: Path, text: str, images: str, asked: Asked) -> list[Path]:
    """The wanted pictures of a snapshot that are missing, or show another text or not what is asked for."""
    digest = digest_of(text, asked)
    return [path for path in _wanted(snapshot, images) if digest_in(path) != digest]


@dataclass(frozen=True, slots=True)
class Differing:
    """A stored picture that is not as it is drawn now.

    Attributes:
        path: the stored picture.
        drawn: the fresh one, as bytes of the same format.
        share: of the pixels of a PNG that differ, above 0 up to 1; 1 of an SVG, which has none.
        image: a PNG that shows where they differ; None for an SVG.
    """

    path: Path
    drawn: bytes
    share: float
    image: bytes | None

    def __str__(self) -> str:
        """The file and how it differs."""
        if self.path.suffix == ".svg":
            return f"{self.path.name} is not the SVG that is drawn now"
        exact = f"{_rounded_up(self.share):g}"
        return f"{self.path.name} differs in {self.share:.4%} of its pixels; images_tolerance={exact} would have passed"


def differing_companions(
    snapshot: Path, architecture: Architecture, text: str, images: str, asked: Asked, tolerance: float
) -> Iterator[Differing]:
    """Draw anew and yield the pictures of a snapshot that differ in more than a share ``tolerance`` of their pixels.

    An SVG differs where its bytes do, but for the digest.

    Raises:
        DrawingError: no engine could draw.
        OSError: a stored picture cannot be read.
    """
    from pytest_nnviz.pictures.pixels import compare

    paths = _wanted(snapshot, images)
    kinds = [path.suffix[1:] for path in paths]
    pictures = pictures_of(architecture, [(kind, "both") for kind in kinds], asked, digest_of(text, asked))
    for path, kind, drawn in zip(paths, kinds, pictures, strict=True):
        found = compare(read_regular(path, _LARGEST), drawn, kind)
        if found.share > (tolerance if kind == "png" else 0):
            yield Differing(path, drawn, found.share, found.image)


def draw_companions(paths: Collection[Path], architecture: Architecture, text: str, asked: Asked) -> None:
    """Draw pictures and write them; a file without our digest stays.

    Raises:
        DrawingError: no engine could draw.
        OSError: a file could not be written.
        SnapshotError: a file that is not ours is in the place of a picture; the others are drawn.
    """
    foreign = {path for path in paths if is_foreign(path)}
    own = [path for path in paths if path not in foreign]
    kinds = tuple((path.suffix[1:], "both") for path in own)
    pictures = pictures_of(architecture, kinds, asked, digest_of(text, asked))
    for path, picture in zip(own, pictures, strict=True):
        write_atomic(path, picture)
    if foreign:
        names = ", ".join(sorted(path.name for path in foreign))
        raise SnapshotError(
            f"{names} is not ours (no digest of pytest-nnviz in it); move it away, or name the test anew"
        )


def remove_other_companions(snapshot: Path, images: str) -> None:
    """Remove the pictures of formats that are no longer wanted; a file without our digest stays."""
    for path in set(_all(snapshot, _FORMATS)) - set(_wanted(snapshot, images)):
        if digest_in(path) is not None:
            path.unlink(missing_ok=True)


def pictures_of(
    thing: Architecture | Drift, kinds: Iterable[tuple[str, str]], asked: Asked, digest: str | None = None
) -> Iterator[bytes]:
    """The pictures of a thing, each a format and a side, as they are written to files; laid out once for all.

    Raises:
        DrawingError: no engine could draw.
    """
    from pytest_nnviz.pictures import Drawn

    drawn = None
    for suffix, side in kinds:
        drawn = drawn or Drawn(thing, asked)
        picture = drawn.picture(suffix, side, digest)
        yield picture if isinstance(picture, bytes) else picture.encode()


def drift_pictures(drift: Drift, asked: Asked, suffixes: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files that a drift leaves: ``diff``, ``expected`` and ``actual``, in one layout.

    Args:
        drift: what changed.
        asked: what the pictures show.
        suffixes: their formats, some of ``svg``, ``png`` and ``mermaid``; of the last there is no side alone.

    Raises:
        DrawingError: no engine could draw.
    """
    sides = (("both", "diff"), ("expected", "expected"), ("actual", "actual"))
    wanted = [
        (suffix, side, f"{name}.{suffix}")
        for side, name in sides
        for suffix in suffixes
        if suffix != "mermaid" or side == "both"
    ]
    pictures = pictures_of(drift, [(suffix, side) for suffix, side, _ in wanted], asked)
    yield from zip((name for _, _, name in wanted), pictures, strict=True)


def portrait(architecture: Architecture, asked: Asked, which: str = "actual") -> Iterator[tuple[str, bytes]]:
    """As `drift_pictures`, of what is there on one side alone.

    Raises:
        DrawingError: no engine could draw.
    """
    for picture in pictures_of(architecture, [("svg", "both")], asked):
        yield f"{which}.svg", picture


def _wanted(snapshot: Path, images: str) -> list[Path]:
    return [] if images == "off" else _all(snapshot, images.split())


def _all(snapshot: Path, suffixes: Iterable[str]) -> list[Path]:
    return [snapshot.with_name(f"{snapshot.stem}.{suffix}") for suffix in suffixes]


def _rounded_up(share: float) -> float:
    """The next number of two digits, which a share of the pixels does not exceed."""
    unit = 10.0 ** (math.floor(math.log10(share)) - 1)
    return min(1.0, math.ceil(share / unit) * unit)
