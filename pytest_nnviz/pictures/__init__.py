"""Pictures: an Architecture or a Drift as SVG, PNG or DOT."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_nnviz.asked import Asked
from pytest_nnviz.errors import DrawingError, OptionError
from pytest_nnviz.patterns import ProjectPattern, patterns
from pytest_nnviz.pictures.digest import read_digest

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["FORMATS", "draw", "mime_bundle", "read_digest", "render"]

FORMATS = ("svg", "png", "dot")


def render(
    thing: Architecture | Drift,
    format: str = "svg",  # noqa: A002 - the word that every drawing library uses
    *,
    depth: int | None = None,
    expand: Collection[str] = (),
    fold: bool = True,
    show_parameters: bool = False,
    digest: str | None = None,
) -> str | bytes:
    """The picture of an Architecture, or of what changed in a Drift.

    Args:
        thing: what to draw.
        format: ``svg`` or ``dot`` (text), or ``png`` (bytes).
        depth: how many levels of modules are opened; None for what fits a page of 1,600 x 2,400 pixels.
        expand: patterns of module paths (``layer4``, ``layers.*.attn``) that are open whatever the depth.
        fold: False draws equal blocks that follow each other one by one.
        show_parameters: True draws a node for each parameter, with its name and shape.
        digest: carried in the picture, see `read_digest`.

    Returns:
        The picture; the same arguments give the same bytes, by one version of the engine.

    Raises:
        OptionError: a format that does not exist, or a pattern that names no module.
        DrawingError: there is no engine, or none that could draw this in time.
    """
    if format not in FORMATS:
        raise OptionError(f"format={format!r}: choose one of {', '.join(map(repr, FORMATS))}")
    return draw(thing, format, Asked(depth, patterns("expand", expand, "('layer4',)"), fold, show_parameters), digest)


def draw(thing: Architecture | Drift, kind: str, asked: Asked, digest: str | None = None) -> str | bytes:
    """`render` with what is asked for as one thing."""
    _check(thing, asked)
    from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg
    from pytest_nnviz.pictures.dot import to_dot
    from pytest_nnviz.pictures.fitting import fit
    from pytest_nnviz.pictures.picture import draw_png, engines
    from pytest_nnviz.pictures.png import shrink
    from pytest_nnviz.pictures.svg import size
    from pytest_nnviz.pictures.view import view

    if kind == "dot" and not any(engines()):
        return to_dot(view(thing, asked))
    picture = fit(thing, asked)
    if kind == "dot":
        return picture.dot
    if kind == "png":
        return embed_in_png(shrink(draw_png(picture.dot, size(picture.svg))), digest)
    return embed_in_svg(picture.svg, digest)


def mime_bundle(thing: Architecture | Drift) -> dict[str, str]:
    """What a notebook shows: the picture beside the words, the words alone where no engine can draw."""
    shown = {"text/plain": repr(thing)}
    with suppress(DrawingError):
        shown["image/svg+xml"] = str(draw(thing, "svg", Asked()))
    return shown


def _check(thing: Architecture | Drift, asked: Asked) -> None:
    if not asked.expand:
        return
    from pytest_nnviz.architecture import Architecture, walk_modules

    models = (thing,) if isinstance(thing, Architecture) else (thing.old, thing.new)
    unmatched = asked.unmatched(path for model in models for path, _ in walk_modules(model.root))
    wrong = [pattern for pattern in unmatched if not isinstance(pattern, ProjectPattern)]
    if wrong:
        raise OptionError(f"expand={wrong[0]!r} names no module of {models[-1].root.class_name}")
