"""The finest view whose picture fits a page and can be drawn: drawn, measured, and drawn with fewer nodes if not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_nnviz.asked import Asked
from pytest_nnviz.errors import DrawingError
from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.dot import to_dot
from pytest_nnviz.pictures.drawing import Drawing, walk_nodes
from pytest_nnviz.pictures.effort import crossed_ranks, node_count
from pytest_nnviz.pictures.picture import TooSlow, draw_svg
from pytest_nnviz.pictures.svg import size
from pytest_nnviz.pictures.view import Scene, start_budget

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["MOST_CROSSED", "MOST_NODES", "Picture", "TooMuch", "fit"]

MOST_NODES = 2_000
"""Nodes of a picture, whatever is asked for."""

MOST_CROSSED = 5_000
"""Ranks that its edges cross in all: long edges are what takes an engine minutes and gigabytes."""

_TRIES = 8
_SLOW_TRIES = 2
_HASTE = 3
_COARSEST = Asked(depth=0)
_BESIDE = ("input", "output", "parameter", "point")


class TooMuch(DrawingError):
    """A view with more in it than is drawn."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn view, its DOT text and its SVG."""

    drawing: Drawing
    dot: str
    svg: str

    @property
    def excess(self) -> float:
        """How many times larger than a page it is; at most 1 if it fits."""
        return max(side / most for side, most in zip(size(self.svg), theme.PAGE, strict=True))


def fit(thing: Architecture | Drift, asked: Asked) -> Picture:
    """The picture of a thing as it is asked for, opened as far as fits a page; the smallest, if none fits.

    Where what is asked for is too much to draw, as many levels of it are drawn as are not, else what fits, and the
    picture says so.

    Raises:
        TooSlow: no engine drew even the coarsest view in time.
        TooMuch: even the coarsest view has too much in it.
        DrawingError: there is no engine, or none that can draw this.
    """
    scene, budget = Scene.of(thing, asked), start_budget(thing)
    failure: TooSlow | TooMuch | None = None
    for coarser in _ever_coarser(scene):
        try:
            return _draw(_remarked(coarser.view(budget), failure))
        except (TooSlow, TooMuch) as error:  # less is better than none
            failure = failure or error
            if isinstance(error, TooSlow):
                break
    unasked = scene if failure is None else Scene.of(thing, replace(asked, depth=None, expand=()))
    return _fitting(unasked, budget, failure)


def _ever_coarser(scene: Scene) -> Iterator[Scene]:
    """What is asked for, then level by level less of it; nothing where nothing is asked for."""
    asked = scene.asked
    if asked.depth is not None or asked.expand:
        yield scene
    for depth in range(min(asked.depth or 0, scene.levels) - 1, 0, -1):
        yield replace(scene, asked=replace(asked, depth=depth, expand=()))


def _fitting(scene: Scene, budget: int, failure: TooSlow | TooMuch | None) -> Picture:
    found: list[Picture] = []
    slow = int(isinstance(failure, TooSlow))
    while budget and len(found) < _TRIES and slow < _SLOW_TRIES:
        try:
            picture = _draw(_remarked(scene.view(budget), failure))
        except (TooSlow, TooMuch) as error:
            failure = failure or error
            slow += isinstance(error, TooSlow)
            budget //= _HASTE
            continue
        if picture.excess <= 1:
            return picture
        found.append(picture)
        budget = min(budget, _planned(picture.drawing))  # with any number from there on it is the same picture
        budget = min(budget - 1, round(budget / min(picture.excess, _HASTE)))
    return min(found, key=lambda picture: picture.excess) if found else _coarsest(scene, failure)


def _planned(drawing: Drawing) -> int:
    return sum(node.kind not in _BESIDE for node in walk_nodes(drawing.items))


def _coarsest(scene: Scene, failure: DrawingError | None) -> Picture:
    """The model as one node."""
    return _draw(_remarked(replace(scene, asked=_COARSEST).view(1), failure))


def _remarked(drawing: Drawing, failure: DrawingError | None) -> Drawing:
    if failure is None:
        return drawing
    return replace(drawing, subtitle=(*drawing.subtitle, f"coarser than asked for: {failure}"))


def _draw(drawing: Drawing) -> Picture:
    _check(drawing)
    dot = to_dot(drawing)
    return Picture(drawing, dot, draw_svg(dot))


def _check(drawing: Drawing) -> None:
    nodes = node_count(drawing)
    if nodes > MOST_NODES:
        raise TooMuch(f"it has {nodes:,} nodes, and {MOST_NODES:,} are drawn at most")
    crossed = crossed_ranks(drawing)
    if crossed > MOST_CROSSED:
        raise TooMuch(f"it has {nodes:,} nodes and edges too long to draw")
