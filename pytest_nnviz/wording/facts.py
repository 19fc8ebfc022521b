"""What one edit changed, in a few words: ``kernel_size 3 -> 5``, ``add(x, %dropout) gone``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_nnviz.architecture import Body, Call
from pytest_nnviz.drift.data import Change, Drift, Way
from pytest_nnviz.drift.grouping import Group, coarse, literal_edit
from pytest_nnviz.drift.places import short_places
from pytest_nnviz.drift.statedict import resolve
from pytest_nnviz.textformat.write import format_arguments, format_call
from pytest_nnviz.wording.shortening import narrowed, shorten_call
from pytest_nnviz.wording.wrapping import wrapping_of

__all__ = ["Fact", "call_at", "changes_of", "facts_of"]

_HAD = ("load hook", "save hook", "gradient hook", "extra state")  # marks of what a module has, others of what it is


def facts_of(drift: Drift, found: Group, width: int) -> str:
    """The facts of a group, those with equal values together, as many as fit."""
    first = found.facts[0]
    if first.kind in ("renamed", "moved") and not first.what:
        return _went(drift, [facts[0] for facts in found.changes], width)
    shared = _shared(drift, [facts[0] for facts in found.changes], width) if len(found.facts) == 1 else ""
    if shared:
        return shared
    literal = literal_edit(first)
    if literal is not None and len(found.facts) > 1:
        counts = Counter(change.what for change in found.facts)
        names = [f"{what} x{count}" if count > 1 else what for what, count in counts.items()]
        return f"{', '.join(names)} {' -> '.join(literal)}"
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


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that changed, of which gate; ``old`` is empty of what came, ``new`` of what went."""

    gate: str
    what: str
    old: str
    new: str


def changes_of(drift: Drift, found: Group, width: int) -> tuple[Fact, ...]:
    """The facts of a group one by one, each of its sides no wider than that."""
    first = found.facts[0]
    if first.kind in ("renamed", "moved") and not first.what:
        how = dict.fromkeys(wrapping_of(drift, facts[0]) or first.kind for facts in found.changes)
        new = short_places((str(facts[0].new) for facts in found.changes), width)
        return (Fact(first.gate, ", ".join(how), short_places(found.places, width), new or "(model)"),)
    same = len({tuple((c.old, c.new) for c in facts) for facts in found.changes}) == 1
    return tuple(dict.fromkeys(_change(drift, change, width, whole=same) for change in found.facts))


def _change(drift: Drift, change: Change, width: int, *, whole: bool) -> Fact:
    literal = literal_edit(change)
    if literal is not None:
        return Fact(change.gate, change.what, *literal)
    if change.kind in ("added", "removed"):
        subject = change.what
        old, new = (shorten_call(side or "", width) for side in (change.old, change.new))
    else:
        subject = _subject(drift, change)
        old, new = narrowed(*((change.old, change.new) if whole else coarse(change)), 2 * width)
    is_said = subject in (old, new) or f"{old}{new}".startswith(f"{subject}(")
    return Fact(change.gate, "" if is_said else subject, old, new)


def _went(drift: Drift, changes: Sequence[Change], width: int) -> str:
    """Where modules are now: ``moved to model.encoder``, ``wrapped in Adapter, now head.base``."""
    wraps = dict.fromkeys(wrapping_of(drift, change) for change in changes)
    how = ", ".join(filter(None, wraps)) if "" not in wraps else ""
    text = f"{how}, now" if how else f"{changes[0].kind} to"
    return f"{text} {short_places([str(change.new) for change in changes], width - len(text) - 1) or '(model)'}"


def _shared(drift: Drift, changes: Sequence[Change], width: int) -> str:
    """That modules are another one now, or no longer: ``is now layers.0``; empty for any other change."""
    old, new = (str(text) for text in (changes[0].old, changes[0].new))
    if changes[0].kind != "changed" or changes[0].what or old.startswith("= ") == new.startswith("= "):
        return ""
    came = new.startswith("= ")
    owners = [(c.place if came else drift.old_path(c.place)).rpartition(".")[0] for c in changes]
    first = short_places([resolve(owner, (new if came else old)[2:]) for owner in owners], width - 24)
    return (
        f"is now {first}"
        if came
        else f"is no longer {first}, now {shorten_call(new, max(32, width - len(first) - 20))}"
    )


def _some(texts: Sequence[str], kept: int) -> str:
    return ", ".join([*texts[:kept], *([f"+{len(texts) - kept} more"] if kept < len(texts) else [])])


def _fact(drift: Drift, change: Change, width: int, *, whole: bool) -> tuple[str, str]:
    """What changed, and how: ``kernel_size``, ``3 -> 5``. ``whole`` if it did so in all places of its group."""
    if change.gate == "cost" and change.kind != "changed":
        return "flops", f"{change.new}, not counted before" if change.old is None else f"{change.old}, not counted now"
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
    old, new = narrowed(*((change.old, change.new) if full else coarse(change)), room)
    return subject, _reordered(change, old, new) if change.kind == "reordered" else f"{old} -> {new}"


def _reordered(change: Change, old: str, new: str) -> str:
    if change.new_call is not None:
        return f"runs {new}, was {old}"
    names = str(change.old).split(", ")
    swapped = len(names) == 2 and names[::-1] == str(change.new).split(", ")
    if _is_run_order(change):
        return "run each in the other's place" if swapped else f"run in the order {new}, was {old}"
    return f"{' and '.join(names)} swapped" if swapped else f"reordered: {old} -> {new}"


def _inline(drift: Drift, change: Change, width: int) -> str:
    """A call of which one argument has changed, with both values in its place; empty for any other change."""
    if change.kind != "changed" or change.gate != "topology" or change.old_call is None or change.new_call is None:
        return ""
    old, new = call_at(drift.old.forward, change.old_call), call_at(drift.new.forward, change.new_call)
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


def _lone(change: Change, width: int) -> str:
    text = str(change.new if change.kind == "added" else change.old)
    if text == change.what and change.new_call is None and change.old_call is None and text not in _HAD:
        return f"now {text}" if change.kind == "added" else f"no longer {text}"
    if change.gate == "parameters" and change.what != "parameters":
        kind, _, rest = text.partition(" ")
        text = f"{kind} {change.what} {rest}"
    elif change.what and text != change.what:
        text = f"{change.what} {text}"
    return f"{shorten_call(text, width - 5)} {'new' if change.kind == 'added' else 'gone'}"


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


def call_at(body: Body | None, way: Way) -> Call:
    """The call that a way leads to: an index at each level of bodies."""
    for index in way[:-1]:
        body = body.calls[index].body if body is not None else None
    assert body is not None
    return body.calls[way[-1]]
