"""The options of ``nnviz_filters``: how filters are compared and drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pytest_nnviz.errors import OptionError
from pytest_nnviz.options.base import OptionsBase, as_bool, as_float, as_int

__all__ = ["FilterOptions"]

_MOST = 4096


def _number(key: str, value: object, below: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
        limit = "" if below == math.inf else f", below {below:g}"
        raise OptionError(f"{key}={value!r}: give a number from 0{limit}")


@dataclass(frozen=True, slots=True)
class FilterOptions(OptionsBase):
    """How filters are compared and drawn.

    Attributes:
        name: name of the snapshot within its test; None numbers the calls.
        atol: how far a weight may move, in its own unit; 1e-8 as in ``torch.allclose``.
        rtol: how far it may move as a share of what it was, from 0 to below 1; 1e-5 as in ``torch.allclose``.
        exact: True fails on any other bit, by the digests of the filters; the tolerances then only word what moved.
        scale: ``layer`` (default) draws all filters of a layer on one scale, ``filter`` each on its own.
        channels: what is drawn of each filter: ``auto`` (default), ``first``, ``mean``, ``rgb`` (layers of three
            channels) or ``all``. Auto is ``rgb`` for kernels of two dimensions over three channels, ``all`` where a
            kernel has one weight or one dimension, else ``first``. Numbers are pinned of all channels.
        max_filters: how many filters of a layer are drawn, from the first on, 1 to 4096; 64 by default.
        sheets: ``png`` (default) or ``off``, for no pictures beside the text.
        sheets_check: ``warn`` (default) warns about a stale or missing sheet, ``digest`` fails.

    Raises:
        OptionError: a value that the option does not take; the message lists the choices.
    """

    _choices: ClassVar = {
        "scale": ("layer", "filter"),
        "channels": ("auto", "first", "mean", "rgb", "all"),
        "exact": (True, False),
        "sheets": ("png", "off"),
        "sheets_check": ("warn", "digest"),
    }
    _parsers: ClassVar = {"atol": as_float, "rtol": as_float, "exact": as_bool, "max_filters": as_int}

    atol: float = 1e-8
    rtol: float = 1e-5
    exact: bool = False
    scale: str = "layer"
    channels: str = "auto"
    max_filters: int = 64
    sheets: str = "png"
    sheets_check: str = "warn"

    def __post_init__(self) -> None:
        OptionsBase.__post_init__(self)
        _number("atol", self.atol, math.inf)
        _number("rtol", self.rtol, 1.0)
        if type(self.max_filters) is not int or not 1 <= self.max_filters <= _MOST:
            raise OptionError(f"max_filters={self.max_filters!r}: give a number from 1 to {_MOST}")
