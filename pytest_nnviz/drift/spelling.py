"""Arguments that are spelled alike and mean something else: what stands behind the names is written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_nnviz.architecture import Argument, Literal, Ref, Tree, Value
from pytest_nnviz.drift.data import Way
from pytest_nnviz.drift.links import Links, Use
from pytest_nnviz.drift.references import Graph
from pytest_nnviz.textformat.write import format_arguments, format_ref, format_value

__all__ = ["tell_apart"]

Arguments = tuple[Argument, ...]
Spelling = Callable[[Graph, Ref, Way], str]


def tell_apart(links: Links, old: tuple[Arguments, Way], new: tuple[Arguments, Way]) -> tuple[Arguments, Arguments]:
    """Both sides as they are if their texts differ, else with what the names stand for.

    ``%add`` becomes ``%add(x, %attn)``, or ``%add (call 3)`` where the arguments are alike too.
    """
    for spelling in (_plain, _with_arguments, _with_position):
        pairs = [
            _spell(links, (a.value, old[1]), (b.value, new[1]), spelling) for a, b in zip(old[0], new[0], strict=False)
        ]
        sides = [
            (*(Argument(a.name, pair[side]) for a, pair in zip(own, pairs, strict=False)), *own[len(pairs) :])
            for side, own in enumerate((old[0], new[0]))
        ]
        if format_arguments(sides[0]) != format_arguments(sides[1]):
            return sides[0], sides[1]
    return old[0], tuple(Argument(a.name, Literal(f"{format_value(a.value)} of another origin")) for a in new[0])


def _spell(links: Links, old: Use, new: Use, spelling: Spelling) -> tuple[Value, Value]:
    a, b = old[0], new[0]
    if isinstance(a, Tree) and isinstance(b, Tree) and len(a.items) == len(b.items):
        items = [_spell(links, (x, old[1]), (y, new[1]), spelling) for x, y in zip(a.items, b.items, strict=True)]
        return replace(a, items=tuple(x for x, _ in items)), replace(b, items=tuple(y for _, y in items))
    if isinstance(a, Ref) and isinstance(b, Ref) and not links.same(old, new):
        return Literal(spelling(links.old, a, old[1])), Literal(spelling(links.new, b, new[1]))
    return a, b


def _plain(graph: Graph, ref: Ref, way: Way) -> str:
    return format_ref(ref)


def _with_arguments(graph: Graph, ref: Ref, way: Way) -> str:
    source = graph.source(ref, way)
    if source.kind != "result":
        return format_ref(ref)
    whole, base = format_ref(ref), format_ref(replace(ref, path=(), after=None))
    return f"{base}({format_arguments(graph.call(source.way).args)}){whole[len(base) :]}"


def _with_position(graph: Graph, ref: Ref, way: Way) -> str:
    source = graph.source(ref, way)
    return f"{format_ref(ref)} (call {source.way[-1] + 1})" if source.kind == "result" else format_ref(ref)
