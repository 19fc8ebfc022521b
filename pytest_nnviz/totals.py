"""Totals of a model part by part: where its parameters are, and where they went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pytest_nnviz.architecture import Architecture, Totals, walk_modules
from pytest_nnviz.drift import Drift
from pytest_nnviz.drift.places import short_places

__all__ = ["Moved", "lines_of", "moved", "parts_of", "where_parameters_are"]

_SHOWN = 5
_OWN = "(model)"


@dataclass(frozen=True, slots=True)
class Moved:
    """A total of one top-level module, before and after; what was renamed or moved counts where it is now."""

    part: str
    old: int
    new: int


def moved(drift: Drift, total: str) -> list[Moved]:
    """The top-level modules in which a field of `Totals` is another number now, the largest difference first.

    Empty where one module makes up the whole model.
    """
    old, new = parts_of(drift.old, drift.new_path), parts_of(drift.new)
    names = list(dict.fromkeys([*new, *old]))
    pairs = [(getattr(old.get(name, Totals()), total), getattr(new.get(name, Totals()), total)) for name in names]
    found = [Moved(name, a, b) for name, (a, b) in zip(names, pairs, strict=True) if a != b]
    return sorted(found, key=lambda each: -abs(each.new - each.old)) if len(names) > 1 else []


def where_parameters_are(model: Architecture) -> str:
    """The top-level modules with the most parameters: ``layer4 8,393,728, fc 513,000, +2 more``."""
    parts = sorted(parts_of(model).items(), key=lambda part: -part[1].parameters)
    shown = [f"{name} {totals.parameters:,}" for name, totals in parts[:_SHOWN]]
    return ", ".join([*shown, *([f"+{len(parts) - _SHOWN} more"] if len(parts) > _SHOWN else [])])


def lines_of(found: list[Moved]) -> Iterator[str]:
    """A line for each part, those with equal numbers in one, and how many are left out."""
    equal: dict[tuple[int, int], list[str]] = {}
    for each in found:
        equal.setdefault((each.old, each.new), []).append(each.part)
    for (old, new), names in list(equal.items())[:_SHOWN]:
        yield f"{short_places(names)}  {old:,} -> {new:,}{' each' if len(names) > 1 else ''}"
    left = sum(len(names) for names in list(equal.values())[_SHOWN:])
    if left:
        yield f"and {left:,} more"


def parts_of(model: Architecture, home: Callable[[str], str] = str) -> dict[str, Totals]:
    """Totals by the name of the top-level module; those that hold no tensor are left out."""
    found: dict[str, Totals] = {}
    for path, module in walk_modules(model.root):
        own = Totals.of(module)
        if own != Totals():
            part = home(path).partition(".")[0] or _OWN
            found[part] = found.get(part, Totals()) + own
    return found
