"""DOT -> SVG or PNG, by whichever engine is there; each runs as a process of its own with a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from pytest_nnviz.errors import DrawingError
from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.svg import finish
from pytest_nnviz.shell import program

__all__ = ["TIME_LIMIT", "Engine", "TooSlow", "draw_png", "draw_svg", "engines"]

TIME_LIMIT = 10.0
"""Seconds that an engine may take for one picture."""

_VARIABLE = "NNVIZ_DOT"
_PIXELS = 40e6
_SIDE = 16_384
_SHARPEST = 2.0
_PYGRAPHVIZ = (
    "import sys, pygraphviz;"
    "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode('utf-8'));"
    "sys.stdout.buffer.write(graph.draw(format=sys.argv[1][2:], prog='dot', args=' '.join(sys.argv[2:])))"
)
_PYTHON = (sys.executable, "-P", "-c", _PYGRAPHVIZ)  # -P: it imports nothing from the current folder


class TooSlow(DrawingError):
    """The engine reached its time limit."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that reads DOT and writes pictures, with ``dot``'s arguments behind ``command``."""

    name: str
    command: tuple[str, ...]


_given_up: set[tuple[Engine, str]] = set()


def engines() -> Iterator[Engine]:
    """The engines that are there, in the order in which they are tried; one that is named stands alone."""
    own = os.environ.get(_VARIABLE)
    if own:
        yield Engine(f"{_VARIABLE}={own}", (own,))
        return
    embedded = _embedded()
    if embedded is not None:
        yield Engine("graphviz-pure", (embedded,))
    system = program("dot")
    if system is not None:
        yield Engine(system, (system,))
    if util.find_spec("pygraphviz") is not None:
        yield Engine("pygraphviz", _PYTHON)


def _embedded() -> str | None:
    """The executable of graphviz-pure, wherever its distribution lies."""
    try:
        files = metadata.distribution("graphviz-pure").files or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.stem == "graphviz-pure" and not file.match("*.dist-info/*") and path.is_file():
            return str(path.resolve())
    return None


def draw_svg(dot: str) -> str:
    """The SVG of a graph: nothing in it but the drawing, in light and dark.

    Raises:
        TooSlow: an engine took longer than the limit.
        DrawingError: there is no engine, or none that can draw this.
    """
    return finish(_draw(dot, ("-Tsvg",)).decode("utf-8"))


def draw_png(dot: str, sides: tuple[float, float]) -> bytes:
    """The PNG of a graph whose drawing has these ``sides`` in points, light.

    At two pixels a point where that fits a page, at one where it does not, and at fewer above 40 megapixels.

    Raises:
        TooSlow: an engine took longer than the limit.
        DrawingError: there is no engine, or none that can draw this.
    """
    most = min((_PIXELS / (sides[0] * sides[1])) ** 0.5, _SIDE / max(sides))
    page = min(whole / side for whole, side in zip(theme.PAGE, sides, strict=True))
    dpi = 72 * min(_SHARPEST, max(1.0, page), most * 0.99)
    return _draw(dot, ("-Tpng", f"-Gdpi={dpi:.4g}"))


def _draw(dot: str, arguments: tuple[str, ...]) -> bytes:
    said: list[str] = []
    for engine in engines():
        if (engine, arguments[0]) in _given_up:
            raise TooSlow(f"{engine.name} took longer than {TIME_LIMIT:g} s for one node, and is not asked again")
        try:
            return _run(engine, dot, arguments)
        except TooSlow:
            _try_least(engine, arguments[0])
            raise
        except DrawingError as error:
            said.append(f"  {engine.name}: {error}")
    if not said:
        raise DrawingError(
            "no engine to draw with: pip install graphviz-pure, or install Graphviz and have its dot on the PATH "
            f"(or name a dot in the environment variable {_VARIABLE})"
        )
    raise DrawingError("\n".join(["no engine could draw the picture:", *said]))


def _try_least(engine: Engine, output: str) -> None:
    """Do not ask an engine again for what it does not draw of one node: each time would cost its whole time limit."""
    with suppress(DrawingError):
        try:
            _run(engine, "digraph { least }", (output,))
        except TooSlow:
            _given_up.add((engine, output))


def _run(engine: Engine, dot: str, arguments: tuple[str, ...]) -> bytes:
    try:
        done = subprocess.run(
            [*engine.command, *arguments],
            input=dot.encode("utf-8"),
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"{engine.name} took longer than {TIME_LIMIT:g} s") from error
    except OSError as error:
        raise DrawingError(str(error)) from error
    if done.returncode or not done.stdout:
        raise DrawingError(_complaint(done.stderr) or f"ended with status {done.returncode} and no picture")
    return done.stdout


def _complaint(stderr: bytes) -> str:
    """The first line that an engine said, its remark about characters beyond ASCII aside."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in lines if line.strip() and "non-ASCII" not in line), "")
