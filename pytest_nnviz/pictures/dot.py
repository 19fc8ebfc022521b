"""Drawing -> DOT text: pure; whatever a model is called, it comes out as text."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Item, Node, Stack, walk_nodes
from pytest_nnviz.pictures.text import HIDDEN, Text, joined

if TYPE_CHECKING:
    import graphviz

__all__ = ["to_dot"]

_TRANSPARENT = "transparent"
_STRUT = f'<font point-size="{theme.SIZES["strut"]}"> </font>'
_LONGEST = 80
_LONGEST_TIP = 400
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"}


def to_dot(drawing: Drawing) -> str:
    """The DOT text of a drawing, for any version of Graphviz's dot."""
    import graphviz

    graph = graphviz.Digraph(
        "nnviz",
        graph_attr=_graph_attributes(drawing),
        node_attr={
            "fontname": theme.FONT,
            "fontsize": str(theme.SIZES["node"]),
            "margin": "0.13,0.06",
            "height": "0.3",
        },
        edge_attr={"fontname": theme.FONT, "fontsize": str(theme.SIZES["edge"]), "arrowsize": "0.6"},
    )
    _items(graph, drawing.items)
    for edge in drawing.edges:
        graph.edge(edge.tail, edge.head, **_edge_attributes(edge))
    return str(graph.source)


def _graph_attributes(drawing: Drawing) -> dict[str, str]:
    return {
        **theme.GRAPH,
        "newrank": "true",
        "splines": "spline",
        "nslimit": "8",
        "nslimit1": "8",
        "bgcolor": theme.PLATE.light,
        "fontname": theme.FONT,
        "fontcolor": theme.INK.light,
        "fontsize": str(theme.SIZES["subtitle"]),
        "labelloc": "t",
        "labeljust": "l",
        "label": _heading(drawing),
    }


def _heading(drawing: Drawing) -> str:
    lines = [_font(f"<b>{_text(drawing.title)}</b>", theme.SIZES["title"], theme.INK)]
    lines += [_font(_text(line), theme.SIZES["subtitle"], theme.MUTED) for line in drawing.subtitle]
    if drawing.legend:
        lines.append(_legend(drawing.legend))
    rows = [f'<tr><td align="left">{line}</td></tr>' for line in lines]
    shown = {node.family for node in walk_nodes(drawing.items) if _shows_family(node)}
    if shown:
        rows.append(f'<tr><td align="left">{_key(shown)}</td></tr>')
    return f'<<table border="0" cellspacing="0" cellpadding="1">{"".join(rows)}</table>>'


def _shows_family(node: Node) -> bool:
    return bool(node.family) and not (node.change or node.dim or node.kind == "rest")


def _key(families: Collection[str]) -> str:
    """The families that are there, each in its colours."""
    cells = [
        f'<td bgcolor="{look.fill.light}" color="{look.line.light}" border="1">'
        f"{_font(name, theme.SIZES['detail'], theme.INK)}</td>"
        for name, look in theme.FAMILIES.items()
        if name in families
    ]
    return f'<table border="0" cellspacing="4" cellpadding="2"><tr>{"".join(cells)}</tr></table>'


def _legend(shown: Collection[str]) -> str:
    changes = ("added", "removed", "changed")
    entries = [_entry(change) for change in changes if change in shown]
    hidden = [f"<b>{_hide(f'{theme.SIGNS[change]} {change}')}</b>" for change in changes if change not in shown]
    return "   ".join(entries + [_font(entry, theme.SIZES["subtitle"], theme.INK) for entry in hidden])


def _entry(change: str) -> str:
    return _font(f"<b>{theme.SIGNS[change]} {change}</b>", theme.SIZES["subtitle"], theme.CHANGES[change].line)


def _items(graph: graphviz.Digraph, items: tuple[Item, ...]) -> None:
    for item in items:
        match item:
            case Node():
                graph.node(item.id, **_node_attributes(item))
            case Stack():
                graph.node(item.id, **_stack_attributes(item))
            case Box():
                with graph.subgraph(name=f"cluster_{item.id}") as inside:
                    inside.attr("graph", **_box_attributes(item))
                    _items(inside, item.items)


def _look(node: Node) -> theme.Look:
    if node.change:
        return theme.CHANGES[node.change]
    if node.kind == "rest":
        return theme.KINDS["rest"]
    if node.dim:
        return theme.KINDS["dim"]
    if _shows_family(node):
        family = theme.FAMILIES[node.family]
        return replace(family, style=theme.KINDS[node.kind].style)
    return theme.KINDS["weighty" if node.kind == "module" and node.weighty else node.kind]


