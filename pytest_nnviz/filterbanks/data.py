"""The filters of a model as plain data: layers, and lines of numbers about one filter or a run of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Bank", "Layer", "Line", "Statistics", "View"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers over the finite weights of a filter, or of several.

    Attributes:
        norm: root of the sum of squares.
        mean: of the weights.
        std: standard deviation, of the weights as a whole population.
        low: the smallest.
        high: the largest.
        projection: dot product with a fixed pattern of magnitudes from 0.5 to 1.5 and of both signs, so that any one
            change, swap or flipped sign shows; 0.25 to 2.25 over a run of filters.
        nan: how many weights are NaN.
        inf: how many are positive infinite.
        minus_inf: how many are negative infinite.
    """

    norm: float
    mean: float
    std: float
    low: float
    high: float
    projection: float
    nan: int = 0
    inf: int = 0
    minus_inf: int = 0

    @property
    def wild(self) -> tuple[int, int, int]:
        """How many weights are not finite, by kind."""
        return self.nan, self.inf, self.minus_inf

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))

    def scaled(self, factor: float) -> Statistics:
        """The numbers of the weights times ``factor``."""
        low, high = sorted((self.low * factor, self.high * factor))
        size = abs(factor)
        moved = (self.norm * size, self.mean * factor, self.std * size, low, high, self.projection * factor)
        wild = self.wild if factor > 0 else (self.nan, self.minus_inf, self.inf)
        return Statistics(*moved, *wild)


@dataclass(frozen=True, slots=True)
class Line:
    """What is pinned of the filters from ``start`` to before ``stop``, one or a run.

    Attributes:
        start: the first filter.
        stop: the one after the last.
        statistics: over all their weights, drawn or not.
        dead: how many of them are dead: all weights equal, of a single weight, that it is zero.
        digest: the first 12 digits of the sha256 of their exact values, in the dtype that they have.
    """

    start: int
    stop: int
    statistics: Statistics
    dead: int
    digest: str

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        """The numbers of the filters, the last included: ``3`` or ``64..79``."""
        return str(self.start) if len(self) == 1 else f"{self.start}..{self.stop - 1}"


@dataclass(frozen=True, slots=True)
class View:
    """Which weights of a layer are drawn, and how.

    Attributes:
        scale: ``layer``, one for all filters, or ``filter``, each its own.
        channels: ``first``, ``mean``, ``rgb`` or ``all``.
        filters: how many filters are drawn, from the first on.
        shown: how many channels of each, from the first on; all of a mean.
    """

    scale: str
    channels: str
    filters: int
    shown: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution.

    Attributes:
        path: its place in the model, empty for the model itself.
        class_name: of the module.
        dtype: short name of the weight's dtype.
        shape: of the weight as the module has it.
        filters: how many there are.
        kernel: shape of one filter: channels (two for each of a complex weight, the real part first), then the size in
            each dimension.
        whole: the numbers of all its weights; its digest is of them all, ``dead`` counts its filters.
        view: how it is drawn.
        lines: one for each filter; those beyond what a text may hold in runs.
        broken: how many filters have a NaN, and how many an infinite weight.
    """

    path: str
    class_name: str
    dtype: str
    shape: tuple[int, ...]
    filters: int
    kernel: tuple[int, ...]
    whole: Line
    view: View
    lines: tuple[Line, ...]
    broken: tuple[int, int] = (0, 0)

    @property
    def size(self) -> int:
        """Numbers in one filter."""
        return math.prod(self.kernel)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """The filters that each line is about."""
        return tuple((line.start, line.stop) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Bank:
    """The convolutions of a model that are pinned, in its order, and the versions that they were measured with."""

    model: str
    layers: tuple[Layer, ...]
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def filters(self) -> int:
        """How many there are in all."""
        return sum(layer.filters for layer in self.layers)

    @property
    def weights(self) -> int:
        """How many weights there are in all."""
        return sum(math.prod(layer.shape) for layer in self.layers)
