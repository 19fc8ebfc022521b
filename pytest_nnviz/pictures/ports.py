"""Where one tensor goes to several nodes of a box, one edge leads into the box and branches off there."""

from __future__ import annotations

from dataclasses import replace

from pytest_nnviz.pictures.drawing import Box, Edge, Item, Node, walk_nodes

__all__ = ["branch_inside"]


def branch_inside(items: tuple[Item, ...], edges: tuple[Edge, ...]) -> tuple[tuple[Item, ...], tuple[Edge, ...]]:
    """The same drawing with a point in each box for every tensor from outside that at least two of its items use."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Box):
            points, edges = _enter(item, edges)
            inside, edges = branch_inside((*points, *item.items), edges)
            item = replace(item, items=inside)
        found.append(item)
    return tuple(found), edges


def _enter(box: Box, edges: tuple[Edge, ...]) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    inside = {node.id: index for index, item in enumerate(box.items) for node in walk_nodes((item,))}
    bundles: dict[str, list[Edge]] = {}
    for edge in edges:
        if edge.head in inside and edge.tail not in inside:
            bundles.setdefault(edge.tail, []).append(edge)
    points: dict[str, Node] = {}
    found: list[Edge] = []
    for edge in edges:
        bundle = bundles.get(edge.tail, [])
        if edge not in bundle or len({inside[e.head] for e in bundle}) < 2:
            found.append(edge)
            continue
        if edge.tail not in points:
            faint = all(e.dim or e.change for e in bundle)
            name = f"point/{edge.tail}/{box.id}"
            trunk = _trunk(name, bundle)
            points[edge.tail] = Node(name, "point", "", dim=faint, change=trunk.change)
            found.append(trunk)
        found.append(replace(edge, tail=points[edge.tail].id, labels=_own_labels(edge, bundle)))
    return tuple(points.values()), tuple(found)


def _trunk(point: str, bundle: list[Edge]) -> Edge:
    changes = {edge.change for edge in bundle}
    change = changes.pop() if len(changes) == 1 else ""
    shared = bundle[0].labels if all(edge.labels == bundle[0].labels for edge in bundle) else ()
    dim = all(edge.dim or edge.change for edge in bundle) and not change
    return Edge(bundle[0].tail, point, shared, change, dim, arrow=False)


def _own_labels(edge: Edge, bundle: list[Edge]) -> tuple[str, ...]:
    """Labels that the trunk does not already show."""
    return () if all(other.labels == edge.labels for other in bundle) else edge.labels
