"""Calls that follow each other without a branch stand in one node, row by row: a picture of half the height."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from pytest_nnviz.pictures.drawing import Box, Edge, Item, Node, Stack
from pytest_nnviz.pictures.text import Text, joined

__all__ = ["stack_chains"]

_STACKED = ("module", "function")


def stack_chains(
    items: tuple[Item, ...], edges: tuple[Edge, ...], *, dense: bool = False
) -> tuple[tuple[Item, ...], tuple[Edge, ...]]:
    """The same drawing with every chain of siblings as one `Stack`, and only the edges between nodes.

    What changed stands by itself, unless the drawing is ``dense``.
    """
    allowed = ("", "changed") if dense else ("",)
    leaving, entering = Counter(e.tail for e in edges), Counter(e.head for e in edges)
    links = {e.tail: e for e in edges if leaving[e.tail] == entering[e.head] == 1 and e.change in allowed and e.arrow}
    inner: dict[str, str] = {}
    stacked = _stack(items, links, inner, allowed)
    kept = [edge for edge in edges if inner.get(edge.head) != edge.tail]
    last = _last(inner)
    return stacked, tuple(replace(edge, tail=last.get(edge.tail, edge.tail)) for edge in kept)


def _stack(
    items: tuple[Item, ...], links: dict[str, Edge], inner: dict[str, str], changes: tuple[str, ...]
) -> tuple[Item, ...]:
    """Join the chains among siblings; ``inner`` takes, for each row but the first, the id of the row before it."""
    nodes = [item for item in items if isinstance(item, Node)]
    siblings = {node.id: node for node in nodes if node.kind in _STACKED and node.change in changes}
    after = {tail: links[tail].head for tail in siblings if tail in links and links[tail].head in siblings}
    inner.update({head: tail for tail, head in after.items()})
    found: list[Item] = []
    for item in items:
        if isinstance(item, Box):
            found.append(replace(item, items=_stack(item.items, links, inner, changes)))
        elif item.id in after and item.id not in inner:
            found.append(_chain(item.id, siblings, after, links))
        elif item.id not in inner:
            found.append(item)
    return tuple(found)


def _chain(first: str, siblings: dict[str, Node], after: dict[str, str], links: dict[str, Edge]) -> Stack:
    names = [first]
    while names[-1] in after:
        names.append(after[names[-1]])
    shapes = [_in_a_row(links[name].labels) for name in names[:-1]]
    shown = [shape if index == 0 or shape != shapes[index - 1] else "" for index, shape in enumerate(shapes)]
    return Stack(first, tuple(siblings[name] for name in names), (*shown, ""))


def _in_a_row(labels: tuple[str, ...]) -> Text:
    """Shapes behind each other; those after a change follow those before it by an arrow."""
    arrow = next((at for at, label in enumerate(labels) if label.startswith("→")), len(labels))
    return joined([joined(labels[:arrow], ", "), joined(labels[arrow:], ", ")], " ")


def _last(inner: dict[str, str]) -> dict[str, str]:
    """The stack (the id of its first row) of every row but the first."""
    following = {tail: head for head, tail in inner.items()}
    found: dict[str, str] = {}
    for first in following.keys() - inner.keys():
        name = first
        while name in following:
            name = following[name]
            found[name] = first
    return found
