"""Which call of a body was which call of another: by equal text, then by name, then by equal arguments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import pairwise

from pytest_nnviz.architecture import Body, Call, Ref, Tree, Value
from pytest_nnviz.drift.data import Row
from pytest_nnviz.drift.references import refs
from pytest_nnviz.drift.sequence import Pairs, common, gaps, increasing

__all__ = ["align_calls", "crossing_calls", "in_order"]

Key = Callable[[Call], Hashable]

_CELLS = 40_000
"""Between larger stretches of changed calls the nearest of several is not searched for."""


def align_calls(old: Body, new: Body, *, forwards: bool | None = None) -> list[Row]:
    """Pair the calls of two bodies: indexes in ``old.calls`` and ``new.calls``, None where there is no partner.

    Every index stands in one row. Rows are in the order of ``new``, a call that is gone stands before what came in its
    stead. Calls that changed places are paired too, so the indexes of ``old`` need not increase. Of several alignments
    of equal length the search takes one, from old to new if ``forwards``; `in_order` tells, so that the other direction
    gives the mirrored rows.
    """
    if _first_difference(old, new) is None:
        return [(index, index) for index in range(len(new.calls))]
    permuted = _permuted(old.calls, new.calls)
    if permuted is not None:
        return [(permuted.get(index, index), index) for index in range(len(new.calls))]
    if in_order(old, new) if forwards is None else forwards:
        chain, crossing = _pair(old.calls, new.calls)
    else:
        chain, crossing = ([(i, j) for j, i in pairs] for pairs in _pair(new.calls, old.calls))
    return _rows(chain, {j: i for i, j in crossing}, len(old.calls), len(new.calls))


def in_order(old: Body, new: Body, *, equal: bool = True) -> bool:
    """Which of two bodies comes first, by what stands in them; False for one of the two directions.

    ``equal`` is the answer where all calls are alike, as where modules traded names.
    """
    first = _first_difference(old, new)
    return equal if first is None else first[0] <= first[1]


def crossing_calls(rows: Sequence[Row], *, forwards: bool) -> dict[int, int]:
    """Of calls that changed places the fewest that went past the others, or those that stand in the places of each
    other between calls that stayed: indexes in ``new`` and in ``old``.
    """
    pairs = [(i, j) for i, j in rows if i is not None and j is not None]
    out = [at for at, (pair, other) in enumerate(zip(pairs, sorted(pairs), strict=True)) if pair != other]
    if len(out) > 1 and all(after - before > 1 for before, after in pairwise(out)):
        return {j: i for i, j in (pairs[at] for at in out)}
    if forwards:
        stays = increasing([i for i, _ in pairs])
    else:
        pairs.sort()
        stays = increasing([j for _, j in pairs])
    kept = {pairs[at] for at in stays}
    return {j: i for i, j in pairs if (i, j) not in kept}


def _permuted(old: Sequence[Call], new: Sequence[Call]) -> dict[int, int] | None:
    """Two calls, or numbered modules of one container, of which each takes the place of another, if their names are
    all that differs in order.
    """
    apart = [at for at, (a, b) in enumerate(zip(old, new, strict=False)) if _name(a) != _name(b)]
    if len(old) != len(new) or len(apart) < 2 or not (len(apart) == 2 or _in_one_list([new[at] for at in apart])):
        return None
    places = {_name(old[at]): at for at in apart}
    crossed = {at: places[_name(new[at])] for at in apart if _name(new[at]) in places}
    if len(set(crossed.values())) < len(apart):
        return None
    return crossed if any(_taken(old, i) != _taken(new, j) for j, i in crossed.items()) else None


def _taken(calls: Sequence[Call], at: int) -> Hashable:
    """The text of a call, and which calls it takes the results of."""
    names = [_name_of(ref) for argument in calls[at].args for ref in refs(argument.value)]
    return _text(calls[at]), tuple(max((i for i in range(at) if calls[i].name == name), default=-1) for name in names)


def _name_of(ref: Ref) -> str | None:
    return ref.steps[0].name if ref.kind == "result" and not ref.up else None


def _in_one_list(calls: Sequence[Call]) -> bool:
    owners = {(call.kind, call.up, call.target.rpartition(".")[0]) for call in calls}
    return len(owners) == 1 and all(call.target.rpartition(".")[2].isdecimal() for call in calls)


def _first_difference(old: Body, new: Body) -> tuple[str, str] | None:
    for a, b in zip(old.calls, new.calls, strict=False):
        if a is not b and _text(a) != _text(b):
            return repr(_text(a)), repr(_text(b))
    if len(old.calls) == len(new.calls):
        return None
    return f"{len(old.calls):9}", f"{len(new.calls):9}"


def _text(call: Call) -> Hashable:
    return (call.kind, call.up, call.target, call.config, call.args)


def _name(call: Call) -> Hashable:
    return (call.kind, call.up, call.target)


def _operation(call: Call) -> Hashable:
    """What a function does, whatever it is done to."""
    return (call.kind, call.up, call.target, call.config, tuple((a.name, _blank(a.value)) for a in call.args))


def _blank(value: Value) -> Hashable:
    if isinstance(value, Tree):
        return (value.kind, value.keys, tuple(map(_blank, value.items)))
    return "%" if isinstance(value, Ref) else value


def _arguments(call: Call) -> Hashable:
    """What functions that stand for each other have in common; a module call stands for no other."""
    return call.args if call.kind == "function" else _text(call)


def _equal(key: Key, old: Sequence[Call], new: Sequence[Call]) -> Pairs:
    return common([key(call) for call in old], [key(call) for call in new])


def _closest(old: Sequence[Call], new: Sequence[Call]) -> Pairs:
    """Pairs of calls of the same name: as many as possible in order, and of these choices the most alike."""
    if len(old) * len(new) > _CELLS or (_all_differ(old) and _all_differ(new)):
        return _equal(_name, old, new)
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            together = best[i + 1][j + 1] + _likeness(old[i], new[j])
            best[i][j] = max(together, best[i + 1][j], best[i][j + 1])
    pairs: Pairs = []
    i = j = 0
    while i < len(old) and j < len(new):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _all_differ(calls: Sequence[Call]) -> bool:
    return len({_name(call) for call in calls}) == len(calls)


def _likeness(old: Call, new: Call) -> int:
    """Nothing for calls of different names; results go by other names after an edit, other arguments do not."""
    if _name(old) != _name(new):
        return 0
    points = 1000 + 3 * (len(old.args) == len(new.args))
    for a, b in zip(old.args, new.args, strict=False):
        if a == b:
            points += 1 if isinstance(a.value, Ref) and a.value.kind == "result" else 3
    return points


def _pair(old: Sequence[Call], new: Sequence[Call]) -> tuple[Pairs, Pairs]:
    """Pairs in order, and pairs that cross them."""
    chain: Pairs = []
    for search in (partial(_equal, _text), _closest, partial(_equal, _arguments)):
        for i, j in list(gaps(chain, len(old), len(new))):
            if i and j:
                chain += [(i[a], j[b]) for a, b in search(old[i.start : i.stop], new[j.start : j.stop])]
        chain.sort()
    return chain, _crossing(old, new, chain)


def _crossing(old: Sequence[Call], new: Sequence[Call], chain: Pairs) -> Pairs:
    left = sorted(set(range(len(old))).difference(i for i, _ in chain))
    right = sorted(set(range(len(new))).difference(j for _, j in chain))
    found: Pairs = []
    for key in (_text, _name, _operation):
        here, there = [(i, key(old[i])) for i in left], [(j, key(new[j])) for j in right]
        waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
        for i, own in reversed(here):
            waiting[own].append(i)
        once = Counter(own for _, own in (*here, *there))
        for j, own in there:
            same = waiting[own]
            if same and (key is _text or new[j].kind == "module" or (key is _operation and once[own] == 2)):
                found.append((same.pop(), j))
        left = sorted(set(left).difference(i for i, _ in found))
        right = sorted(set(right).difference(j for _, j in found))
    return found


def _rows(chain: Pairs, crossing: dict[int, int], old: int, new: int) -> list[Row]:
    rows: list[Row] = []
    moved = set(crossing.values())
    for (i, j), pair in zip(gaps(chain, old, new), [*chain, None], strict=True):
        rows += [(index, None) for index in i if index not in moved]
        rows += [(crossing.get(index), index) for index in j]
        if pair is not None:
            rows.append(pair)
    return rows
