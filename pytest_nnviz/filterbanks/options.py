"""Options of ``nnviz_filters``: how filters are drawn, and how far they may move."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from pytest_nnviz.errors import OptionError, suggest

__all__ = ["FilterOptions"]

_CHOICES = {
    "scale": ("layer", "filter"),
    "channels": ("auto", "first", "mean", "rgb", "all"),
    "exact": (True, False),
    "images": ("png", "off"),
    "images_check": ("warn", "digest"),
}
_MOST = 4096


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """How filters are compared and drawn.

    Attributes:
        name: name of the snapshot within its test; None numbers the calls.
        atol: how far a weight may move, in its own unit; 1e-8 as in ``torch.allclose``.
        rtol: how far it may move as a share of what it was, from 0 to below 1; 1e-5 as in ``torch.allclose``.
        exact: True fails on any other bit, by the digests of the filters; the tolerances then only word what moved.
        scale: ``layer`` (default) draws all filters of a layer on one scale, ``filter`` each on its own.
        channels: ``auto`` (default), ``first``, ``mean``, ``rgb`` (layers of three channels) or ``all``. What is drawn
            of each filter: auto is ``rgb`` for kernels of two dimensions over three channels, ``all`` where a kernel
            has one weight or one dimension, else ``first``. Numbers are pinned of all channels.
        max_filters: how many filters of a layer are drawn, from the first on, 1 to 4096; 64 by default.
        images: ``png`` (default) or ``off``, for no sheets.
        images_check: ``warn`` (default) warns about a stale or missing sheet, ``digest`` fails.

    Raises:
        OptionError: a value that the option does not take; the message lists the choices.
    """

    name: str | None = None
    atol: float = 1e-8
    rtol: float = 1e-5
    exact: bool = False
    scale: str = "layer"
    channels: str = "auto"
    max_filters: int = 64
    images: str = "png"
    images_check: str = "warn"

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            _one_of(key, getattr(self, key), choices)
        _number("atol", self.atol, math.inf)
        _number("rtol", self.rtol, 1.0)
        if type(self.max_filters) is not int or not 1 <= self.max_filters <= _MOST:
            raise OptionError(f"max_filters={self.max_filters!r}: give a number from 1 to {_MOST}")
        if self.name is not None and (not isinstance(self.name, str) or not self.name.strip()):
            raise OptionError(f"name={self.name!r}: give a string that is not empty, or None")

    def using(self, **changes: Any) -> Self:
        """The same options with some changed.

        Raises:
            OptionError: an unknown option, or a value that it does not take.
        """
        known = [each.name for each in fields(self)]
        for key in changes:
            if key not in known:
                raise OptionError(f"unknown option {key!r}{suggest(key, known)}; options: {', '.join(known)}")
        return replace(self, **changes)


def _one_of(key: str, value: object, choices: tuple[object, ...]) -> None:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise OptionError(f"{key}={value!r}: choose one of {', '.join(map(repr, choices))}")


def _number(key: str, value: object, below: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
        limit = "" if below == math.inf else f", below {below:g}"
        raise OptionError(f"{key}={value!r}: give a number from 0{limit}")
