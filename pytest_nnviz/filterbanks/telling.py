"""What became of filters, in words: the headline, then layers, the worst first, with the filters of each."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pytest_nnviz.drift.consequence import BREAKS, FUNCTION
from pytest_nnviz.filterbanks.changes import BankDrift, FilterChange, LayerChange, WeightChange
from pytest_nnviz.filterbanks.data import Bank
from pytest_nnviz.filterbanks.writing import place
from pytest_nnviz.wording import Fact, Row, wrapped

__all__ = [
    "RANDOM",
    "cause",
    "cause_key",
    "consequence",
    "details",
    "gates",
    "gist",
    "headline",
    "renewed",
    "rows",
    "tell",
    "words",
]

RANDOM = (
    "weights that are random drift with every run: where nothing seeds or loads them, call torch.manual_seed(0) before "
    "the model is built, or load a checkpoint"
)
_FILTERS, _WEIGHTS, _PLACES, _PLACE = 4, 3, 3, 24
_TOLD_OTHERWISE = frozenset(("scaled", "re-initialised", "nan", "infinite", "dead", "rounded", "weights"))
_GATES = {
    "class": "structure",
    "path": "structure",
    "shape": "parameters",
    "filters": "parameters",
    "dtype": "parameters",
}
"""Of architectures; values of weights are of none."""

_SIGNS = {"added": "+", "removed": "-", "renamed": ">", "changed": "~"}


def gist(bank: Bank) -> str:
    """The filters of a model in a few words."""
    return f"{bank.model}, {_many(len(bank.layers), 'layer')}, {_many(bank.filters, 'filter')}"


def headline(drift: BankDrift, name: str) -> str:
    """What changed most, in which snapshot."""
    first = drift.layers[0]
    more = len(drift.layers) - 1
    behind = f" (+{_many(more, 'more layer')})" if more else ""
    return f"{place(first.path)}: {tell(first)}{behind} in {name}"


def words(drift: BankDrift, *, width: int = 110, lines: int | None = 60) -> list[str]:
    """Layer by layer, the worst first; what does not fit is counted.

    Args:
        drift: what to word.
        width: how many characters a line should have at most.
        lines: how many lines there may be, None for any number; then all filters are told too.
    """
    groups = list(_grouped(drift.layers))
    column = max((len(head) for head, _ in groups if len(head) <= _PLACE), default=0)
    room = sys.maxsize if lines is None else lines
    found: list[str] = []
    for index, (head, members) in enumerate(groups):
        told = wrapped(f"{head:<{column}}  {tell(members[0])}", width)
        inside = _inside(members[0], None if lines is None else _FILTERS) if len(members) == 1 else ()
        block = [*told, *(part for line in inside for part in wrapped(f"    {line}", width))]
        last = index == len(groups) - 1
        if index and len(found) + len(block) + (not last) > room:
            left = sum(len(members) for _, members in groups[index:])
            return [*found, f"... and {_many(left, 'more layer')}"]
        found += block
    return found


def _grouped(changes: Sequence[LayerChange]) -> Iterator[tuple[str, list[LayerChange]]]:
    """Layers of which the same is to be told, behind one head."""
    groups: defaultdict[tuple[str, str, bool], list[LayerChange]] = defaultdict(list)
    for change in changes:
        alone = bool(change.filters) and not renewed(change)
        groups[change.kind, change.path if alone else tell(change), alone].append(change)
    for members in groups.values():
        paths = [place(member.path) for member in members]
        shown = ", ".join(paths[:_PLACES]) + (f" and {len(paths) - _PLACES} more" if len(paths) > _PLACES else "")
        yield f"{_SIGNS[members[0].kind]} {shown}{f'  x{len(members)}' if len(members) > 1 else ''}", members


def rows(drift: BankDrift) -> list[Row]:
    """What became of layers as rows, the worst first; the same of several layers is one."""
    found = []
    for head, members in _grouped(drift.layers):
        marker, _, where = head.partition(" ")
        place, _, often = where.partition("  ")
        first = members[0]
        row = Row(marker, place, tell(first), often, consequence(first), cause(first), changes=_changes(first))
        found.append(row)
    return found


def details(drift: BankDrift) -> Iterator[str]:
    """The filters of layers of which no others tell the same, those that moved furthest."""
    for _, members in _grouped(drift.layers):
        inside = _inside(members[0], _FILTERS) if len(members) == 1 else ()
        yield from (f"{place(members[0].path)} {line}" for line in inside)


def renewed(change: LayerChange) -> bool:
    """Whether no filter of a layer is what it was, as where nothing seeds it."""
    return any(name == "re-initialised" for name, _, _ in change.facts)


def cause(change: LayerChange) -> str:
    """What became of a layer, in words that do not depend on the model that it is in."""
    layer = change.new or change.old
    assert layer is not None
    return f"filters of {layer.class_name} {layer.dtype}{list(layer.shape)}: {tell(change)}"


def cause_key(change: LayerChange) -> str:
    """What tells the cause from all others: the weights of both sides to the bit, as the words have few numbers."""
    sides = [
        None if layer is None else (layer.class_name, layer.dtype, tuple(layer.shape), layer.whole.digest)
        for layer in (change.old, change.new)
    ]
    return repr((cause(change), change.facts, change.permuted, sides))


def consequence(change: LayerChange) -> str:
    """What it means: other weights are another function, other names and shapes break checkpoints.

    So do layers that came or went, though it may be that others are pinned now.
    """
    shaped = {name for name, _, _ in change.facts} & {"shape", "filters"}
    return BREAKS if change.kind != "changed" or shaped else FUNCTION


def gates(change: LayerChange) -> frozenset[str]:
    """The gates of architectures that count it; values of weights are none's."""
    structure = {"structure"} if change.kind != "changed" else set()
    return frozenset(structure | {_GATES[name] for name, _, _ in change.facts if name in _GATES})


