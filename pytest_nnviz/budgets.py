"""Budgets: how many parameters a model may have, and by how many it may grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nnviz.errors import OptionError

if TYPE_CHECKING:
    from fractions import Fraction

    from pytest_nnviz.architecture import Architecture

__all__ = ["Budget", "Excess"]


@dataclass(frozen=True, slots=True)
class Excess:
    """A budget that does not hold: the option, its limit as it was given, what it is held against, and the value."""

    option: str
    limit: str
    old: int | None
    new: int

    @property
    def text(self) -> str:
        """What is over which budget: ``parameters 5,242,880, max_parameters=5,000,000``."""
        if self.old is None:
            return f"parameters {self.new:,}, {self.option}={self.limit}"
        grown = f"+{100 * (self.new - self.old) / self.old:.2f} %" if self.old else f"+{self.new:,}"
        return f'parameters {self.old:,} -> {self.new:,} ({grown}), {self.option}="{self.limit}"'


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a model.

    Attributes:
        parameters: how many parameters it may have, tied ones counted once; None for any number.
        growth: by how much that may be more than in the snapshot, as a percentage (``1%``); None for any.

    Raises:
        OptionError: a limit is not such a number.
    """

    parameters: int | None = None
    growth: str | None = None

    def __post_init__(self) -> None:
        if self.parameters is not None and (type(self.parameters) is not int or self.parameters < 0):
            raise OptionError(f"max_parameters={self.parameters!r}: give a number from 0, or None for any")
        if self.growth is not None:
            _share(self.growth)

    def exceeded(self, old: Architecture | None, new: Architecture) -> Iterator[Excess]:
        """The limits that ``new`` is over; there is no growth without an ``old`` one."""
        if self.parameters is not None and new.total_parameters > self.parameters:
            yield Excess("max_parameters", f"{self.parameters:,}", None, new.total_parameters)
        if self.growth is not None and old is not None:
            before, now = old.total_parameters, new.total_parameters
            if now - before > _share(self.growth) * before:
                yield Excess("max_parameter_growth", self.growth, before, now)


def _share(growth: object) -> Fraction:
    from fractions import Fraction

    number, percent, rest = str(growth).partition("%")
    try:
        share = Fraction(number.strip()) / 100
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not isinstance(growth, str) or not percent or rest.strip() or share < 0:
        raise OptionError(f'max_parameter_growth={growth!r}: give a percentage such as "1%", or None for any')
    return share
