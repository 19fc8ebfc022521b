"""Pictures: an Architecture or a Drift as SVG, PNG or DOT."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_nnviz.asked import SIDES, Asked
from pytest_nnviz.errors import DrawingError, OptionError
from pytest_nnviz.patterns import ProjectPattern, patterns
from pytest_nnviz.pictures.digest import read_digest

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift
    from pytest_nnviz.pictures.drawing import Drawing

__all__ = ["FORMATS", "SIDES", "Drawn", "draw", "mime_bundle", "read_digest", "render"]

FORMATS = ("svg", "png", "dot", "mermaid")


def render(
    thing: Architecture | Drift,
    format: str = "svg",  # noqa: A002 - the word that every drawing library uses
    *,
    depth: int | None = None,
    expand: Collection[str] = (),
    fold: bool = True,
    show_parameters: bool = False,
    neighbours: int = 1,
    side: str = "both",
    digest: str | None = None,
) -> str | bytes:
    """The picture of an Architecture, or of what changed in a Drift.

    Args:
        thing: what to draw.
        format: ``svg``, ``dot`` or ``mermaid`` (text), or ``png`` (bytes).
        depth: how many levels of modules are opened; None for what fits a page of 1,600 x 2,400 pixels.
        expand: patterns of module paths (``layer4``, ``layers.*.attn``) that are open whatever the depth.
        fold: False draws equal blocks that follow each other one by one.
        show_parameters: True draws a node for each parameter, with its name and shape.
        neighbours: how many steps around what changed in a Drift stay visible, as far as that fits the page.
        side: of a Drift ``both`` in one picture, or ``expected`` or ``actual`` alone in the layout of both: what only
            the other side has is not shown and keeps its place, so that nothing moves from one picture to the other.
        digest: carried in the picture, see `read_digest`.

    Returns:
        The picture; the same arguments give the same bytes, by one version of the engine.

    Raises:
        OptionError: a format or side that does not exist, a side of an Architecture, a number of
            neighbours that is none, or a pattern that names no module.
        DrawingError: there is no engine, or none that could draw this in time.
    """
    for name, value, choices in (("format", format, FORMATS), ("side", side, SIDES)):
        if value not in choices:
            raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")
    asked = Asked(depth, patterns("expand", expand, "('layer4',)"), fold, show_parameters, neighbours)
    return draw(thing, format, asked, digest, side)


def draw(
    thing: Architecture | Drift, kind: str, asked: Asked, digest: str | None = None, side: str = "both"
) -> str | bytes:
    """`render` with what is asked for as one thing."""
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.pictures.picture import engines

    if side != "both" and isinstance(thing, Architecture):
        raise OptionError(f"side={side!r}: an Architecture has one side, a Drift has two")
    if kind in ("dot", "mermaid") and not any(engines()):
        from pytest_nnviz.pictures.sides import one_side
        from pytest_nnviz.pictures.view import view

        _check(thing, asked)
        return _written(one_side(view(thing, asked), side), kind)
    return Drawn(thing, asked).picture(kind, side, digest)


class Drawn:
    """A thing laid out once, for pictures of every format and side.

    Raises:
        OptionError: a pattern that names no module.
        DrawingError: there is no engine, or none that could draw this in time.
    """

    def __init__(self, thing: Architecture | Drift, asked: Asked) -> None:
        from pytest_nnviz.pictures.fitting import fit

        _check(thing, asked)
        self._fitted = fit(thing, asked)

    def picture(self, kind: str, side: str = "both", digest: str | None = None) -> str | bytes:
        """The picture in a format of `FORMATS`, of a side of `SIDES`."""
        from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg
        from pytest_nnviz.pictures.dot import to_dot
        from pytest_nnviz.pictures.picture import draw_png, draw_svg
        from pytest_nnviz.pictures.png import shrink
        from pytest_nnviz.pictures.sides import one_side
        from pytest_nnviz.pictures.svg import size

        fitted = self._fitted
        if kind == "mermaid":
            return _written(one_side(fitted.drawing, side), kind)
        dot = fitted.dot if side == "both" else to_dot(one_side(fitted.drawing, side))
        if kind == "dot":
            return dot
        if kind == "png":
            return embed_in_png(shrink(draw_png(dot, size(fitted.svg))), digest)
        return embed_in_svg(fitted.svg if side == "both" else draw_svg(dot), digest)


def _written(drawing: Drawing, kind: str) -> str:
    from pytest_nnviz.pictures.dot import to_dot
    from pytest_nnviz.pictures.mermaid import to_mermaid

    return to_dot(drawing) if kind == "dot" else to_mermaid(drawing)


def mime_bundle(thing: Architecture | Drift) -> dict[str, str]:
    """What a notebook shows: the picture beside the words, the words alone where no engine can draw."""
    shown = {"text/plain": repr(thing)}
    with suppress(DrawingError):
        shown["image/svg+xml"] = str(draw(thing, "svg", Asked()))
    return shown


def _check(thing: Architecture | Drift, asked: Asked) -> None:
    if not isinstance(asked.neighbours, int) or asked.neighbours < 0:
        raise OptionError(f"neighbours={asked.neighbours!r}: give a number of steps, 0 or more")
    if not asked.expand:
        return
    from pytest_nnviz.architecture import Architecture, walk_modules

    models = (thing,) if isinstance(thing, Architecture) else (thing.old, thing.new)
    unmatched = asked.unmatched(path for model in models for path, _ in walk_modules(model.root))
    wrong = [pattern for pattern in unmatched if not isinstance(pattern, ProjectPattern)]
    if wrong:
        raise OptionError(f"expand={wrong[0]!r} names no module of {models[-1].root.class_name}")
