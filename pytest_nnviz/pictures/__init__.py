"""Pictures: an Architecture or a Drift as SVG, PNG or DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nnviz.errors import OptionError
from pytest_nnviz.pictures.digest import read_digest

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["FORMATS", "read_digest", "render"]

FORMATS = ("svg", "png", "dot")


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
    from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg
    from pytest_nnviz.pictures.dot import to_dot
    from pytest_nnviz.pictures.fitting import fit
    from pytest_nnviz.pictures.picture import draw_png, engines
    from pytest_nnviz.pictures.svg import size
    from pytest_nnviz.pictures.view import view

    if format == "dot" and not any(engines()):
        return to_dot(view(thing, depth=depth))
    picture = fit(thing, depth)
    if format == "dot":
        return picture.dot
    if format == "png":
        return embed_in_png(draw_png(picture.dot, size(picture.svg)), digest)
    return embed_in_svg(picture.svg, digest)
