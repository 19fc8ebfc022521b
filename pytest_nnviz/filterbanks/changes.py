"""What became of filters, as data: layers, their filters, and the weights in these that could be located."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_nnviz.filterbanks.data import Bank, Layer

__all__ = ["BankDrift", "FilterChange", "LayerChange", "Moved", "WeightChange"]


@dataclass(frozen=True, slots=True)
class WeightChange:
    """A weight that moved.

    Attributes:
        channel: of the filter; -1 where all channels are drawn as their mean.
        position: in the kernel, from 0: row and column of two dimensions.
        old: what it was, as it was drawn.
        step: how far apart two drawn values are: it was within half of that of ``old``.
        new: what it is.
        alone: whether its kernel has no other weight.
        new_step: as ``step``, of ``new``; 0 where that is exact.
    """

    channel: int
    position: tuple[int, ...]
    old: float
    step: float
    new: float
    alone: bool = False
    new_step: float = 0.0

    @property
    def by(self) -> float:
        """How far it moved, to within half a step of each; of what is not finite, infinite."""
        distance = abs(self.new - self.old)
        return distance if distance == distance else float("inf")


@dataclass(frozen=True, slots=True)
class Moved:
    """The weights of a filter that are not as they were drawn: how many, those that moved furthest, and by how much."""

    count: int
    largest: tuple[WeightChange, ...]
    by: float


@dataclass(frozen=True, slots=True)
class FilterChange:
    """What became of a filter, or of a run of them.

    Attributes:
        kind: ``changed``, ``scaled``, ``added`` or ``removed``.
        name: which filter it is, ``3``, or which run, ``64..79``: of the new side, of a removed one of the old.
        by: how far a weight moved, at least.
        moved: the weights that are located; None where the sheet does not show them.
        numbers: of one that is not located, names and values of what moved most, before and now.
        factor: of one that is scaled.
        became: ``dead``, ``nan x3``, ``-inf x1``, ``no longer dead``.
    """

    kind: str
    name: str
    by: float = 0.0
    moved: Moved | None = None
    numbers: tuple[tuple[str, float, float], ...] = ()
    factor: float = 1.0
    became: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerChange:
    """What became of a layer.

    Attributes:
        kind: ``added``, ``removed``, ``renamed`` or ``changed``.
        path: of the new side; of a removed one of the old.
        old: the layer before, None of an added one.
        new: the layer now, None of a removed one.
        facts: name, old and new of what differs as a whole: ``class``, ``dtype``, ``shape``, ``filters``, ``path``,
            ``scaled`` (``""``, factor), ``re-initialised`` (how many filters, of how many), ``rounded``; ``nan``,
            ``infinite``, ``dead`` (how many filters were and are).
        permuted: filters that have other places, old and new, by old.
        filters: what became of filters, the furthest first.
        score: how far a weight moved, at least; infinite for what is there on one side alone.
    """

    kind: str
    path: str
    old: Layer | None
    new: Layer | None
    facts: tuple[tuple[str, str, str], ...] = ()
    permuted: tuple[tuple[int, int], ...] = ()
    filters: tuple[FilterChange, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class BankDrift:
    """What became of the filters of a model, the worst first; false where nothing did."""

    old: Bank
    new: Bank
    layers: tuple[LayerChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.layers)
