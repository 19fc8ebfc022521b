"""The lines of a drift: facts of one place belong together, and the same edit in many places is one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_nnviz.drift.consequence import worst
from pytest_nnviz.drift.data import Change, Drift

__all__ = ["Group", "coarse", "edit", "followers", "group", "literal_edit"]

_SPEC = re.compile(r"(\w+)(\[[^]]*\].*)")

_NUMBER = re.compile(r"-?\d[\d.e+-]*")


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that are one edit.

    Attributes:
        facts: the changes at the first place, without ripples.
        changes: the same for each place.
        ripples: changes of parameters that follow from the facts, of all places.
        consequence: the worst of all.
    """

    facts: tuple[Change, ...]
    changes: tuple[tuple[Change, ...], ...]
    ripples: tuple[Change, ...]
    consequence: str

    @property
    def places(self) -> tuple[str, ...]:
        """Where the edit was made; old paths for what went elsewhere."""
        return tuple(str(facts[0].old) if _went(facts[0]) else facts[0].place for facts in self.changes)


def group(changes: Iterable[Change]) -> list[Group]:
    """Group changes, in the order of their first facts; ripples that belong to no place with a fact are left out."""
    facts: dict[Hashable, list[Change]] = {}
    ripples: dict[Hashable, list[Change]] = {}
    for change in changes:
        kept = ripples if change.ripple else facts
        kept.setdefault(_subject(change), []).append(change)
    edits: dict[Hashable, list[Hashable]] = {}
    for subject, found in facts.items():
        edits.setdefault(edit(found), []).append(subject)
    return [_group([facts[s] for s in subjects], [ripples.get(s, []) for s in subjects]) for subjects in edits.values()]


def followers(drift: Drift, groups: Iterable[Group]) -> list[Change]:
    """The changes that are not told with these groups, as they only follow from them."""
    told = {replace(change, ripple=True) for found in groups for facts in found.changes for change in facts}
    return [change for change in drift.changes if change.ripple and change not in told]


def _group(facts: Sequence[Sequence[Change]], ripples: Sequence[Sequence[Change]]) -> Group:
    followers = tuple(change for found in ripples for change in found)
    everything = [change.consequence for found in (*facts, followers) for change in found]
    return Group(tuple(facts[0]), tuple(map(tuple, facts)), followers, worst(everything))


def _subject(change: Change) -> Hashable:
    """What shares a line: the facts about a module, the facts about a call."""
    literal = literal_edit(change)
    if literal is not None:
        return (change.gate, change.place, literal)
    if change.old_call is not None or change.new_call is not None:
        return (change.gate, change.kind in ("added", "removed"), change.old_call, change.new_call)
    if change.gate in ("shapes", "topology", "cost"):
        return (change.gate, change.kind, change.place, change.what)
    whole = change.kind in ("added", "removed", "renamed", "moved") and change.what in ("", "parameters")
    return (change.place, change.kind if whole else "changed")


def literal_edit(change: Change) -> tuple[str, str] | None:
    """The number before and after, where it is all that changed in a call; None for any other change."""
    if (change.gate, change.kind) != ("topology", "changed") or change.old_call is None:
        return None
    old, new = (str(text).rstrip(")").split(", ") for text in (change.old, change.new))
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if a != b]
    if len(old) != len(new) or len(pairs) != 1 or not all(map(_NUMBER.fullmatch, pairs[0])):
        return None
    return pairs[0]


def _went(change: Change) -> bool:
    return change.kind in ("renamed", "moved") and not change.what


def edit(facts: Sequence[Change]) -> Hashable:
    """What the same edit in another place has in common with this one."""
    if _went(facts[0]):
        return _way_taken(facts[0])
    return tuple((c.gate, c.kind, c.what, *coarse(c), c.consequence) for c in facts)


def coarse(change: Change) -> tuple[str | None, str | None]:
    """Old and new without what tells one place of an edit from another: dtypes alone where shapes stayed, classes alone
    where the class changed.
    """
    old, new = change.old or "", change.new or ""
    if change.gate == "structure" and change.kind == "changed" and not change.what:
        return old.partition("(")[0], new.partition("(")[0]
    specs = _SPEC.fullmatch(old), _SPEC.fullmatch(new)
    if specs[0] and specs[1] and specs[0][2] == specs[1][2]:
        return specs[0][1], specs[1][1]
    return change.old, change.new


def _way_taken(change: Change) -> Hashable:
    outer, inner = sorted((str(change.old), str(change.new)), key=len)
    below = _below(outer, inner) if change.kind == "moved" else ""
    if below:
        return (change.kind, inner == change.new, below, bool(outer))
    (old_parent, _, old), (new_parent, _, new) = (str(path).rpartition(".") for path in (change.old, change.new))
    if old.isdecimal() and new.isdecimal():
        return (change.kind, old_parent, new_parent, int(new) - int(old))
    return (change.kind, old, new) if change.kind == "renamed" else (change.kind, old_parent, new_parent)


def _below(place: str, other: str) -> str:
    """How the other path goes on below the name of a place: ``base`` for ``fc`` and ``model.fc.base``."""
    name = place.rpartition(".")[2]
    if not name:
        return other
    return f".{other}".rpartition(f".{name}.")[2] if f".{name}." in f".{other}" else ""