def _line(look: theme.Look, *, hidden: bool = False) -> dict[str, str]:
    """Hidden lines have their width too: it is where edges end."""
    return {"color": look.line.light, "style": "invis" if hidden else look.style, "penwidth": f"{look.width:g}"}


def _node_attributes(node: Node) -> dict[str, str]:
    if node.kind == "point":
        return _point_attributes(node)
    look = _look(node)
    size = (node.size,) if node.size else ()
    label = "<" + _label(node, look, [*_lines(node, theme.WIDTHS["node"]), *size]) + ">"
    return {
        "id": node.id,
        "tooltip": _told(node),
        "class": " ".join(filter(None, (node.kind, node.change))),
        "label": label,
        "shape": look.shape,
        "fillcolor": look.fill.light,
        "fontcolor": look.ink.light,
        **_line(look, hidden=node.hidden),
        **({"peripheries": "2"} if node.change == "changed" else {}),
    }


def _point_attributes(node: Node) -> dict[str, str]:
    colour = theme.EDGES["dim" if node.dim else ""].line.light
    size = {"width": "0.05", "height": "0.05"}
    style = {"style": "invis"} if node.hidden else {}
    return {"id": node.id, "class": "point", "label": "", "shape": "point", "color": colour, **size, **style}


def _stack_attributes(stack: Stack) -> dict[str, str]:
    line = theme.KINDS["dim" if stack.rows[0].dim else "stack"].line.light
    rows = [_row(row, shape, first=row is stack.rows[0]) for row, shape in zip(stack.rows, stack.shapes, strict=True)]
    table = f'<table border="1" cellborder="0" cellspacing="0" cellpadding="3" color="{line}">{"".join(rows)}</table>'
    tip = _tip("\n".join(Text.of(row.title).shown for row in stack.rows if not row.hidden))
    return {
        "id": f"stack/{stack.id}",
        "tooltip": tip,
        "class": "stack",
        "label": f"<{table}>",
        "shape": "plain",
        "fontcolor": theme.INK.light,
    }


def _row(node: Node, shape: str, *, first: bool) -> str:
    look = _look(node)
    text = _font(_label(node, look, _lines(node, theme.WIDTHS["row"]), "left"), theme.SIZES["node"], look.ink)
    facts = "".join(f'{_text(line)}<br align="right"/>' for line in (shape, node.size) if line) or " "
    small = _font(facts, theme.SIZES["edge"], look.ink if node.dim else theme.MUTED)
    cell = f'{_cell(node, look)} sides="T" border="{0 if first else 1}"'
    name = "" if node.hidden else f'id="{node.id}" '
    left = f'<td {name}{cell} align="left" balign="left">{text}</td>'
    return f'<tr>{left}<td {cell} align="right" balign="right">{small}</td></tr>'


def _cell(node: Node, look: theme.Look) -> str:
    if node.hidden:
        return f'color="{_TRANSPARENT}"'
    told = f'href="#a_{node.id}" tooltip="{_told(node)}"'
    return f'{told} bgcolor="{look.fill.light}" color="{look.line.light}"'


def _lines(node: Node, width: int) -> list[Text]:
    return [line for text in node.details for line in _wrap(text, width, 2)]


def _label(item: Node | Box, look: theme.Look, details: list[str] | list[Text], align: str = "") -> str:
    first = f"<b>{_text(joined([_sign(item), item.title]))}</b>" + (_text(_behind(item)) if item.label else "")
    muted = look.ink if item.dim or look.ink is not theme.INK else theme.MUTED
    small, centred = theme.SIZES["detail"], not align
    lines = [first, *(_font(_text(line, centred=centred), small, muted) for line in details)]
    noted = theme.CHANGES[item.change].line if item.change else theme.INK
    notes = [line for text in item.notes for line in _wrap(text, theme.WIDTHS["note"], 3)]
    notes.sort(key=lambda line: not line.shown)
    lines += [_font(f"<b>{_text(line, centred=centred)}</b>", small, noted) for line in notes]
    lines[1:2] = [line + _STRUT for line in lines[1:2]]
    end = f'<br align="{align}"/>' if align else "<br/>"
    if isinstance(item, Node) and item.indent:
        lines = [_font("&#160;" * theme.INDENT * item.indent, theme.SIZES["node"], look.ink) + line for line in lines]
    return end.join(lines) + (end if align else "")


def _sign(item: Node | Box) -> Text:
    return Text((f"{theme.SIGNS[item.change]} " if item.change else "", HIDDEN if item.hidden else ""))


