"""What the one change about an edit has to be: of which gate, where, from which value to which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_nnviz.drift import Change, Drift, Group, group

__all__ = ["Expected", "missed", "told_apart"]


@dataclass(frozen=True)
class Expected:
    """A change of ``gate`` at ``place`` (where None: at the place of the edit).

    ``old`` and ``new`` are in its texts; None stands for no text at all, ``""`` for any. ``either`` is in one of both;
    ``permuted`` if the arguments are the same in another order.
    """

    gate: str = "topology"
    old: str | None = ""
    new: str | None = ""
    place: str | None = None
    either: str = ""
    permuted: bool = False

    def at(self, place: str) -> Expected:
        """The same at the place of an edit, unless it names another."""
        return replace(self, place=place) if self.place is None else self

    def is_told_by(self, found: Group) -> bool:
        """Whether a group of changes is the expected one."""
        return any(
            self.place in (change.place, change.old if change.kind in ("renamed", "moved") else None)
            and self.fits(change)
            for facts in found.changes
            for change in facts
        )

    def fits(self, change: Change) -> bool:
        """Whether gate and values are those of a change."""
        texts = f"{change.old} {change.new}"
        return (
            change.gate == self.gate
            and _fits(self.old, change.old)
            and _fits(self.new, change.new)
            and self.either in texts
            and (not self.permuted or _words(change.old) == _words(change.new))
        )


def _fits(expected: str | None, text: str | None) -> bool:
    return text is None if expected is None else not expected or (text is not None and expected in text)


def _words(text: str | None) -> list[str]:
    return sorted(re.split(r"[][(), ]+", str(text)))


def missed(drift: Drift, expected: Expected) -> str:
    """Why a drift does not tell one edit as one change, empty if it does."""
    found = group(drift.changes)
    if len(found) != 1:
        return f"{len(found)} changes"
    if expected.is_told_by(found[0]):
        return ""
    fact = found[0].facts[0]
    return f"{expected} told as {fact.gate} {fact.kind} {fact.place}: {fact.old} -> {fact.new}"


def told_apart(drift: Drift, expected: Sequence[Expected]) -> bool:
    """Whether a drift tells several edits as that many changes; equal ones in several places may be one."""
    found = group(drift.changes)
    tells = [[at for at, edit in enumerate(expected) if edit.is_told_by(one)] for one in found]
    return (
        all(tells) and {at for one in tells for at in one} == set(range(len(expected))) and len(found) <= len(expected)
    )
