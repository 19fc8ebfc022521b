"""A difference of two tables in words: what it was drawn with, rows that changed, totals."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.drift.places import short_places
from pytest_nnviz.summaries.drift import Change, Difference, Edit
from pytest_nnviz.summaries.meaning import consequence
from pytest_nnviz.summaries.table import TITLES, Row, widths_of
from pytest_nnviz.wording import Fact, layout
from pytest_nnviz.wording.shortening import shorten
from pytest_nnviz.wording.telling import PLACE
from pytest_nnviz.wording.telling import Row as Line

__all__ = ["cause_keys", "causes", "headline", "remarks", "rows", "words"]

_HEADLINE = 100
_FOLLOW = frozenset({TITLES["input_size"], TITLES["output_size"], TITLES["mult_adds"]})
_PLACES = frozenset({"number", TITLES["params_percent"]})  # depend on all of the model
_SAID_ALONE = frozenset({"tied weights", "remark"})  # follow from no row
_NUMBERS = {"name": "numbers", "number": "numbers"}
_MARKERS = {"added": "+", "removed": "-", "moved": ">"}


def headline(difference: Difference, name: str) -> str:
    """The first row that changed, how many more there are, and ``name``, in which they are."""
    groups = _groups(_told(difference))
    if groups:
        place = _line(groups[0], PLACE).place
        what = f"{place} {_short_facts(groups[0][0], _HEADLINE - len(place) - 1)}"
    else:
        what = next(iter([*_options(difference), *_totals(difference)]), "nothing").partition(": rows are")[0]
    more = f" (+{len(groups) - 1} more)" if len(groups) > 1 else ""
    return f"summary drifted: {shorten(what, _HEADLINE)}{more} in {name}"


def causes(difference: Difference) -> list[str]:
    """The edits in words that are the same for each model that has the layer."""
    return [f"{_row(group[0]).class_name} {_facts(group[0])}" for group in _groups(_told(difference))]


def cause_keys(difference: Difference) -> list[str]:
    """What tells each of the causes from all others: the rows with all that is in them, and what else is different."""
    beside = [*difference.options, *(change for change in difference.totals if change.what in _SAID_ALONE)]
    return [
        repr((cause, sorted({repr(_exact(edit)) for edit in group}), beside))
        for cause, group in zip(causes(difference), _groups(_told(difference)), strict=True)
    ]


def _exact(edit: Edit) -> list[object]:
    """What an edit changes, but for its place: the values, of rows that came or went they and all below them."""
    if edit.kind not in ("added", "removed"):
        return [change for change in edit.changes if change.what not in _PLACES]
    first = _row(edit)
    return [(row.depth - first.depth, row.class_name, row.name, row.cells) for row in (first, *edit.below)]


def rows(difference: Difference) -> list[Line]:
    """The edits that follow from no others as rows, the gravest first."""
    found = [
        replace(_line(group, PLACE), consequence=consequence(group, difference)) for group in _groups(_told(difference))
    ]
    return sorted(found, key=lambda row: CONSEQUENCES.index(row.consequence))


def remarks(difference: Difference) -> Iterator[str]:
    """What is said about the whole: options, how much only follows, totals."""
    told = _told(difference)
    yield from _options(difference)
    yield from _downstream([edit for edit in difference.edits if edit not in told])
    yield from _widths(difference)
    yield from _totals(difference)


def words(difference: Difference, *, width: int = 110, lines: int | None = None, ripples: bool = False) -> list[str]:
    """What changed, line by line; nothing about tables that are equal.

    Args:
        difference: what to word.
        width: how many characters a line should have at most; what cannot be cut shorter is longer.
        lines: how many lines there may be in all, None for any number; the first edit is always told.
        ripples: tell the rows that only follow from others too, instead of counting them.
    """
    told = _told(difference)
    left = [edit for edit in difference.edits if edit not in told]
    before = [line for text in _options(difference) for line in layout.wrapped(text, width)]
    after = [line for text in [*_widths(difference), *_totals(difference)] for line in layout.wrapped(text, width)]
    room = sys.maxsize if lines is None else lines - len(before) - len(after) - bool(left)
    main = layout.section("", layout.columns(_lines(told, width), width), 0, room)
    if not ripples:
        return [*before, *main, *_downstream(left), *after]
    more = layout.section("downstream:", layout.columns(_lines(left, width), width), 0, room + 1 - len(main))
    return [*before, *main, *more, *after]


def _told(difference: Difference) -> list[Edit]:
    """The edits that follow from no others; all of them where each does."""
    return [edit for edit in difference.edits if not edit.ripple] or list(difference.edits)


def _groups(edits: Iterable[Edit]) -> list[list[Edit]]:
    """Equal edits in many places are one."""
    found: dict[Hashable, list[Edit]] = {}
    for edit in edits:
        found.setdefault((edit.kind, edit.nth, edit.inside, _facts(edit)), []).append(edit)
    return list(found.values())


def _lines(edits: Iterable[Edit], width: int) -> list[Line]:
    place = min(PLACE, 2 * width // 5)
    return [_line(group, place) for group in _groups(edits)]


def _line(group: Sequence[Edit], width: int) -> Line:
    first = group[0]
    places = (edit.place for edit in group)
    where = shorten(short_places(places, width), width + 20) or "(model)"
    often = f"x{len(group)}" if len(group) > 1 else ""
    named = first.kind == "changed" and {change.what for change in first.changes} == {"name"}
    marker = ">" if named else _MARKERS.get(first.kind, "~")
    return Line(marker, where, _facts(first), often, "", changes=tuple(_changes(first)))


def _changes(edit: Edit) -> Iterator[Fact]:
    """What happened to a row, one by one: no gate counts it."""
    if edit.kind in ("added", "removed"):
        sides = ("", _facts(edit)) if edit.kind == "added" else (_facts(edit), "")
        yield Fact("", "", *sides)
    else:
        yield from (Fact("", change.what, str(change.old), str(change.new)) for change in _seen(edit))


def _seen(edit: Edit) -> Sequence[Change]:
    """What is different, but for the share of all parameters, which other rows decide too."""
    return [change for change in edit.changes if change.what != TITLES["params_percent"]] or edit.changes


def _row(edit: Edit) -> Row:
    row = edit.new or edit.old
    assert row is not None
    return row


def _facts(edit: Edit) -> str:
    """What happened to a row: its values where it came or went, else what is different."""
    again = f"call {edit.nth}: " if edit.nth > 1 and _row(edit).name else ""
    if edit.kind in ("added", "removed"):
        inside = f" with {edit.inside:,} {'rows' if edit.inside > 1 else 'row'} in it" if edit.inside else ""
        return f"{again}{_row(edit).class_name}{inside}"
    return again + ", ".join(map(_fact, _seen(edit)))


def _short_facts(edit: Edit, width: int) -> str:
    """As many facts as there is room for, what the layer itself decides first."""
    own = [change for change in edit.changes if change.what not in _FOLLOW]
    shown = replace(edit, changes=(*own, *(change for change in edit.changes if change not in own)))
    while len(shown.changes) > 1 and len(_facts(shown)) > width:
        shown = replace(shown, changes=shown.changes[:-1])
    return _facts(shown)


def _fact(change: Change) -> str:
    if change.what == "name":
        return f"was {change.old}"
    what = "" if change.what == "Layer" else f"{change.what} "
    return f"{what}{change.old} -> {change.new}"


def _downstream(left: Sequence[Edit]) -> Iterator[str]:
    if left:
        titles = list(dict.fromkeys(_NUMBERS.get(c.what, c.what) for edit in left for c in edit.changes))
        yield f"and {len(left):,} {'rows' if len(left) > 1 else 'row'} downstream ({', '.join(titles)})"


def _options(difference: Difference) -> Iterator[str]:
    if difference.options:
        old, new = (
            ", ".join(f"{change.what}={value}" for change, value in pairs)
            for pairs in (
                [(change, change.old) for change in difference.options],
                [(change, change.new) for change in difference.options],
            )
        )
        yield f"recorded with {old}, now {new}" + ("" if difference.compared else ": rows are not compared")


def _totals(difference: Difference) -> Iterator[str]:
    for change in difference.totals:
        yield _fact(change)


def _widths(difference: Difference) -> Iterator[str]:
    """Why lines of the text differ that say the same."""
    old, new = widths_of(difference.old.rows), widths_of(difference.new.rows)
    if old != new and difference.compared:
        yield f"columns {old[0]} and {old[1]} -> {new[0]} and {new[1]} characters wide: all lines of the text differ"
