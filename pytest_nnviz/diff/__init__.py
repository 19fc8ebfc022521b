"""What changed between two architectures: a Drift, as data."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_nnviz.architecture import Architecture, Body

__all__ = ["Change", "Drift", "align_calls", "diff"]


@dataclass(frozen=True, slots=True)
class Change:
    """One changed fact.

    Attributes:
        gate: ``structure``, ``shapes``, ``parameters`` or ``topology``.
        kind: ``added``, ``removed``, ``changed``, ``renamed``, ``moved`` or ``reordered``.
        place: path of the module where it changed (the old path for what was removed; ``""`` is the model).
        what: the thing at that place: ``""`` for the module itself, else ``kernel_size``, ``weight``, ``add(%bn2, x)``.
        old: canonical text before, None for what was added.
        new: canonical text after, None for what was removed.
        consequence: ``breaks checkpoints``, ``changes the function``, ``training only`` or ``cosmetic``.
        old_call: for calls, the way to it in ``Drift.old.forward``: an index at each level of bodies.
        new_call: the same in ``Drift.new.forward``.
    """

    gate: str
    kind: str
    place: str
    what: str
    old: str | None
    new: str | None
    consequence: str
    old_call: tuple[int, ...] | None = None
    new_call: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """All changes from ``old`` to ``new``; falsy when there are none."""

    old: Architecture
    new: Architecture
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)


def align_calls(old: Body, new: Body) -> list[tuple[int | None, int | None]]:
    """Pair the calls of two bodies: indexes in ``old.calls`` and ``new.calls``, None where there is no partner."""
    raise NotImplementedError


def diff(old: Architecture, new: Architecture) -> Drift:
    """Compare two architectures."""
    raise NotImplementedError
