"""Pictures: an Architecture or a Drift as SVG, PNG or DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nnviz.errors import DrawingError, OptionError
from pytest_nnviz.pictures.digest import read_digest

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["FORMATS", "read_digest", "render"]

FORMATS = ("svg", "png", "dot")

_COARSER = (1, 3)


def render(
    thing: Architecture | Drift,
    format: str = "svg",  # noqa: A002 - the word that every drawing library uses
    *,
    depth: int | None = None,
    digest: str | None = None,
) -> str | bytes:
    """The picture of an Architecture, or of what changed in a Drift.

    ``format`` is ``svg`` or ``dot`` (text) or ``png`` (bytes). ``depth`` is how many levels of modules are opened, None
    for what fits a screen. ``digest`` is carried in the picture, see `read_digest`. The same arguments give the same
    bytes, by one version of the engine.

    Raises:
        OptionError: a format that does not exist.
        DrawingError: there is no engine, or none that could draw this in time.
    """
    if format not in FORMATS:
        raise OptionError(f"format={format!r}: choose one of {', '.join(map(repr, FORMATS))}")
    slow: DrawingError | None = None
    for coarser in _COARSER:
        try:
            return _render(thing, format, depth if coarser == 1 else None, digest, coarser)
        except DrawingError as error:
            slow = _if_slow(error)
    raise DrawingError(f"{slow}; a smaller depth may help")


def _if_slow(error: DrawingError) -> DrawingError:
    from pytest_nnviz.pictures.picture import TooSlow

    if not isinstance(error, TooSlow):
        raise error
    return error


def _render(thing: Architecture | Drift, kind: str, depth: int | None, digest: str | None, coarser: int) -> str | bytes:
    from pytest_nnviz.pictures import picture
    from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg
    from pytest_nnviz.pictures.dot import to_dot
    from pytest_nnviz.pictures.view import view

    dot = to_dot(view(thing, depth=depth, coarser=coarser))
    if kind == "dot":
        return dot
    if kind == "png":
        return embed_in_png(picture.draw_png(dot), digest)
    return embed_in_svg(picture.draw_svg(dot), digest)
