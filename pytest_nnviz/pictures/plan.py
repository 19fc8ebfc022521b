"""What of a forward pass is shown: which modules are open, what is folded together, so that it fits a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pytest_nnviz.asked import Asked
from pytest_nnviz.pictures.flow import At, Sight
from pytest_nnviz.pictures.labels import class_text
from pytest_nnviz.pictures.sites import Run

__all__ = ["Opened", "Plan", "Rest", "left_out", "plan_drift", "plan_size", "plan_whole", "sights"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A run whose inside is shown."""

    run: Run
    items: Plan


@dataclass(frozen=True, slots=True)
class Rest:
    """Runs that follow each other, folded into one node."""

    runs: tuple[Run, ...]

    @property
    def id(self) -> str:
        """Identifier of the node."""
        return f"rest/{self.runs[0].first.id}"


Plan = tuple[Run | Opened | Rest, ...]


def plan_size(plan: Plan) -> int:
    """Number of nodes."""
    return sum(plan_size(item.items) if isinstance(item, Opened) else 1 for item in plan)


def sights(plan: Plan, side: int) -> dict[At, Sight]:
    """What stands for each call that has a node or is open, by its place before (0) or after (1)."""
    return dict(_sights(plan, side))


def _sights(plan: Plan, side: int) -> Iterator[tuple[At, Sight]]:
    for item in plan:
        runs = item.runs if isinstance(item, Rest) else (item.run if isinstance(item, Opened) else item,)
        for run in runs:
            for index, site in enumerate(run.sites):
                node = item.id if isinstance(item, Rest) else None if isinstance(item, Opened) else run.first.id
                at = site.at[side]
                if at is not None:
                    yield at, Sight(node, repeats=index > 0 and not isinstance(item, Rest))
        if isinstance(item, Opened):
            yield from _sights(item.items, side)


def plan_whole(runs: tuple[Run, ...], budget: int, asked: Asked) -> Plan:
    """Open modules level by level: down to the depth that is asked for, or as many as fit ``budget`` nodes."""
    depth, wanted = asked.depth, _wanted(runs, asked)
    if depth == 0 and not wanted:
        return (Rest(runs),) if runs else ()
    opened = _down_to(runs, depth - 1) if depth is not None else _fitting(runs, budget, wanted)
    plan = _build(runs, opened | wanted)
    return plan if depth is not None or wanted else _compact(plan, budget)


def _wanted(runs: tuple[Run, ...], asked: Asked) -> set[str]:
    """The modules that are asked to be open, and those around them."""
    found: set[str] = set()
    for run in runs if asked.expand else ():
        within = _wanted(run.first.inside, asked)
        if run.first.inside and (within or asked.opens(run.first.place)):
            found |= {run.first.id} | within
    return found


def _build(runs: tuple[Run, ...], opened: set[str]) -> Plan:
    return tuple(Opened(run, _build(run.first.inside, opened)) if run.first.id in opened else run for run in runs)


def _down_to(runs: tuple[Run, ...], depth: int) -> set[str]:
    found: set[str] = set()
    for run in runs if depth > 0 else ():
        if run.first.inside:
            found |= {run.first.id} | _down_to(run.first.inside, depth - 1)
    return found


def _fitting(runs: tuple[Run, ...], budget: int, wanted: set[str]) -> set[str]:
    """Modules that are made of modules first, then those that compute by themselves, as far as the budget goes."""
    opened = set(wanted)
    total = plan_size(_build(runs, opened))
    for worth in (_has_modules, _has_calls):
        level = list(runs)
        while level:
            for members in _by_structure([run for run in level if worth(run) and run.first.id not in opened]):
                some = next((some for some in (members, members[:1]) if total + _cost(some) <= budget), [])
                total += _cost(some)
                opened |= {run.first.id for run in some}
            level = [inner for run in level if run.first.id in opened for inner in run.first.inside]
    return opened


def _has_modules(run: Run) -> bool:
    return any(inner.first.call.kind != "function" for inner in run.first.inside)


def _has_calls(run: Run) -> bool:
    return len(run.first.inside) > 1


