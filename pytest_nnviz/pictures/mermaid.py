"""Drawing -> Mermaid text, for pages that draw it themselves, such as those of pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Item, Node, Stack

__all__ = ["to_mermaid"]

_MARKUP = re.compile(r"[^\w .,:=+*/()\[\]{}→\u00d7'-]|s(?=tyle)|c(?=lassDef)")
"""In a quoted label: all but letters and a few signs, and words that cost the codes after them their end."""

_LONGEST = 60
_NOTES = 4


def to_mermaid(drawing: Drawing) -> str:
    """The text of a flowchart, with one final newline; names are made, so that none of the model's can be syntax."""
    names: dict[str, str] = {}
    lines = ["flowchart TD", *_items(drawing.items, names, "  ")]
    lines += [f"  {line}" for edge in drawing.edges for line in _edge(edge, names)]
    lines += [
        f"  classDef {change} stroke:{look.line.light},stroke-width:{width}px{dashes}"
        for change, look, width, dashes in _styles()
    ]
    return "\n".join([*lines, "  classDef dim opacity:0.6"]) + "\n"


def _styles() -> Iterator[tuple[str, theme.Look, int, str]]:
    yield "added", theme.CHANGES["added"], 3, ""
    yield "removed", theme.CHANGES["removed"], 2, ",stroke-dasharray:5 3"
    yield "changed", theme.CHANGES["changed"], 2, ""


def _items(items: Iterable[Item], names: dict[str, str], indent: str) -> Iterator[str]:
    for item in items:
        name = names[item.id] = f"n{len(names)}"
        match item:
            case Box():
                yield f'{indent}subgraph {name} ["{_label(item)}"]'
                yield from _items(item.items, names, f"{indent}  ")
                yield f"{indent}end"
            case Stack():
                names.update(dict.fromkeys((row.id for row in item.rows), name))
                rows = "<br/>".join(_label(row) for row in item.rows)
                yield f'{indent}{name}["{rows}"]{_class(item.rows)}'
            case Node(kind="point"):
                yield f'{indent}{name}((" "))'
            case Node():
                yield f'{indent}{name}["{_label(item)}"]{_class([item])}'


def _class(nodes: Iterable[Node]) -> str:
    nodes = list(nodes)
    change = next((node.change for node in nodes if node.change), "")
    return f":::{change}" if change else ":::dim" if all(node.dim for node in nodes) else ""


def _label(item: Node | Box) -> str:
    sign = f"{theme.SIGNS[item.change]} " if item.change else ""
    first = f"{sign}{item.title}{item.label and f': {item.label}'}"
    more = [f"... {len(item.notes) - _NOTES} more"] if len(item.notes) > _NOTES else []
    return "<br/>".join(map(_text, [first, *item.notes[:_NOTES], *more]))


def _edge(edge: Edge, names: dict[str, str]) -> Iterator[str]:
    tail, head = names[edge.tail], names[edge.head]
    line = {"added": "==>", "removed": "-.->"}.get(edge.change, "-->") if edge.arrow else "---"
    label = f'|"{"<br/>".join(map(_text, edge.labels))}"|' if edge.labels else ""
    yield f"{tail} {line}{label} {head}"


def _text(text: str) -> str:
    """A label in which nothing is markup: what is not plain stands as its code."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return _MARKUP.sub(lambda found: f"#{ord(found[0])};", " ".join(short.split())) or " "
