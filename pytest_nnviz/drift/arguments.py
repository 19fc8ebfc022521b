"""Arguments, inputs and results of calls side by side: which name is which, what sizes and fields became."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_nnviz.architecture import Argument, Call, Literal, TensorSpec, Tree, Value
from pytest_nnviz.drift.data import Way
from pytest_nnviz.drift.references import Graph
from pytest_nnviz.drift.wrapping import handed_on

__all__ = [
    "fields_returned",
    "handed",
    "is_same_form",
    "literal_text",
    "positional",
    "renamed_arguments",
    "sizes_changed",
]


def handed(call: Call, graph: Graph, ways: Sequence[Way]) -> Call:
    """A call with what reaches the innermost of those that it only hands on to, and the inside of that."""
    for outer, way in pairwise(ways):
        if outer != way:
            inner = graph.call(way)
            call = replace(call, args=handed_on(call, inner), body=inner.body)
    return call


def literal_text(argument: Argument | None) -> str | None:
    """The text of an argument that is a plain value."""
    return argument.value.text if argument is not None and isinstance(argument.value, Literal) else None


def renamed_arguments(
    old: dict[str, Argument], new: dict[str, Argument], same: Callable[[Argument, Argument], bool]
) -> dict[str, str]:
    """Names that went and names that came, in order, as long as they bring the same value."""
    went = [name for name in old if name not in new]
    came = [name for name in new if name not in old]
    pairs = zip(went, came, strict=True) if len(went) == len(came) else ()
    return {a: b for a, b in pairs if same(old[a], new[b])}


def positional(old: dict[str, Argument], new: dict[str, Argument]) -> tuple[dict[str, Argument], dict[str, Argument]]:
    """The arguments with those named by position that have a name on one side alone, as where one side is opaque."""
    if old.keys() == new.keys():
        return old, new
    alone = [x not in new and y not in old for x, y in zip(old, new, strict=False)]

    def renamed(side: dict[str, Argument]) -> dict[str, Argument]:
        names = [f"#{index}" if index < len(alone) and alone[index] else name for index, name in enumerate(side)]
        return dict(zip(names, side.values(), strict=True))

    return renamed(old), renamed(new)


def sizes_changed(old: Value, new: Value) -> Iterator[tuple[Literal, Literal]]:
    """The sizes of dimensions that became others."""
    if isinstance(old, Tree) and isinstance(new, Tree):
        for a, b in zip(old.items, new.items, strict=False):
            yield from sizes_changed(a, b)
    elif isinstance(old, TensorSpec) and isinstance(new, TensorSpec) and len(old.shape) == len(new.shape):
        for before, after in zip(old.shape, new.shape, strict=True):
            if before != after:
                yield Literal(str(before)), Literal(str(after))


def is_same_form(old: Value, new: Value) -> bool:
    """Whether two inputs differ in nothing but shapes and dtypes."""
    if isinstance(old, Tree) and isinstance(new, Tree):
        return (old.kind, old.keys, len(old.items)) == (new.kind, new.keys, len(new.items)) and all(
            map(is_same_form, old.items, new.items)
        )
    return old == new or (isinstance(old, TensorSpec) and isinstance(new, TensorSpec))


def fields_returned(old: Value, new: Value) -> list[tuple[str, Value | None, Value | None]]:
    """What is returned: as a whole, or by name where fields came to others or went from them."""
    if isinstance(old, Tree) and isinstance(new, Tree) and old.kind == new.kind:
        before, after = dict(zip(old.keys, old.items, strict=False)), dict(zip(new.keys, new.items, strict=False))
        kept = [key for key in before if key in after]
        if kept and len(before) != len(after) and kept == [key for key in after if key in before]:
            return [(f"return {key}", before.get(key), after.get(key)) for key in {**before, **after}]
    return [("return", old, new)]