def _by_structure(level: list[Run]) -> list[list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in level:
        names = [inner.first.call.target for inner in run.first.inside]
        groups.setdefault(str((class_text(run.first), names)), []).append(run)
    return sorted(groups.values(), key=_cost)


def _cost(runs: Iterable[Run]) -> int:
    return sum(len(run.first.inside) - 1 for run in runs)


def _compact(plan: Plan, budget: int) -> Plan:
    """Fold stretches of functions, then whatever follows each other, until the plan fits the budget."""
    if plan_size(plan) <= budget:
        return plan
    folded = _fold(plan, lambda item: isinstance(item, Run) and item.first.call.kind == "function")
    if plan_size(folded) <= budget:
        return folded
    length = -(-len(plan) // budget)
    runs = [item for item in plan if isinstance(item, Run)]
    return (
        tuple(Rest(tuple(runs[i : i + length])) for i in range(0, len(runs), length))
        if len(runs) == len(plan)
        else folded
    )


def _fold(plan: Plan, foldable: Callable[[Run | Opened | Rest], bool]) -> Plan:
    found: list[Run | Opened | Rest] = []
    for fold, items in groupby(plan, foldable):
        some = list(items)
        runs = tuple(item for item in some if isinstance(item, Run))
        if fold and len(runs) > 1:
            found.append(Rest(runs))
        else:
            found += [Opened(i.run, _fold(i.items, foldable)) if isinstance(i, Opened) else i for i in some]
    return tuple(found)


def plan_drift(runs: tuple[Run, ...], budget: int, asked: Asked, neighbours: Callable[[Plan, int], set[str]]) -> Plan:
    """Show what changed and what it touches, fold the rest; if that is too much, what matters most.

    ``neighbours(plan, steps)`` gives the nodes that stand so many steps beside a changed one.
    """
    places, wanted = _by_weight(runs), _wanted(runs, asked)
    bare = _build(runs, _around(places) | wanted)
    for steps in range(asked.neighbours, -1, -1):
        plan = _focus(bare, _shown(places) | neighbours(bare, steps))
        if plan_size(plan) <= budget:
            return plan
    plans = [_of_places(runs, places[:1], wanted)]
    low, high = 1, len(places)
    while high - low > 1:
        middle = (low + high) // 2
        plan = _of_places(runs, places[:middle], wanted)
        if plan_size(plan) <= budget:
            low = middle
            plans.append(plan)
        else:
            high = middle
    return plans[-1] if wanted else _compact(plans[-1], budget)


Place = tuple[Run, ...]
"""A run that changed, behind those that it is in."""


def _by_weight(runs: tuple[Run, ...]) -> list[Place]:
    """What changed, by consequence; of what weighs the same, one place of each edit first."""
    seen: Counter[Hashable] = Counter()
    keyed = []
    for index, place in enumerate(_changed(runs, ())):
        weight, edit = place[-1].first.weight, _edit(place[-1])
        keyed.append(((weight, seen[edit], index), place))
        seen[edit] += 1
    return [place for _, place in sorted(keyed, key=lambda pair: pair[0])]


def left_out(runs: tuple[Run, ...], plan: Plan) -> int:
    """How many changed places a plan has no node or box for."""
    return len({place[-1].first.id for place in _changed(runs, ())} - _ids(plan))


def _ids(plan: Plan) -> set[str]:
    found: set[str] = set()
    for item in plan:
        match item:
            case Opened(run, items):
                found |= {run.first.id} | _ids(items)
            case Run():
                found.add(item.first.id)
    return found


def _changed(runs: tuple[Run, ...], outer: Place) -> Iterator[Place]:
    for run in runs:
        if run.first.change:
            yield (*outer, run)
        if run.first.change in ("", "changed"):
            yield from _changed(run.first.inside, (*outer, run))


def _edit(run: Run) -> Hashable:
    site = run.first
    return (site.change, str(class_text(site)), tuple((c.kind, c.what, c.old, c.new) for c in site.notable if c.what))


def _of_places(runs: tuple[Run, ...], places: list[Place], wanted: set[str]) -> Plan:
    return _focus(_build(runs, _around(places) | wanted), _shown(places))


def _around(places: list[Place]) -> set[str]:
    return {run.first.id for place in places for run in place[:-1]}


def _shown(places: list[Place]) -> set[str]:
    return {run.first.id for place in places for run in place}


def _focus(plan: Plan, keep: set[str]) -> Plan:
    return _fold(plan, lambda item: isinstance(item, Run) and item.first.id not in keep)
