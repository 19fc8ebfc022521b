"""Every colour, font and size of the pictures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ADDED",
    "BOXES",
    "CHANGES",
    "COLOURS",
    "EDGE",
    "EDGES",
    "FAMILIES",
    "FONT",
    "GRAPH",
    "INDENT",
    "INK",
    "KINDS",
    "MUTED",
    "PAGE",
    "PLATE",
    "REMOVED",
    "SIGNS",
    "SIZES",
    "WIDTHS",
    "Colour",
    "Look",
    "style",
]

FONT = "Helvetica"
"""Engines measure text with built-in tables that know this name; a list of fonts or ``sans-serif`` they do not."""


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour on white and the one that takes its place on a dark screen. The light values are unique."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a node, a box or an edge is drawn; ``style`` is Graphviz's, ``width`` that of the line in points."""

    fill: Colour
    line: Colour
    ink: Colour
    style: str = "filled,rounded"
    shape: str = "box"
    width: float = 1.0


PLATE = Colour("#ffffff", "#0d1117")
INK = Colour("#1f2328", "#e6edf3")
MUTED = Colour("#59636e", "#9198a1")
FAINT = Colour("#717983", "#848c96")
HAIR = Colour("#c3cbd3", "#4d5661")
EDGE = Colour("#6e7781", "#848d97")

_MODULE = Colour("#e6ebf0", "#1c2530")
_MODULE_LINE = Colour("#7b8ca0", "#6b7b8e")
_PLAIN = Colour("#f4f6f8", "#1b2128")
_PLAIN_LINE = Colour("#aab3bd", "#4b545e")
_FUNCTION = Colour("#fefefe", "#10151b")
_PORT = Colour("#444c56", "#c3cbd4")
_PORT_INK = Colour("#fdfdfd", "#0e1218")
_PARAMETER = Colour("#f3ecfb", "#241833")
_PARAMETER_LINE = Colour("#8b62c4", "#8a63c0")
_REST = Colour("#fafbfc", "#12171d")
_BOX = Colour("#fbfcfd", "#11161c")
_BOX_LINE = Colour("#b4bdc7", "#444d57")

ADDED = Colour("#00704f", "#3fc795")
REMOVED = Colour("#b3261e", "#ff8f85")
CHANGED = Colour("#8a5a00", "#e8b339")
_ADDED_FILL = Colour("#dcf5ea", "#08291d")
_REMOVED_FILL = Colour("#fdeceb", "#33120f")
_CHANGED_FILL = Colour("#fff2cc", "#332503")

COLOURS = tuple(value for value in dict(globals()).values() if isinstance(value, Colour))

KINDS = {
    "module": Look(_PLAIN, _PLAIN_LINE, INK),
    "weighty": Look(_MODULE, _MODULE_LINE, INK),
    "function": Look(_FUNCTION, _PLAIN_LINE, INK, style="filled"),
    "parameter": Look(_PARAMETER, _PARAMETER_LINE, INK, style="filled", shape="box"),
    "input": Look(_PORT, _PORT, _PORT_INK, shape="box"),
    "output": Look(_PORT, _PORT, _PORT_INK, shape="box"),
    "stack": Look(_PLAIN, _PLAIN_LINE, INK),
    "rest": Look(_REST, FAINT, MUTED, style="filled,rounded,dotted"),
    "dim": Look(_REST, HAIR, FAINT),
}
"""Nodes by kind; what holds parameters is ``weighty``, what did not change in a drift is ``dim``. Modules have round
corners, functions have not.
"""

_FAMILIES = {
    "convolution": (Colour("#ddebf9", "#12283f"), Colour("#4a86c5", "#3f78b5")),
    "linear": (Colour("#e7e4fb", "#201c45"), Colour("#7767cf", "#8274d8")),
    "attention": (Colour("#fbe2f0", "#3a1530"), Colour("#c2549c", "#bf5f9f")),
    "normalization": (Colour("#d8f0ee", "#0d2c2b"), Colour("#34918b", "#3a918c")),
    "activation": (Colour("#fdeadd", "#37210f"), Colour("#c8763f", "#bd7442")),
    "embedding": (Colour("#e6f2d8", "#1d2c10"), Colour("#6f9a3c", "#6c933f")),
    "recurrent": (Colour("#f1e5d6", "#2e2213"), Colour("#98733f", "#99774a")),
    "pooling": (Colour("#dfeaee", "#14262d"), Colour("#55899c", "#4d7f92")),
}
COLOURS += tuple(colour for pair in _FAMILIES.values() for colour in pair)

FAMILIES = {name: Look(fill, line, INK) for name, (fill, line) in _FAMILIES.items()}
"""Layers by family, see `families.py`: what a name says already, at a glance."""

CHANGES = {
    "added": Look(_ADDED_FILL, ADDED, INK, style="filled,rounded,bold", width=3.0),
    "removed": Look(_REMOVED_FILL, REMOVED, INK, style="filled,rounded,dashed", width=1.6),
    "changed": Look(_CHANGED_FILL, CHANGED, INK, style="filled,rounded", width=1.6),
}

BOXES = {
    "": Look(_BOX, _BOX_LINE, MUTED),
    "dim": Look(_BOX, HAIR, MUTED),
    "added": Look(_BOX, ADDED, ADDED, style="filled,rounded,bold", width=2.4),
    "removed": Look(_BOX, REMOVED, REMOVED, style="filled,rounded,dashed", width=1.4),
    "changed": Look(_BOX, CHANGED, CHANGED, width=1.6),
}

EDGES = {
    "": Look(PLATE, EDGE, MUTED, style="solid"),
    "dim": Look(PLATE, HAIR, FAINT, style="solid"),
    "added": Look(PLATE, ADDED, ADDED, style="bold", width=2.2),
    "removed": Look(PLATE, REMOVED, REMOVED, style="dashed", width=1.3),
    "changed": Look(PLATE, CHANGED, CHANGED, style="solid", width=1.4),
}

SIGNS = {"added": "+", "removed": "-", "changed": "~", "": ""}
"""What stands before the name, so that no colour is needed to tell what happened."""

PAGE = (1600.0, 2400.0)
"""Width and height in pixels that a picture fits, at one pixel a point."""

SIZES = {"title": 16, "subtitle": 11, "node": 12, "detail": 9, "edge": 9, "box": 11, "strut": 11}
"""Of texts in points, which engines take whole; the strut keeps the line below a name away from it."""

WIDTHS = {"node": 34, "row": 48, "note": 46}
"""Characters in a line of small text: in a node, in a row of a stack, in a note about a change."""

INDENT = 6
"""Spaces that a module stands in below the one that holds it."""

GRAPH = {"ranksep": "0.28", "nodesep": "0.25", "pad": "0.25", "margin": "0"}


def style() -> str:
    """CSS: a halo around the texts that edges may cross, and the dark colours in the place of the light ones."""
    halo = "paint-order:stroke;stroke-width:3px;stroke-linejoin:round"
    crossed = ".nnviz .edge text,.nnviz .titles text"
    rules = [f'.nnviz [{use}="{c.light}"]{{{use}:{c.dark}}}' for c in COLOURS for use in ("fill", "stroke")]
    dark = "".join([*rules, f"{crossed}{{stroke:{_BOX.dark}}}"])
    return f"{crossed}{{{halo};stroke:{_BOX.light}}}@media (prefers-color-scheme: dark){{{dark}}}"