def _behind(item: Node | Box) -> Text:
    """The label; engines take an arrow in the title before it for narrower than it is."""
    space = "\N{NO-BREAK SPACE}" if "→" in item.title else ""
    return joined([Text((f"{space}: ", "" if Text.of(item.label).shown else HIDDEN)), item.label])


def _box_attributes(box: Box) -> dict[str, str]:
    look = theme.BOXES[box.change or ("dim" if box.dim else "")]
    return {
        "id": box.id,
        "tooltip": _told(box),
        "class": " ".join(filter(None, ("box", box.change))),
        "label": "<" + _label(box, look, [], "left") + ">",
        "labeljust": "l",
        "labelloc": "t",
        "margin": "10",
        "fillcolor": look.fill.light,
        "fontcolor": look.ink.light,
        "fontsize": str(theme.SIZES["box"]),
        **_line(look, hidden=box.hidden),
    }


def _edge_attributes(edge: Edge) -> dict[str, Any]:
    look = theme.EDGES[edge.change or ("dim" if edge.dim else "")]
    found = {"fontcolor": look.ink.light, "class": edge.change or "edge", **_line(look, hidden=edge.hidden)}
    if not edge.arrow:
        found["arrowhead"] = "none"
    if edge.labels:
        found["label"] = "<" + "<br/>".join(_text(_padded(line), centred=True) for line in edge.labels) + ">"
    return found


def _padded(label: str) -> Text:
    """With a space at each end, hidden with the label: one that stands alone has no width."""
    whole = Text.of(label)
    return _ending(Text((" ", whole.parts[0][1]), *whole.parts), " ") if label else whole


def _font(text: str, size: float, colour: theme.Colour) -> str:
    return f'<font point-size="{size:g}" color="{colour.light}">{text}</font>'


def _text(text: str, *, centred: bool = False) -> str:
    """Any text as text of an HTML label: control characters gone, markup and backslashes escaped, cut if long.

    What is hidden keeps its width behind what is shown, or on both sides of it.
    """
    whole = Text.of(text)
    if len(whole) > _LONGEST:
        whole = _ending(whole.cut(0, _LONGEST - 1), "…")
    at = len(whole.hidden) // 2 if centred and whole.shown else 0
    spans = [span for span in (_hide(whole.hidden[:at]), _plain(whole.shown), _hide(whole.hidden[at:])) if span]
    return "".join(spans if len(spans) > 1 or not _is_sided(whole) else _halves(whole)) or " "


def _is_sided(text: Text) -> bool:
    return len({side for _, side in text.parts}) > 1


def _halves(text: Text) -> tuple[str, str]:
    """A text in two parts on every side: engines give lines another height where one of them has several parts."""
    first, rest = text.parts[0][0], text[len(text.parts[0][0]) :]
    if text.hidden:
        return _hide(first), _hide(rest)
    return _plain(first), f'<font face="{theme.FONT}">{_plain(rest)}</font>'


def _plain(text: str) -> str:
    return "".join(_HTML.get(character, character) for character in _CONTROL.sub(" ", text))


def _hide(text: str) -> str:
    return f'<font color="{_TRANSPARENT}">{_plain(text)}</font>' if text else ""


def _ending(text: Text, end: str) -> Text:
    return Text(*text.parts, (end, text.parts[-1][1]))


def _told(item: Node | Box) -> str:
    return _tip(item.tips[0] if item.tips else Text.of(item.title).shown)


def _tip(text: str) -> str:
    """Any text as the value of an attribute, of the graph or in an HTML label; lines stay lines."""
    plain = "\n".join(_CONTROL.sub(" ", line) for line in text.split("\n"))
    cut = plain if len(plain) <= _LONGEST_TIP else plain[: _LONGEST_TIP - 1] + "…"
    return "".join(f"&#{ord(character)};" if character in '&<>"\\\n' else character for character in cut)


def _wrap(text: str, width: int, lines: int) -> list[Text]:
    """Break a text at spaces into at most ``lines`` lines of about ``width`` characters, with an ellipsis if cut."""
    whole = Text.of(text)
    spans: list[tuple[int, int]] = []
    ends = ""
    for word in re.finditer(r"\S+", text):
        if spans and spans[-1][1] - spans[-1][0] + len(word[0]) < width:
            spans[-1] = (spans[-1][0], word.end())
        elif len(spans) < lines:
            spans.append(word.span())
        else:
            ends = " …"
            break
    found = [whole.cut(*span) for span in spans]
    if ends:
        found[-1] = _ending(found[-1], ends)
    return [line if len(line) <= 2 * width else _ending(line.cut(0, 2 * width - 1), "…") for line in found]
