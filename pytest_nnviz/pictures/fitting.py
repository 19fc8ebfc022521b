"""The finest view whose picture fits a page: drawn, measured, and drawn again with fewer nodes where it does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_nnviz.asked import Asked
from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.dot import to_dot
from pytest_nnviz.pictures.drawing import Drawing
from pytest_nnviz.pictures.picture import TooSlow, draw_svg
from pytest_nnviz.pictures.svg import size
from pytest_nnviz.pictures.view import start_budget, view

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["Picture", "fit"]

_TRIES = 8
_SLOW_TRIES = 2
_HASTE = 3


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

    Raises:
        TooSlow: no engine drew even the coarsest view in time.
        DrawingError: there is no engine, or none that can draw this.
    """
    if asked.depth is not None or asked.expand:
        try:
            return _draw(thing, asked, None)
        except TooSlow:  # what fits is better than none
            asked = replace(asked, depth=None, expand=())
    return _fitting(thing, asked)


def _fitting(thing: Architecture | Drift, asked: Asked) -> Picture:
    found: list[Picture] = []
    slow: list[TooSlow] = []
    budget = start_budget(thing)
    while budget and len(found) < _TRIES and len(slow) < _SLOW_TRIES:
        try:
            picture = _draw(thing, asked, budget)
        except TooSlow as error:
            slow.append(error)
            budget //= _HASTE
            continue
        if picture.excess <= 1:
            return picture
        found.append(picture)
        budget = min(budget - 1, round(budget / min(picture.excess, _HASTE)))
    if not found:
        raise slow[-1]
    return min(found, key=lambda picture: picture.excess)


def _draw(thing: Architecture | Drift, asked: Asked, budget: int | None) -> Picture:
    drawing = view(thing, asked, budget=budget)
    dot = to_dot(drawing)
    return Picture(drawing, dot, draw_svg(dot))
