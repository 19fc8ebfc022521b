"""Imports point one way: who may import whom, exhaustively; lazy and type-only imports count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_nnviz

PACKAGE = Path(pytest_nnviz.__file__).parent
NAME = "pytest_nnviz"

# A room (a module or a package) and the rooms that it may import; "" is the package itself (its version).
DATA = {"architecture", "errors"}
ROOMS: dict[str, set[str]] = {
    "architecture": {"pictures"},  # what a notebook shows, when it does
    "errors": set(),
    "atomic": set(),
    "regular": set(),
    "accepting": set(),
    "budgets": {*DATA},
    "naming": set(),
    "asked": set(),
    "patterns": {"errors"},
    "progress": set(),
    "shell": set(),
    "ending": {"errors", "recap", "report", "screen"},
    "screen": {"progress"},
    "recap": {"accepting", "shell"},
    "textformat": {*DATA},
    "kinds": set(),
    "verdict": {"accepting", "wording"},  # the type of what is told
    "stored": {
        *("architecture", "asked", "checker", "companions", "filterbanks", "gates", "kinds", "report", "summaries"),
        *("textformat", "verdict"),
    },
    "unused": {"kinds", "naming"},
    "drift": {"architecture", "pictures", "textformat"},  # the same
    "gates": {"errors", "drift"},
    "totals": {"architecture", "drift"},
    "wording": {"architecture", "drift", "gates", "textformat", "totals"},
    "safetensors": {*DATA},
    "summaries": {"errors", "drift", "options", "textformat", "tracing", "verdict", "wording"},
    "filterbanks": {
        *("errors", "atomic", "drift", "naming", "options", "pictures", "regular", "textformat", "verdict", "wording"),
        "tracing",  # the names of dtypes, versions, wrapped models
    },
    "report": {
        *DATA,
        "accepting",
        "artifacts",
        "atomic",
        "drift",
        "gates",
        "kinds",
        "textformat",
        "verdict",
        "wording",
    },
    "cli": {
        *(
            "",
            *DATA,
            "artifacts",
            "asked",
            "atomic",
            "checker",
            "drift",
            "gates",
            "kinds",
            "naming",
            "pictures",
            "report",
        ),
        *("filterbanks", "report", "safetensors", "shell", "stored", "textformat", "totals", "verdict", "wording"),
    },
    "__main__": {"cli"},
    "pictures": {*DATA, "asked", "drift", "patterns", "regular", "shell", "textformat"},
    "options": {*DATA, "asked", "budgets", "gates", "kinds", "patterns", "tracing"},  # Options.trace, on the call
    "tracing": {"", *DATA, "options", "patterns", "progress", "textformat"},
    "companions": {*DATA, "asked", "atomic", "drift", "pictures", "regular", "textformat"},
    "artifacts": {"errors", "atomic", "naming", "regular"},
    "failures": {"errors"},
    "checker": {
        *(*DATA, "budgets", "drift", "gates", "options", "patterns", "progress", "report", "textformat", "totals"),
        *("tracing", "verdict", "wording"),
    },
    "extension": {"errors", "atomic", "companions", "filterbanks", "kinds", "naming", "regular", "unused"},
    "configuration": {"accepting", "errors", "kinds", "options", "shell"},
    "fixtures": {
        *(*DATA, "accepting", "artifacts", "checker", "companions", "drift", "extension", "filterbanks", "options"),
        *("progress", "recap", "report", "shell", "summaries", "verdict", "wording"),
    },
    "plugin": {
        *(
            "",
            "accepting",
            "errors",
            "artifacts",
            "ending",
            "progress",
            "screen",
            "configuration",
            "extension",
            "failures",
            "fixtures",
            "kinds",
            "naming",
        ),
        *("options", "recap", "report", "unused", "verdict"),
    },
    "": {  # the public names, on first use
        *(*DATA, "drift", "options", "pictures", "summaries", "textformat", "tracing", "wording"),
    },
}
# What a room imports on a call alone.
LATE = {"options": "tracing", "architecture": "pictures", "drift": "pictures"}
# Libraries that only some rooms may import; everything else outside of the standard library is refused everywhere.
LIBRARIES: dict[str, set[str]] = {
    "pytest": {"plugin"},
    "syrupy": {"extension"},
    "pytest_html": {"report"},  # where that plugin writes a report
    "torch": {"tracing", "filterbanks"},
    "torchinfo": {"summaries"},
    "graphviz": {"pictures"},
    "graphviz_pure": {"pictures"},
    "pygraphviz": {"pictures"},
    "PIL": {"pictures", "filterbanks"},
}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported(source: str) -> Iterator[str]:
    """Dotted names of what a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def refused(room: str, source: str) -> Iterator[str]:
    """What a source in a room imports that it may not."""
    import sys

    for name in imported(source):
        top, _, rest = name.partition(".")
        if top == NAME:
            target = rest.partition(".")[0]
            target = target if is_room(target) else ""
            if target not in {room, *ROOMS[room]}:
                yield name
        elif top not in sys.stdlib_module_names and room not in LIBRARIES.get(top, ()):
            yield name


SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def test_every_room_is_in_the_table() -> None:
    assert {room_of(path) for path in SOURCES.values()} == set(ROOMS)


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_module_imports_what_its_room_may(name: str) -> None:
    path = SOURCES[name]
    assert list(refused(room_of(path), path.read_text(encoding="utf-8"))) == []


def test_the_table_has_no_circle_but_lazy_ones() -> None:
    """`Options.trace` reaches for the tracer, which takes Options; in a notebook data reaches for its own picture."""
    left = {room: rooms - {"", room} for room, rooms in ROOMS.items() if room}
    for room, late in LATE.items():
        left[room] = left[room] - {late}
    while left:
        free = {room for room, rooms in left.items() if not rooms & set(left)}
        assert free, f"circle among {sorted(left)}"
        left = {room: rooms for room, rooms in left.items() if room not in free}


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("drift", "import torch"),
        ("checker", "def f():\n    from syrupy.assertion import SnapshotAssertion"),
        ("architecture", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pytest_nnviz.errors import X"),
        ("textformat", "from pytest_nnviz import render"),
        ("pictures", "import pytest_nnviz.plugin"),
        ("wording", "import yaml"),
    ],
)
def test_the_check_notices(room: str, source: str) -> None:
    assert len(list(refused(room, source))) == 1


def test_two_modules_of_filterbanks_import_torch() -> None:
    room = {name: path.read_text(encoding="utf-8") for name, path in SOURCES.items() if name.startswith("filterbanks/")}
    tops = {name: {each.partition(".")[0] for each in imported(source)} for name, source in room.items()}
    assert [name for name, found in tops.items() if "torch" in found] == [
        "filterbanks/measuring.py",
        "filterbanks/weights.py",
    ]
