"""A drift in words: the headline, then one changed fact a line, what matters most first."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_nnviz.architecture import Body, Call, Module, Totals, walk_modules
from pytest_nnviz.checkpoint_words import checkpoint_lines
from pytest_nnviz.drift.checkpoints import checkpoint
from pytest_nnviz.drift.data import CONSEQUENCES, Change, Drift, Way
from pytest_nnviz.drift.grouping import Group, coarse, group
from pytest_nnviz.drift.places import short_places
from pytest_nnviz.gates import Gates
from pytest_nnviz.remarks import total_lines, version_lines
from pytest_nnviz.textformat.write import format_arguments, format_call

__all__ = ["Row", "Told", "headline", "tell", "words"]

_MARKERS = {"added": "+", "removed": "-", "renamed": ">", "moved": ">"}
_WIDTH, _PLACE, _FACT, _HEADLINE = 110, 44, 40, 100
_CONTEXT, _RIPPLES = 10, 1000
_CONTAINERS = ("ModuleList", "ModuleDict", "Sequential")
_HOOK = "keys changed, load hook present, not verified"


def headline(drift: Drift, name: str, *, gate: Gates | frozenset[str] | None = None) -> str:
    """The most important change, how many more there are, and ``name``, in which they are.

    With ``gate`` the changes of other gates are passed over, unless there are no others.
    """
    gates = Gates() if gate is None else Gates.of(gate)
    changes = list(filter(gates.hold, drift.changes)) or list(drift.changes)
    groups = _sorted(group(changes) or group(_promoted(changes)))
    if not groups:
        return f"no change in {name}"
    first = groups[0]
    text = f"{_place(first)} {_facts(drift, first, _HEADLINE - _PLACE)}".strip()
    more = f" (+{len(groups) - 1} more)" if len(groups) > 1 else ""
    return f"{_consequence(_Models(drift), first)}: {_shorten(text, _HEADLINE)}{more} in {name}"


@dataclass(frozen=True, slots=True)
class Row:
    """One edit in words: what kind it is of (``~``, ``+``, ``-``, ``>``) and where, what changed, how often and by how
    many parameters, and what that means.

    ``cause`` says the same of any model that has the part (``Block.conv kernel_size 3 -> 5``), ``source`` which line of
    the author's code makes the call that was added or changed, where that is known.
    """

    marker: str
    place: str
    facts: str
    extra: str
    consequence: str
    cause: str = ""
    source: str = ""


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


def words(
    drift: Drift,
    *,
    gate: Gates | frozenset[str] | None = None,
    limit: int = 60,
    lines: int | None = None,
    width: int = _WIDTH,
    ripples: bool = False,
    root: str = "",
) -> list[str]:
    """What changed, line by line: facts by consequence, what is not gated, totals, versions.

    Args:
        drift: what to word; nothing is said about an empty one.
        gate: the gates that decide (all when None); changes of others are notes behind.
        limit: how many edits are told before the rest is counted.
        lines: how many lines there may be in all, None for any number; the first edit is always told.
        width: how many characters a line should have at most; what cannot be cut shorter is longer.
        ripples: tell what only follows from the edits too, instead of counting it.
        root: the folder to which lines of source are relative.
    """
    told = tell(drift, gate=gate, limit=limit, width=width, ripples=ripples, root=root)
    remarks = [line for remark in told.remarks for line in _wrapped(remark, width)]
    behind = 2 * sum(bool(rows or more) for rows, more in ((told.notes, told.more_notes), (told.ripples, 0)))
    room = sys.maxsize if lines is None else lines - len(remarks) - behind
    found = _section("", _columns(told.main, width), told.more, room)
    found += _section("not gated:", _columns(told.notes, width), told.more_notes, room + 2 - len(found))
    found += _section("downstream:", _columns(told.ripples, width), told.more_ripples, room + behind - len(found))
    return [*found, *remarks]


def _section(title: str, blocks: Sequence[Sequence[str]], more: int, room: int) -> list[str]:
    """The lines of as many edits as there is room for (without a title of one at least), and how many are left out."""
    if not blocks and not more:
        return []
    lines = [title] if title else []
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1 and not more
        if (title or index) and len(lines) + len(block) + (not last) > room:
            return [*lines, *_left_out(len(blocks) - index + more)]
        lines += block
    return [*lines, *_left_out(more)]


def tell(
    drift: Drift,
    *,
    gate: Gates | frozenset[str] | None = None,
    limit: int = 60,
    width: int = _WIDTH,
    ripples: bool = False,
    root: str = "",
) -> Told:
    """What `words` says, as data."""
    if not drift:
        return Told()
    gates = Gates() if gate is None else Gates.of(gate)
    gated = [change for change in drift.changes if gates.hold(change)]
    noted = [change for change in drift.changes if not gates.hold(change)]
    main = _sorted(group(_raised(gated, gates)))
    notes = _sorted(group(noted))
    room = max(0, limit - len(main))
    followers = _followers(drift, [*main, *notes])
    told = group(replace(change, ripple=False) for change in followers) if ripples else []
    remarks = [*([] if ripples else _downstream(followers)), *checkpoint_lines(checkpoint(drift))]
    return Told(
        _rows(drift, main[:limit], width, root),
        len(main[limit:]),
        _rows(drift, notes[:room], width, root),
        len(notes[room:]),
        _rows(drift, told[:_RIPPLES], width, root),
        len(told[_RIPPLES:]),
        (*remarks, *total_lines(drift), *version_lines(drift)),
    )


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


def _left_out(count: int) -> list[str]:
    return [f"... and {count:,} more"] if count else []


class _Models:
    """The modules of both sides by path."""

    def __init__(self, drift: Drift) -> None:
        self._drift = drift
        self._old = dict(walk_modules(drift.old.root))
        self._new = dict(walk_modules(drift.new.root))

    def growth(self, found: Group) -> int:
        """How many parameters a group adds or removes."""
        total = 0
        for change in (facts[0] for facts in found.changes):
            if change.kind in ("added", "removed") and not change.what:
                total += self._below(change.place, 1) if change.kind == "added" else -self._below(change.place, 0)
            elif change.gate in ("structure", "parameters") and change.what != "mode":
                total += _size(self._new.get(change.place)) - _size(self._old.get(self._drift.old_path(change.place)))
        return total

    def _below(self, place: str, side: int) -> int:
        """How many parameters a module brings or takes; those of modules that moved stay."""
        moved = [rename[side] for rename in self._drift.renames if rename[side].startswith(f"{place}.")]
        parts = walk_modules((self._old, self._new)[side][place])
        kept = (m for path, m in parts if not any(f"{place}.{path}.".startswith(f"{root}.") for root in moved))
        return sum(map(_size, kept))

    def hooked(self, place: str) -> bool:
        """Whether the state-dict keys of a module may be translated on loading."""
        while place:
            if "load hook" in self._marks(place):
                return True
            place = place.rpartition(".")[0]
        return "load hook" in self._marks("")

    def owner(self, change: Change) -> str:
        """What a change is made to, by classes: the module that makes a call, else the part of the module around it."""
        went = change.kind in ("renamed", "moved") and not change.what
        place = str(change.old) if went else change.place
        sides = (self._old, self._new) if went or change.kind == "removed" else (self._new, self._old)
        around, own = (self._class(path, sides) for path in (place.rpartition(".")[0], place))
        if change.gate in ("structure", "parameters") and "." in place and around not in _CONTAINERS:
            return f"{around}.{place.rpartition('.')[2]}"
        return own or place

    def _class(self, path: str, sides: Sequence[Mapping[str, Module]]) -> str:
        return next((side[path].class_name for side in sides if path in side), "")

    def _marks(self, place: str) -> tuple[str, ...]:
        return self._new[place].marks if place in self._new else ()


def _size(module: Module | None) -> int:
    return 0 if module is None else Totals.of(module).parameters


def _consequence(models: _Models, found: Group) -> str:
    broken = found.consequence == CONSEQUENCES[0]
    return _HOOK if broken and models.hooked(found.facts[0].place) else found.consequence


def _rows(drift: Drift, groups: Sequence[Group], width: int, root: str) -> tuple[Row, ...]:
    """The facts are cut to the room that the other columns leave, or the place alone where that is too little."""
    models = _Models(drift)
    places = [_place(found, min(_PLACE, 2 * width // 5)) or "(model)" for found in groups]
    extras = [_extra(found, models.growth(found)) for found in groups]
    consequences = [_consequence(models, found) for found in groups]
    head, *ends = (max(map(len, column), default=0) for column in (places, extras, consequences))
    room = width - 8 - head - sum(ends)
    room = room if room >= _FACT else max(_FACT, width - 4 - head)
    facts = [_facts(drift, found, room) for found in groups]
    causes = [_cause(models, found, _facts(drift, found, _WIDTH)) for found in groups]
    markers = map(_marker, groups)
    sources = [_source(drift, found, root) for found in groups]
    return tuple(map(Row, markers, places, facts, extras, consequences, causes, sources))


def _source(drift: Drift, found: Group, root: str) -> str:
    """Where the call stands that was added or changed: below ``root`` by the way from there."""
    ways = [change.new_call for change in found.facts if change.new_call is not None]
    source = _call(drift.new.forward, ways[0]).source if ways else None
    if source is None:
        return ""
    path = source.replace(os.sep, "/").removeprefix(root.replace(os.sep, "/").rstrip("/") + "/" if root else "")
    return path.rpartition("site-packages/")[2]


def _cause(models: _Models, found: Group, facts: str) -> str:
    first = found.facts[0]
    if first.kind in ("renamed", "moved") and not first.what:
        facts = f"{first.kind} to {str(first.new).rpartition('.')[2]}"
    return f"{models.owner(first)} {facts}, {found.consequence}"


def _columns(rows: Sequence[Row], width: int) -> list[list[str]]:
    """A line for each row, in columns as far as they fit; what does not is written below it."""
    cells = [(f"{row.marker} {row.place}", row.facts, row.extra, row.consequence, row.source) for row in rows]
    heads, facts, extras, ends, _ = ([row[column] for row in cells] for column in range(5))
    room = max(_FACT, width - 6 - sum(max(map(len, column), default=0) for column in (heads, extras, ends)))
    sourced = any(row.source for row in rows)
    widths = [_column(heads, _PLACE + 2), _column(facts, room + 12), _column(extras, _FACT), _column(ends, _FACT), 0]
    widths[3] *= sourced
    return [_line(row, widths, width) for row in cells]


def _line(row: Sequence[str], columns: Sequence[int], width: int) -> list[str]:
    padded = "  ".join(text.ljust(column) for text, column in zip(row, columns, strict=True) if column or text).rstrip()
    if len(padded) <= width:
        return [padded]
    lines = [row[0].ljust(columns[0])]
    for text in filter(None, row[1:]):
        if len(lines[-1]) + 2 + len(text) <= width:
            lines[-1] += f"  {text}"
        else:
            lines.append(f"    {text}")
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    import textwrap

    return textwrap.wrap(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _place(found: Group, width: int = _PLACE) -> str:
    return _shorten(short_places(found.places, width), width + 20)


def _column(texts: Sequence[str], limit: int) -> int:
    """A width that fits the texts; a few that are much longer stick out instead of pushing all others away."""
    return max((len(text) for text in texts if len(text) <= limit), default=0)


def _marker(found: Group) -> str:
    """For what came, went or moved as a whole; everything else has changed."""
    kinds = {change.kind for change in found.facts}
    mark = found.facts[0].gate == "structure" and found.facts[0].what
    return "~" if len(kinds) > 1 or mark else _MARKERS.get(kinds.pop(), "~")


def _extra(found: Group, growth: int) -> str:
    often = f"x{len(found.changes)}" if len(found.changes) > 1 else ""
    return ", ".join(filter(None, [often, f"parameters {growth:+,}" if growth else ""]))


def _facts(drift: Drift, found: Group, width: int) -> str:
    """The facts of a group, those with equal values together, as many as fit."""
    first = found.facts[0]
    if first.kind in ("renamed", "moved") and not first.what:
        return (
            f"{first.kind} to {short_places([str(facts[0].new) for facts in found.changes], width - 11) or '(model)'}"
        )
    same = len({tuple((c.old, c.new) for c in facts) for facts in found.changes}) == 1
    subjects: dict[str, list[str]] = {}
    for change in found.facts:
        subject, values = _fact(drift, change, width, whole=same)
        if change.kind == "reordered" and change.new_call is not None and subjects:
            subject = ""  # what the call takes stands before it, and names it
        subjects.setdefault(values, []).append(subject)
    texts = [f"{', '.join(names)} {values}".strip() for values, names in subjects.items()]
    kept = len(texts)
    while kept > 1 and len(_some(texts, kept)) > width:
        kept -= 1
    return _some(texts, kept)


def _some(texts: Sequence[str], kept: int) -> str:
    return ", ".join([*texts[:kept], *([f"+{len(texts) - kept} more"] if kept < len(texts) else [])])


def _fact(drift: Drift, change: Change, width: int, *, whole: bool) -> tuple[str, str]:
    """What changed, and how: ``kernel_size``, ``3 -> 5``. ``whole`` if it did so in all places of its group."""
    if change.kind in ("added", "removed"):
        return "", _lone(change, width)
    if change.kind in ("renamed", "moved"):
        return change.what if change.what == "input" else "", f"{change.old} renamed to {change.new}"
    inline = _inline(drift, change, width)
    if inline:
        return "", inline
    subject = _subject(drift, change)
    room = max(32, width - len(subject) - 5)
    full = whole and not change.what and len(f"{change.old}{change.new}") <= room
    old, new = _narrowed(*((change.old, change.new) if full else coarse(change)), room)
    return subject, _reordered(change, old, new) if change.kind == "reordered" else f"{old} -> {new}"


def _reordered(change: Change, old: str, new: str) -> str:
    if change.new_call is not None:
        return f"runs {new}, was {old}"
    return f"run in the order {new}, was {old}" if _is_run_order(change) else f"reordered: {old} -> {new}"


def _inline(drift: Drift, change: Change, width: int) -> str:
    """A call of which one argument has changed, with both values in its place; empty for any other change."""
    if change.kind != "changed" or change.gate != "topology" or change.old_call is None or change.new_call is None:
        return ""
    old, new = _call(drift.old.forward, change.old_call), _call(drift.new.forward, change.new_call)
    if change.new != format_call(new) or (old.kind, old.target, len(old.args)) != (new.kind, new.target, len(new.args)):
        return ""
    pairs = [tuple(format_arguments([a]) for a in pair) for pair in zip(old.args, new.args, strict=True)]
    changed = [index for index, (a, b) in enumerate(pairs) if a != b]
    if len(changed) != 1:
        return ""
    texts = [a if a == b else f"{a} -> {b}" for a, b in pairs]
    text = f"{change.what}({', '.join(texts)})"
    if len(text) > width:
        around = ["..." if changed[0] else "", texts[changed[0]], "..." if changed[0] < len(pairs) - 1 else ""]
        text = f"{change.what}({', '.join(filter(None, around))})"
    return text if len(text) <= width else ""


def _call(body: Body | None, way: Way) -> Call:
    for index in way[:-1]:
        body = body.calls[index].body if body is not None else None
    assert body is not None
    return body.calls[way[-1]]


def _lone(change: Change, width: int) -> str:
    text = str(change.new if change.kind == "added" else change.old)
    if text == change.what and change.new_call is None and change.old_call is None:
        return f"now {text}" if change.kind == "added" else f"no longer {text}"
    if change.gate == "parameters" and change.what != "parameters":
        kind, _, rest = text.partition(" ")
        text = f"{kind} {change.what} {rest}"
    elif change.what and text != change.what:
        text = f"{change.what} {text}"
    return f"{_shorten(text, width - 5)} {'new' if change.kind == 'added' else 'gone'}"


def _subject(drift: Drift, change: Change) -> str:
    """The thing that changed, unless its old and new texts name it."""
    if change.gate == "shapes" and change.new_call is not None:
        return f"{change.what}{_ordinal(drift, change)} result"
    if change.gate == "topology" and change.new_call is not None and change.kind == "changed":
        whole = str(change.new).startswith(f"{change.what}(")
        return "" if whole else change.what + _ordinal(drift, change)
    if _is_run_order(change):
        return short_places(f"{change.what}.{name}" for name in str(change.old).split(", "))
    return change.what


def _is_run_order(change: Change) -> bool:
    return (change.gate, change.kind, change.new_call) == ("topology", "reordered", None) and change.what != "inputs"


def _ordinal(drift: Drift, change: Change) -> str:
    """Which of the calls of this name in its scope, where there are several."""
    body = drift.new.forward
    *way, last = change.new_call or (0,)
    for index in way:
        body = body.calls[index].body if body is not None else None
    if body is None:
        return ""
    call = body.calls[last]
    alike = [index for index, other in enumerate(body.calls) if (other.kind, other.name) == (call.kind, call.name)]
    return f" ({alike.index(last) + 1} of {len(alike)})" if len(alike) > 1 else ""


def _narrowed(old: str | None, new: str | None, width: int) -> tuple[str, str]:
    """Both texts, cut down to where they differ if they are too long."""
    a, b = "(default)" if old is None else old, "(default)" if new is None else new
    if len(a) + len(b) <= width:
        return a, b
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    head, tail = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
    if head + tail > 2 * _CONTEXT:
        a, b = (("..." if head else "") + text[head : len(text) - tail] + ("..." if tail else "") for text in (a, b))
    longest = max(width // 2, width - min(len(a), len(b)))
    return _shorten(a, longest), _shorten(b, longest)


def _common(a: str, b: str) -> int:
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _shorten(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    head = (width - 3 + 1) // 2
    return f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def _followers(drift: Drift, groups: Iterable[Group]) -> list[Change]:
    """The changes that are not told, as they only follow from those that are."""
    told = {replace(change, ripple=True) for found in groups for facts in found.changes for change in facts}
    return [change for change in drift.changes if change.ripple and change not in told]


def _downstream(ripples: Sequence[Change]) -> list[str]:
    """How many modules got other numbers, and how many calls and shapes changed, only because of what is told."""
    modules = sum((change.gate, change.kind) == ("structure", "renamed") for change in ripples)
    calls = sum(change.gate == "topology" and change.kind == "changed" for change in ripples)
    shapes = sum(change.gate == "shapes" for change in ripples)
    found = ((modules, "renamed modules"), (calls, "calls"), (shapes, "shapes"))
    counts = [f"{n:,} {noun if n > 1 else noun[:-1]}" for n, noun in found if n]
    return [f"and {', '.join(counts)} downstream"] if counts else []
