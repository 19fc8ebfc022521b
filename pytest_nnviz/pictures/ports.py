"""Where one tensor goes to several nodes of a box, one edge leads into the box and branches off there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_nnviz.pictures.drawing import Box, Edge, Item, Node, walk_nodes

__all__ = ["branch_inside"]


def branch_inside(items: tuple[Item, ...], edges: tuple[Edge, ...]) -> tuple[tuple[Item, ...], tuple[Edge, ...]]:
    """The same drawing with a point in each box for every tensor from outside that at least two of its items use."""
    flow = _Flow(edges)
    return tuple(_entered(items, flow)), tuple(flow)


class _Flow:
    """The edges, found by what they lead to, and before each of them the stems that it branches off."""

    def __init__(self, edges: tuple[Edge, ...]) -> None:
        self.edges = list(edges)
        self.stems: list[list[Edge]] = [[] for _ in edges]
        self._into: dict[str, list[int]] = {}
        for at, edge in enumerate(edges):
            self._into.setdefault(edge.head, []).append(at)

    def __iter__(self) -> Iterator[Edge]:
        for stems, edge in zip(self.stems, self.edges, strict=True):
            yield from stems
            yield edge

    def into(self, heads: Iterable[str]) -> list[int]:
        """The numbers of the edges that lead to these nodes."""
        return sorted(at for head in heads for at in self._into.get(head, ()))


def _entered(items: tuple[Item, ...], flow: _Flow) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Box):
            points = tuple(_enter(item, flow))
            yield replace(item, items=(*points, *_entered(item.items, flow)))
        else:
            yield item


def _enter(box: Box, flow: _Flow) -> Iterator[Node]:
    inside = {node.id: index for index, item in enumerate(box.items) for node in walk_nodes((item,))}
    bundles: dict[str, list[int]] = {}
    for at in flow.into(inside):
        if flow.edges[at].tail not in inside:
            bundles.setdefault(flow.edges[at].tail, []).append(at)
    for tail, bundle in bundles.items():
        if len({inside[flow.edges[at].head] for at in bundle}) > 1:
            yield _branch(f"point/{tail}/{box.id}", bundle, flow)


def _branch(name: str, bundle: list[int], flow: _Flow) -> Node:
    """Let the edges of a bundle start at a point, which one stem leads to."""
    edges = [flow.edges[at] for at in bundle]
    shared = all(edge.labels == edges[0].labels for edge in edges)
    stem = _stem(name, edges, edges[0].labels if shared else ())
    flow.stems[bundle[0]].append(stem)
    for at, edge in zip(bundle, edges, strict=True):
        flow.edges[at] = replace(edge, tail=name, labels=() if shared else edge.labels)
    return Node(name, "point", "", change=stem.change, dim=all(edge.dim or edge.change for edge in edges))


def _stem(point: str, bundle: list[Edge], labels: tuple[str, ...]) -> Edge:
    changes = {edge.change for edge in bundle}
    change = changes.pop() if len(changes) == 1 else ""
    dim = all(edge.dim or edge.change for edge in bundle) and not change
    return Edge(bundle[0].tail, point, labels, change, dim, arrow=False)
