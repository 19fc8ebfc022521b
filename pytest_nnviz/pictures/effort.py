"""How much work a drawing is to lay out, known before an engine is asked."""

from __future__ import annotations

from collections import Counter, deque

from pytest_nnviz.pictures.drawing import Drawing, Edge, walk_nodes

__all__ = ["crossed_ranks", "node_count"]


def node_count(drawing: Drawing) -> int:
    """Nodes of a drawing, rows of stacks too."""
    return sum(1 for _ in walk_nodes(drawing.items))


def crossed_ranks(drawing: Drawing) -> int:
    """Ranks that edges cross on their way: an engine puts a node of its own into each of them."""
    ranks = _ranks(drawing.edges)
    return sum(max(0, ranks[edge.head] - ranks[edge.tail] - 1) for edge in drawing.edges)


def _ranks(edges: tuple[Edge, ...]) -> dict[str, int]:
    """The longest way to each node; what nothing leads to stands right before what it leads to."""
    after: dict[str, list[str]] = {}
    for edge in edges:
        after.setdefault(edge.tail, []).append(edge.head)
    waiting = Counter(edge.head for edge in edges)
    sources = [name for name in after if name not in waiting]
    ranks = dict.fromkeys([*after, *waiting], 0)
    ready = deque(sources)
    while ready:  # nodes on a circle are never ready, and stay where they are
        name = ready.popleft()
        for head in after.get(name, ()):
            ranks[head] = max(ranks[head], ranks[name] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    return ranks | {name: min(ranks[head] for head in after[name]) - 1 for name in sources}
