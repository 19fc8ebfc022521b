"""What is drawn, as data: nodes, boxes around them and edges between them, without colours, fonts or positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Box", "Drawing", "Edge", "Item", "Node", "Stack", "walk_nodes"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    ``kind`` is ``input``, ``output``, ``module`` (opaque, or closed in this picture), ``function``, ``rest`` (calls
    folded together) or ``point`` (an edge branches there). ``title`` is bold, ``label`` stands behind it, ``details``
    are small texts below, ``size`` says how many parameters there are, ``notes`` what changed. ``change`` is ``""``,
    ``added``, ``removed`` or ``changed``; ``dim`` is True for what did not change in the picture of a drift,
    ``weighty`` for what holds parameters. ``family`` is one of `theme.FAMILIES` or ``""``. ``indent`` is how far a row
    of a `Stack` stands in. ``tips`` are told where the mouse rests: for both sides, before, after. ``only`` is the side
    of a drift that has it, where ``change`` does not say so; ``hidden`` is True for what keeps its place alone.
    """

    id: str
    kind: str
    title: str
    label: str = ""
    details: tuple[str, ...] = ()
    size: str = ""
    notes: tuple[str, ...] = ()
    change: str = ""
    dim: bool = False
    weighty: bool = False
    family: str = ""
    indent: int = 0
    tips: tuple[str, ...] = ()
    only: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A module that is open: what happens inside it; the rest is as in a `Node`."""

    id: str
    title: str
    label: str
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    change: str = ""
    dim: bool = False
    tips: tuple[str, ...] = ()
    only: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """Nodes that follow each other without a branch, as rows of one; ``shapes`` are those of their results."""

    id: str
    rows: tuple[Node, ...]
    shapes: tuple[str, ...]


Item = Node | Box | Stack


@dataclass(frozen=True, slots=True)
class Edge:
    """From the node that made a tensor to the node that uses it; ``labels`` are lines (shapes).

    ``arrow`` is False for a stem that ends where it branches.
    """

    tail: str
    head: str
    labels: tuple[str, ...] = ()
    change: str = ""
    dim: bool = False
    arrow: bool = True
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole picture; ``legend`` are the kinds of change that it explains."""

    title: str
    subtitle: tuple[str, ...]
    items: tuple[Item, ...]
    edges: tuple[Edge, ...]
    legend: tuple[str, ...] = ()


def walk_nodes(items: tuple[Item, ...]) -> Iterator[Node]:
    """Yield the nodes in drawing order, those inside boxes and stacks too."""
    for item in items:
        match item:
            case Box():
                yield from walk_nodes(item.items)
            case Stack():
                yield from item.rows
            case Node():
                yield item
