"""One side of the drawing of a drift: what only the other side has keeps its place and is not shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from pytest_nnviz.asked import SIDES
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Item, Node, Stack
from pytest_nnviz.pictures.text import HIDDEN, Text

__all__ = ["one_side"]

_LACKED = {"expected": "added", "actual": "removed"}
_Part = TypeVar("_Part", Node, Box)


def one_side(drawing: Drawing, side: str) -> Drawing:
    """The drawing as it is on a side, laid out as it is for both."""
    if side == "both":
        return drawing
    return replace(
        drawing,
        title=_text(drawing.title, side),
        subtitle=_texts(drawing.subtitle, side),
        items=_items(drawing.items, side),
        edges=tuple(_edge(edge, side) for edge in drawing.edges),
        legend=tuple(change for change in drawing.legend if change != _LACKED[side]),
    )


def _text(text: str, side: str) -> Text:
    return Text.of(text).on(side)


def _texts(texts: Iterable[str], side: str) -> tuple[Text, ...]:
    """Lines of which nothing is left stand last."""
    return tuple(sorted((_text(text, side) for text in texts), key=lambda text: not text.shown))


def _items(items: Iterable[Item], side: str) -> tuple[Item, ...]:
    return tuple(_item(item, side) for item in items)


def _item(item: Item, side: str) -> Item:
    match item:
        case Box():
            return replace(_worded(item, side), items=_items(item.items, side))
        case Stack():
            rows = tuple(_node(row, side) for row in item.rows)
            return replace(item, rows=rows, shapes=tuple(_text(shape, side) for shape in item.shapes))
    return _node(item, side)


def _node(node: Node, side: str) -> Node:
    found = replace(_worded(node, side), details=_texts(node.details, side), size=_text(node.size, side))
    if not found.hidden:
        return found
    return replace(
        found,
        title=_gone(found.title),
        label=_gone(found.label),
        details=tuple(map(_gone, found.details)),
        size=_gone(found.size),
        notes=tuple(map(_gone, found.notes)),
    )


def _gone(text: str) -> Text:
    return Text((text, HIDDEN))


def _worded(item: _Part, side: str) -> _Part:
    return replace(
        item,
        title=_text(item.title, side),
        label=_text(item.label, side),
        notes=_texts(item.notes, side),
        tips=(item.tips[SIDES.index(side)],) if item.tips else (),
        hidden=item.change == _LACKED[side] or item.only not in ("", side),
    )


def _edge(edge: Edge, side: str) -> Edge:
    return replace(edge, labels=_texts(edge.labels, side), hidden=edge.change == _LACKED[side])
