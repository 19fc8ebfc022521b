"""The edits of a drift as rows of words, what matters most first, and the headline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pytest_nnviz.drift.alike import together
from pytest_nnviz.drift.checkpoints import checkpoint
from pytest_nnviz.drift.data import CONSEQUENCES, Change, Drift
from pytest_nnviz.drift.grouping import Group, followers, group
from pytest_nnviz.drift.places import short_places
from pytest_nnviz.gates import Gates
from pytest_nnviz.wording.checkpoints import checkpoint_lines
from pytest_nnviz.wording.facts import Fact, call_at, changes_of, facts_of
from pytest_nnviz.wording.models import Models
from pytest_nnviz.wording.remarks import total_lines, version_lines
from pytest_nnviz.wording.shortening import shorten
from pytest_nnviz.wording.wrapping import wrapping_of

__all__ = ["FACT", "PLACE", "WIDTH", "Row", "Told", "gated_groups", "headline", "row_data", "tell"]

_MARKERS = {"added": "+", "removed": "-", "renamed": ">", "moved": ">"}
WIDTH, PLACE, FACT = 110, 44, 40  # characters: of a line, of a place in it, of facts at least
_HEADLINE, _RIPPLES = 100, 1000
_HOOK = "keys changed, load hook present, not verified"


def headline(drift: Drift, name: str, *, gate: Gates | frozenset[str] | None = None) -> str:
    """The most important change, how many more there are, and ``name``, in which they are.

    With ``gate`` the changes of other gates are passed over, unless there are no others.
    """
    gates = Gates() if gate is None else Gates.of(gate)
    changes = list(filter(gates.held_in(drift), drift.changes)) or list(drift.changes)
    groups = _sorted(group(together(drift, changes)) or group(_promoted(changes)))
    if not groups:
        return f"no change in {name}"
    first = _seen(groups)
    place = _place(first)
    text = f"{place} {facts_of(drift, first, max(FACT, _HEADLINE - len(place) - 1))}".strip()
    more = f" (+{len(groups) - 1} more)" if len(groups) > 1 else ""
    return f"{_consequence(Models(drift), first)}: {shorten(text, _HEADLINE)}{more} in {name}"


def _seen(groups: Sequence[Group]) -> Group:
    """The first, or the call in its place by which the graph shows what another constructor argument does."""
    first = groups[0]
    fact = first.facts[0]
    if (fact.gate, fact.kind) != ("structure", "changed") or not fact.what:
        return first
    graver = (found for found in groups if found.consequence == first.consequence and found.places == first.places)
    return next((found for found in graver if found.facts[0].gate == "topology"), first)


@dataclass(frozen=True, slots=True)
class Row:
    """One edit in words: what kind it is of (``~``, ``+``, ``-``, ``>``) and where, what changed, how often and by how
    many parameters, and what that means.

    ``cause`` says the same of any model that has the part (``Block.conv kernel_size 3 -> 5``), ``source`` which line of
    the author's code makes the call that was added or changed, where that is known. ``changes`` are the facts one by
    one, as far as they are such of which something was before and is now.
    """

    marker: str
    place: str
    facts: str
    extra: str
    consequence: str
    cause: str = ""
    source: str = ""
    changes: tuple[Fact, ...] = ()


def row_data(row: Row, *, gated: bool = True) -> dict[str, Any]:
    """A row as plain values, as pages and bots read it; ``gated`` says whether it fails a test."""
    found = {key: value for key, value in asdict(row).items() if key != "cause"}
    return {**found, "gated": gated}


@dataclass(frozen=True, slots=True)
class Told:
    """A drift in words before they are laid out.

    Attributes:
        main: the edits that are gated, what matters most first.
        more: how many of those were left out.
        notes: the edits that are not gated.
        more_notes: how many of those were left out.
        ripples: what only follows from the edits, where it was asked for.
        more_ripples: how much of that was left out.
        remarks: what is said about the whole: what follows, checkpoints, totals, versions.
    """

    main: tuple[Row, ...] = ()
    more: int = 0
    notes: tuple[Row, ...] = ()
    more_notes: int = 0
    ripples: tuple[Row, ...] = ()
    more_ripples: int = 0
    remarks: tuple[str, ...] = ()


def tell(
    drift: Drift,
    *,
    gate: Gates | frozenset[str] | None = None,
    limit: int = 60,
    width: int = WIDTH,
    ripples: bool = False,
    root: str = "",
    stored: bool = False,
) -> Told:
    """What `words` says, as data."""
    if not drift:
        return Told()
    gates = Gates() if gate is None else Gates.of(gate)
    held = gates.held_in(drift)
    noted = [change for change in drift.changes if not held(change)]
    main = gated_groups(drift, gates)
    notes = _sorted(group(together(drift, noted)))
    room = max(0, limit - len(main))
    following = followers(drift, [*main, *notes])
    told = group(replace(change, ripple=False) for change in following) if ripples else []
    remarks = [*([] if ripples else _downstream(following)), *checkpoint_lines(checkpoint(drift))]
    return Told(
        _rows(drift, main[:limit], width, root),
        len(main[limit:]),
        _rows(drift, notes[:room], width, root),
        len(notes[room:]),
        _rows(drift, told[:_RIPPLES], width, root),
        len(told[_RIPPLES:]),
        (*remarks, *total_lines(drift), *version_lines(drift, stored=stored)),
    )


def gated_groups(drift: Drift, gates: Gates) -> list[Group]:
    """The edits that are gated, what matters most first."""
    gated = list(filter(gates.held_in(drift), drift.changes))
    return _sorted(group(together(drift, _raised(gated, gates))))


def _raised(gated: Sequence[Change], gates: Gates) -> list[Change]:
    """The changes with those ripples told for themselves whose cause, in the same place, is not gated."""
    raised = [replace(c, ripple=False) if _left_alone(c, gates) else c for c in gated]
    return raised if any(not change.ripple for change in raised) else _promoted(raised)


def _left_alone(change: Change, gates: Gates) -> bool:
    follows = change.gate == "parameters" and change.kind != "reordered"
    return change.ripple and follows and "structure" not in gates.at(change.place)


def _promoted(changes: Sequence[Change]) -> list[Change]:
    """The changes with the first one told even if it is a ripple."""
    return [replace(change, ripple=index > 0) for index, change in enumerate(changes)]


def _sorted(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda found: CONSEQUENCES.index(found.consequence))


def _consequence(models: Models, found: Group) -> str:
    broken = found.consequence == CONSEQUENCES[0]
    return _HOOK if broken and models.hooked(found.facts[0].place) else found.consequence


def _rows(drift: Drift, groups: Sequence[Group], width: int, root: str) -> tuple[Row, ...]:
    """The facts are cut to the room that the other columns leave, or the place alone where that is too little."""
    models = Models(drift)
    places = [_place(found, min(PLACE, 2 * width // 5)) or "(model)" for found in groups]
    extras = [_extra(found, models.growth(found)) for found in groups]
    consequences = [_consequence(models, found) for found in groups]
    head, *ends = (max(map(len, column), default=0) for column in (places, extras, consequences))
    room = width - 8 - head - sum(ends)
    room = room if room >= FACT else max(FACT, width - 4 - head)
    facts = [facts_of(drift, found, room) for found in groups]
    causes = [_cause(drift, models, found, facts_of(drift, found, WIDTH)) for found in groups]
    markers = map(_marker, groups)
    sources = [_source(drift, found, root) for found in groups]
    changes = [changes_of(drift, found, width) for found in groups]
    return tuple(map(Row, markers, places, facts, extras, consequences, causes, sources, changes))


def _source(drift: Drift, found: Group, root: str) -> str:
    """Where the call stands that was added or changed: below ``root`` by the way from there."""
    ways = [change.new_call for change in found.facts if change.new_call is not None]
    source = call_at(drift.new.forward, ways[0]).source if ways else None
    if source is None:
        return ""
    path = source.replace(os.sep, "/").removeprefix(root.replace(os.sep, "/").rstrip("/") + "/" if root else "")
    return path.rpartition("site-packages/")[2]


def _cause(drift: Drift, models: Models, found: Group, facts: str) -> str:
    first = found.facts[0]
    if wrapping_of(drift, first):
        facts = wrapping_of(drift, first)
    elif first.kind in ("renamed", "moved") and not first.what:
        facts = f"{first.kind} to {str(first.new).rpartition('.')[2]}"
    return f"{models.owner(first)} {facts}, {found.consequence}"


def _place(found: Group, width: int = PLACE) -> str:
    return shorten(short_places(found.places, width), width + 20)


def _marker(found: Group) -> str:
    """For what came, went or moved as a whole; everything else has changed."""
    kinds = {change.kind for change in found.facts}
    mark = found.facts[0].gate == "structure" and found.facts[0].what
    return "~" if len(kinds) > 1 or mark else _MARKERS.get(kinds.pop(), "~")


def _extra(found: Group, growth: int) -> str:
    often = f"x{len(found.changes)}" if len(found.changes) > 1 else ""
    return ", ".join(filter(None, [often, f"parameters {growth:+,}" if growth else ""]))


def _downstream(ripples: Sequence[Change]) -> list[str]:
    """How many modules got other numbers, and how many calls and shapes changed, only because of what is told."""
    modules = sum((change.gate, change.kind) == ("structure", "renamed") for change in ripples)
    calls = sum(change.gate == "topology" and change.kind == "changed" for change in ripples)
    shapes = sum(change.gate == "shapes" for change in ripples)
    found = ((modules, "renamed modules"), (calls, "calls"), (shapes, "shapes"))
    counts = [f"{n:,} {noun if n > 1 else noun[:-1]}" for n, noun in found if n]
    return [f"and {', '.join(counts)} downstream"] if counts else []