def tell(change: LayerChange) -> str:
    """What became of a layer, on one line."""
    if change.kind in ("added", "removed"):
        layer = change.new or change.old
        assert layer is not None
        return f"{change.kind}: {layer.class_name} {layer.dtype}{list(layer.shape)}"
    told = [_fact(*fact) for fact in change.facts]
    if change.permuted:
        told.append(_permuted(change.permuted))
    if change.filters and not renewed(change):
        told.append(_filters(change))
    return ", ".join(told)


def _fact(name: str, old: str, new: str) -> str:
    match name:
        case "scaled":
            return {"-1": "sign flipped"}.get(new, f"weights x{new}")
        case "re-initialised":
            return f"re-initialised, {old} of {_many(int(new), 'filter')} changed"
        case "nan" | "infinite" | "dead":
            count = _many(int(new), "filter")
            return f"{count} {name}" if old == "0" else f"{name} filters {old} -> {new}"
        case "rounded":
            return f"values as rounded from {old} to {new}"
        case "weights":
            return "weights changed"
        case "path":
            return f"{place(old)} -> {place(new)}"
    return f"{name} {old} -> {new}"


def _changes(change: LayerChange) -> tuple[Fact, ...]:
    """The facts one by one, where each is a value before and now; of weights much more is to be told."""
    if change.kind in ("added", "removed"):
        text = tell(change).partition(": ")[2]
        return (Fact("structure", "", *(("", text) if change.kind == "added" else (text, ""))),)
    if change.filters or change.permuted or _TOLD_OTHERWISE & {name for name, _, _ in change.facts}:
        return ()
    return tuple(Fact(_GATES.get(name, ""), name, old, new) for name, old, new in change.facts)


def _permuted(pairs: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{old} -> {new}" for old, new in pairs[:6])
    return f"filters permuted: {shown}{f' and {len(pairs) - 6} more' if len(pairs) > 6 else ''}"


def _filters(change: LayerChange) -> str:
    groups = {kind: [each for each in change.filters if each.kind == kind] for kind in ("removed", "added")}
    told = [f"filter{'s' * (len(found) > 1)} {_names(found)} {kind}" for kind, found in groups.items() if found]
    moved = [each for each in change.filters if each.kind in ("changed", "scaled")]
    if moved:
        known = max((each.by for each in moved if math.isfinite(each.by)), default=0.0)
        located = all(each.moved is not None for each in moved)
        by = (f", by up to {known:.3g}" if located else f", by {known:.3g} or more") if known else ""
        total = change.new.filters if change.new is not None else 0
        count = sum(_count(each.name) for each in moved)
        which = f"{_which(moved[0])} of {total:,}" if len(moved) == 1 else f"{count:,} of {total:,} filters"
        told.append(f"{which} changed{by}")
    return ", ".join(told)


def _which(change: FilterChange) -> str:
    return f"filter{'s' if '..' in change.name else ''} {change.name}"


def _count(name: str) -> int:
    start, _, last = name.partition("..")
    return int(last or start) - int(start) + 1


def _names(found: Sequence[FilterChange]) -> str:
    shown = ", ".join(each.name for each in found[:6])
    return f"{shown} and {len(found) - 6} more" if len(found) > 6 else shown


def _inside(change: LayerChange, limit: int | None) -> Iterator[str]:
    """The filters of a layer, the furthest first."""
    moved = [each for each in change.filters if each.kind in ("changed", "scaled")]
    if renewed(change):
        return
    shown = moved[:limit]
    for each in shown:
        yield f"{_which(each)}: {_filter(each)}"
    if len(moved) > len(shown):
        yield f"... and {_many(len(moved) - len(shown), 'more filter')}"


def _filter(change: FilterChange) -> str:
    told = list(change.became)
    if change.kind == "scaled":
        told.append("sign flipped" if change.factor == -1 else f"x{change.factor:g}")
    elif change.moved is not None:
        few = change.moved.count <= _WEIGHTS
        told += [_weight(each) for each in change.moved.largest[: _WEIGHTS if few else 1]]
        told += [] if few else [f"{change.moved.count - 1:,} more weights"]
    else:
        told += [f"{name} {_near(old, new)}" for name, old, new in change.numbers]
    return ", ".join(told) or "another digest, all numbers within the tolerance"


def _near(old: float, new: float) -> str:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in range(3, 9):
        texts = f"{old + 0.0:.{digits}g}", f"{new + 0.0:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return f"{texts[0]} -> {texts[1]}"


def _weight(change: WeightChange) -> str:
    names = {1: ("position",), 2: ("row", "column")}.get(len(change.position), ("slice", "row", "column"))
    where = [] if change.alone else [f"{name} {index}" for name, index in zip(names, change.position, strict=True)]
    channel = "mean of the channels" if change.channel < 0 else f"channel {change.channel}"
    before, now = _within(change.old, change.step), _within(change.new, change.new_step)
    return f"{' '.join([channel, *where])} {before} -> {now}"


def _within(value: float, step: float) -> str:
    return f"{value:.4g}{f' (±{step / 2:.2g})' if step else ''}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
