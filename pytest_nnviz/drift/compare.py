"""Compare two architectures: match the modules, walk the calls, and never be silent about a difference."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_nnviz.architecture import Architecture
from pytest_nnviz.drift.calls import CallChanges
from pytest_nnviz.drift.consequence import COSMETIC, COST, FUNCTION
from pytest_nnviz.drift.data import Change, Drift, Row, Way
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.matching import match_modules
from pytest_nnviz.drift.modules import ModuleChanges
from pytest_nnviz.drift.references import Graph
from pytest_nnviz.drift.tensors import sides
from pytest_nnviz.drift.weighing import weighed
from pytest_nnviz.textformat import dumps

__all__ = ["diff"]


def diff(old: Architecture, new: Architecture) -> Drift:
    """All changes from ``old`` to ``new``; falsy if and only if they are equal (versions take no part)."""
    ids = Identities()
    if _equal(old, new, ids):
        return Drift(old, new, ())
    match = match_modules(old, new, ids)
    changes = list(ModuleChanges(old, new, match, _opaque(old, new)))
    rows: dict[tuple[Way, Way], tuple[Row, ...]] = {}
    if old.forward is not None and new.forward is not None:
        graph = CallChanges(old, new, match, ids, changes)
        changes += graph.changes()
        rows = graph.rows
    elif old.forward is not new.forward:
        side = 1 if old.forward is None else 0
        kind = ("removed", "added")[side]
        changes.append(Change("topology", kind, "", "forward", *sides("graph", side), COSMETIC))
    changes += _cost(old, new, ripple=bool(changes))
    return weighed(Drift(old, new, tuple(changes or _anything(old, new)), match.renames, rows))


def _equal(old: Architecture, new: Architecture, ids: Identities) -> bool:
    return (
        (old.mode, old.inputs, old.flops) == (new.mode, new.inputs, new.flops)
        and ids.module(old.root) == ids.module(new.root)
        and ids.body(old.forward) == ids.body(new.forward)
    )


def _cost(old: Architecture, new: Architecture, *, ripple: bool) -> Iterator[Change]:
    """Another number of FLOPs, which follows from any other change; that they are counted, or no longer, does not."""
    before, after = (None if flops is None else f"{flops:,}" for flops in (old.flops, new.flops))
    if before != after:
        kind = "added" if before is None else "removed" if after is None else "changed"
        both = kind == "changed"
        matched = "by name" if both else ""
        yield Change("cost", kind, "", "flops", before, after, COST, ripple=ripple and both, matched=matched)


def _opaque(old: Architecture, new: Architecture) -> frozenset[tuple[int, str]] | None:
    """The modules that the graphs call without showing what they do."""
    if old.forward is None or new.forward is None:
        return None
    graphs = (Graph(old.forward), Graph(new.forward))
    return frozenset((side, path) for side, graph in enumerate(graphs) for path in _called_whole(graph))


def _called_whole(graph: Graph) -> Iterator[str]:
    stack: list[Way] = [()]
    while stack:
        scope = stack.pop()
        for index, call in enumerate(graph.body(scope).calls):
            if call.body is not None:
                stack.append((*scope, index))
            elif call.kind == "module":
                yield graph.target((*scope, index)) or ""


def _anything(old: Architecture, new: Architecture) -> Iterator[Change]:
    """For a difference that no rule describes: the first line where the texts differ."""
    lines = zip(dumps(old).split("\n"), dumps(new).split("\n"), strict=False)
    before, after = next(((a.strip(), b.strip()) for a, b in lines if a != b), ("as it was", "another"))
    yield Change("structure", "changed", "", "text", before, after, FUNCTION)
