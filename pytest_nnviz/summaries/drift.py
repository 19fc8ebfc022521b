"""What changed from one table to another: rows, totals, and the options that it was drawn with."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_nnviz.summaries.matching import Match, Node, grow, pair_up
from pytest_nnviz.summaries.table import NOTHING, TITLES, Row, Summary, listed

__all__ = ["Change", "Difference", "Edit", "diff"]

_HANDED = ("input_size", "output_size", "mult_adds", "params_percent")
_FOLLOWS_INSIDE = frozenset({*(TITLES[name] for name in _HANDED), TITLES["trainable"]})
_FOLLOWS = frozenset(TITLES[name] for name in _HANDED)
_INPUT = TITLES["input_size"]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is another: what it says, before and after."""

    what: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What happened to one row.

    Attributes:
        kind: ``added``, ``removed``, ``moved`` (past its siblings) or ``changed``.
        old: the row before, None for what was added.
        new: the row now, None for what was removed.
        changes: what is different: columns by their titles, ``Layer`` (the class), ``name``, ``number``, ``order``.
        place: path of the row now, before for what was removed; classes where names are not shown.
        nth: which row of that name or class it is among its siblings, from 1.
        below: the rows below it that came or went along.
        holds: of one that came, went or has another name: whether it, or one below it, may have parameters.
        ripple: whether it only follows from other edits.
    """

    kind: str
    old: Row | None
    new: Row | None
    changes: tuple[Change, ...]
    place: str
    nth: int = 1
    below: tuple[Row, ...] = ()
    holds: bool = False
    ripple: bool = False

    @property
    def inside(self) -> int:
        """How many rows came or went along."""
        return len(self.below)


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """All that changed from one table to another; falsy when nothing did.

    Attributes:
        old: the table before.
        new: the table now.
        options: what it was drawn with, where that changed.
        compared: whether rows were compared: they are not where an option changed what a row counts.
        edits: the rows that changed, in the order of the table.
        totals: what stands below the table differently.
    """

    old: Summary
    new: Summary
    options: tuple[Change, ...]
    compared: bool
    edits: tuple[Edit, ...]
    totals: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.options or self.edits or self.totals)

    def __repr__(self) -> str:
        return f"<Difference of {self.old!r} and {self.new!r}: {len(self.edits)} rows>"


def diff(old: Summary, new: Summary) -> Difference:
    """What changed from ``old`` to ``new``; nothing where they are equal."""
    options = tuple(_options(old, new))
    compared = not any(option.what in ("depth", "forward") for option in options) and _hides(old) is _hides(new)
    edits = tuple(_edits(old, new)) if compared else ()
    return Difference(old, new, options, compared, edits, tuple(_totals(old, new)))


def _hides(summary: Summary) -> bool:
    return "hide_recursive_layers" in summary.row_settings


def _options(old: Summary, new: Summary) -> Iterator[Change]:
    pairs = (
        ("mode", old.mode, new.mode),
        ("depth", str(old.depth), str(new.depth)),
        ("col_names", listed(old.col_names), listed(new.col_names)),
        ("row_settings", listed(old.row_settings), listed(new.row_settings)),
        ("forward", str(old.total_mult_adds is not None), str(new.total_mult_adds is not None)),
    )
    yield from (Change(what, a, b) for what, a, b in pairs if a != b)


def _totals(old: Summary, new: Summary) -> Iterator[Change]:
    before, now = _reason(old.remark), _reason(new.remark)
    alike = (old.total_mult_adds is None) is (new.total_mult_adds is None)  # what was not called counts otherwise
    if alike and before != now:
        yield Change("tied weights", before or "none", now or "none")
    elif alike and old.remark != new.remark and old.total_params == new.total_params:
        yield Change("remark", old.remark, new.remark)
    yield from _total("Total params", old.total_params, new.total_params)
    if new.trainable_params - old.trainable_params != new.total_params - old.total_params:
        yield from _total("Trainable params", old.trainable_params, new.trainable_params)
    if old.total_mult_adds is not None and new.total_mult_adds is not None:
        yield from _total("Total mult-adds", old.total_mult_adds, new.total_mult_adds)


def _reason(remark: str) -> str:
    """Why torchinfo counts other parameters, without how many: that follows from the totals."""
    return remark.partition(": ")[2].removesuffix(", counted once here") or remark


def _total(what: str, old: int, new: int) -> Iterator[Change]:
    if old != new:
        yield Change(what, f"{old:,}", f"{new:,}")


def _edits(old: Summary, new: Summary) -> Iterator[Edit]:
    """The edits of rows, those that only follow from others marked."""
    columns = [name for name in TITLES if name in old.col_names and name in new.col_names]
    both = set(old.row_settings) & set(new.row_settings)
    named, numbered = "var_names" in both, "depth" in both
    before, after = (_comparable(side, columns, named=named, numbered=numbered) for side in (old, new))
    if before == after:
        return
    own = [at for at, name in enumerate(columns) if name not in _HANDED]
    numbers: dict[Hashable, int] = {}
    forwards = _order(before) <= _order(after)
    matches = pair_up(
        grow(before, own, numbers), grow(after, own, numbers), named=named, numbered=numbered, forwards=forwards
    )
    found = [each for each in _found(matches, columns) if each.edit is not None]
    follows = _FOLLOWS_INSIDE | ({TITLES["num_params"]} if old.total_params == new.total_params else set())
    yield from _marked(found, columns, follows)


def _comparable(summary: Summary, columns: Sequence[str], *, named: bool, numbered: bool) -> list[Row]:
    """The rows with what both tables show."""
    cells = [summary.col_names.index(name) for name in columns]
    return [
        replace(
            row,
            path=row.path if named else "",
            name=row.name if named else "",
            number=row.number if numbered else None,
            cells=tuple(row.cells[at] for at in cells),
        )
        for row in summary.rows
    ]


def _order(rows: Sequence[Row]) -> list[tuple[int, str, str, tuple[str, ...]]]:
    return [(row.depth, row.class_name, row.name, row.cells) for row in rows]


@dataclass(slots=True)
class _Found:
    """What became of a row: an edit or none, whether one came before that is not above it, whether one is inside."""

    edit: Edit | None
    before: bool
    inside: bool = False


def _found(matches: Iterable[Match], columns: Sequence[str]) -> Iterator[_Found]:
    way: list[_Found] = []
    seen = 0
    for match in matches:
        row = _row(match)
        del way[row.depth :]
        edit = _edit(match, columns)
        found = _Found(edit, seen > sum(above.edit is not None for above in way))
        if edit is not None:
            seen += 1
            for above in way:
                above.inside = True
        way.append(found)
        yield found


def _row(match: Match) -> Row:
    node = match.new or match.old
    assert node is not None
    return node.row


def _edit(match: Match, columns: Sequence[str]) -> Edit | None:
    """What happened to a row, None where nothing did."""
    old, new = match.old, match.new
    node = new or old
    assert node is not None
    if old is None:
        return Edit("added", None, node.row, (), node.place, node.nth, _below(node), _holds(columns, node))
    if new is None:
        return Edit("removed", node.row, None, (), node.place, node.nth, _below(node), _holds(columns, node))
    changes = tuple(_changes(old.row, new.row, columns))
    holds = any(change.what == "name" for change in changes) and _holds(columns, old, new)
    if match.moved:
        places = Change("order", *(str(at + 1) for at in match.places))
        return Edit("moved", old.row, new.row, (places, *changes), node.place, node.nth, holds=holds)
    return Edit("changed", old.row, new.row, changes, node.place, node.nth, holds=holds) if changes else None


def _below(node: Node) -> tuple[Row, ...]:
    return tuple(node.rows())[1:]


def _holds(columns: Sequence[str], *nodes: Node) -> bool:
    """Whether rows may have parameters; where tables do not show any, they may."""
    if "num_params" not in columns:
        return True
    at = columns.index("num_params")
    return any(row.cells[at] != NOTHING for node in nodes for row in node.rows())


def _changes(old: Row, new: Row, columns: Sequence[str]) -> Iterator[Change]:
    if old.class_name != new.class_name:
        yield Change("Layer", old.class_name, new.class_name)
    if old.name != new.name and new.depth:
        yield Change("name", old.name, new.name)
    for name, a, b in zip(columns, old.cells, new.cells, strict=True):
        if a != b:
            yield Change(TITLES[name], a, b)
    if old.number != new.number:
        yield Change("number", f"{old.depth}-{old.number}", f"{new.depth}-{new.number}")


def _marked(found: Sequence[_Found], columns: Sequence[str], follows_inside: frozenset[str]) -> Iterator[Edit]:
    """The edits, with those marked that follow from others; ``follows_inside`` are columns of a row around some."""
    edits = [each.edit for each in found if each.edit is not None]
    shifted = {_parent(edit) for edit in edits if edit.kind != "changed"}
    handed = any(not edit.place and _INPUT in {change.what for change in edit.changes} for edit in edits)
    for each, edit in zip(found, edits, strict=True):
        left = {change.what for change in edit.changes} - {"number", TITLES["params_percent"]}
        if _parent(edit) in shifted and str(edit.new and edit.new.name).isdecimal():
            left.discard("name")  # a number is a place, and places have shifted
        is_cause = handed and not edit.place  # the model, which was handed something else
        inside = each.inside and left <= follows_inside
        behind = (each.before or handed) and left <= _FOLLOWS and not _by_itself(left, columns)
        follows = not left or (not is_cause and (inside or behind))
        yield replace(edit, ripple=True) if edit.kind == "changed" and follows else edit


def _by_itself(changed: set[str], columns: Sequence[str]) -> bool:
    """Whether a row returns another shape for the same that it is handed."""
    return "input_size" in columns and _INPUT not in changed and TITLES["output_size"] in changed


def _parent(edit: Edit) -> str:
    return edit.place.rpartition(".")[0]
