"""The pictures beside a snapshot: drawn with its text, told stale by the digest of the text that they carry."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.errors import SnapshotError
from pytest_nnviz.textformat import without_comments

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.asked import Asked
    from pytest_nnviz.drift import Drift

__all__ = ["digest_of", "draw_companions", "picture_bytes", "remove_other_companions", "stale_companions"]

_FORMATS = ("svg", "png")


def digest_of(text: str, asked: Asked) -> str:
    """The digest of what a picture is made from: the part of a text that decides, and what is asked for."""
    return hashlib.sha256((without_comments(text) + str(asked)).encode("utf-8", "surrogatepass")).hexdigest()


def stale_companions(snapshot: Path, text: str, images: str, asked: Asked) -> list[Path]:
    """The wanted pictures of a snapshot that are missing, or show another text or not what is asked for."""
    digest = digest_of(text, asked)
    return [path for path in _wanted(snapshot, images) if _digest_in(path) != digest]


def draw_companions(paths: Collection[Path], architecture: Architecture, text: str, asked: Asked) -> None:
    """Draw pictures and write them; a file without our digest stays.

    Raises:
        DrawingError: no engine could draw.
        OSError: a file could not be written.
        SnapshotError: a file that is not ours is in the place of a picture; the others are drawn.
    """
    foreign = {path for path in paths if _is_foreign(path)}
    for path in paths:
        if path not in foreign:
            write_atomic(path, picture_bytes(architecture, path.suffix[1:], asked, digest_of(text, asked)))
    if foreign:
        names = ", ".join(sorted(path.name for path in foreign))
        raise SnapshotError(
            f"{names} is not ours (no digest of pytest-nnviz in it); move it away, or name the test anew"
        )


def remove_other_companions(snapshot: Path, images: str) -> None:
    """Remove the pictures of formats that are no longer wanted; a file without our digest stays."""
    for path in set(_all(snapshot, _FORMATS)) - set(_wanted(snapshot, images)):
        if _digest_in(path) is not None:
            path.unlink(missing_ok=True)


def picture_bytes(thing: Architecture | Drift, suffix: str, asked: Asked, digest: str | None = None) -> bytes:
    """A picture as it is written to a file.

    Raises:
        DrawingError: no engine could draw.
    """
    from pytest_nnviz.pictures import draw

    picture = draw(thing, suffix, asked, digest)
    return picture if isinstance(picture, bytes) else picture.encode()


def _wanted(snapshot: Path, images: str) -> list[Path]:
    return [] if images == "off" else _all(snapshot, images.split())


def _all(snapshot: Path, suffixes: Iterable[str]) -> list[Path]:
    return [snapshot.with_name(f"{snapshot.stem}.{suffix}") for suffix in suffixes]


def _is_foreign(path: Path) -> bool:
    return os.path.lexists(path) and _digest_in(path) is None


def _digest_in(path: Path) -> str | None:
    from pytest_nnviz.pictures.digest import read_digest

    try:
        return read_digest(path)
    except OSError:
        return None
