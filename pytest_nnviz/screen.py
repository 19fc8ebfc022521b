"""What the terminal of a run can do: its width, its colours, links, and a line that says what takes long."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_nnviz.progress import Progress

__all__ = ["WIDTH", "colour", "linked", "progress_of", "shows_links", "width"]

WIDTH = "nnviz_width"
"""What workers of xdist are told of the width of the terminal by."""

_LINKING = ("iTerm.app", "WezTerm", "vscode", "Hyper", "ghostty", "WarpTerminal", "rio", "Tabby")
_LINKING_TERMS = ("xterm-kitty", "alacritty", "foot", "xterm-ghostty", "contour")
_VTE = 5000  # the first version that has links
_MARKS = {"+ ": "green", "- ": "red", "~ ": "yellow", "> ": "yellow"}


def width(config: Any) -> int:
    """Columns of the terminal, as pytest counts them; 80 where there is none."""
    told = getattr(config, "workerinput", {}).get(WIDTH)
    return int(told or max(60, shutil.get_terminal_size((80, 24)).columns))


def colour(line: str) -> dict[str, bool]:
    """How a line looks where the terminal has colours."""
    if not line.startswith(" "):
        return {"bold": True}
    mark = line.lstrip()[:2]
    return {_MARKS[mark]: True} if mark in _MARKS else {}


def linked(path: Path, start: Path) -> str:
    """A path as short as it is from where pytest was started, as a link where the terminal shows such."""
    path = path.absolute()
    shown = str(path.relative_to(start) if path.is_relative_to(start) else path)
    if not shows_links(os.environ, is_terminal=_is_terminal()):
        return shown
    return f"\x1b]8;;{path.as_uri()}\x1b\\{shown}\x1b]8;;\x1b\\"


def shows_links(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether a terminal makes links of what stands between ``OSC 8`` sequences; ``FORCE_HYPERLINK`` decides."""
    forced = environment.get("FORCE_HYPERLINK")
    if forced is not None:
        return forced not in ("", "0")
    if not is_terminal or "CI" in environment or "SSH_CONNECTION" in environment:  # files of another machine
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM") in _LINKING
        or environment.get("TERM") in _LINKING_TERMS
        or bool({"WT_SESSION", "KONSOLE_VERSION"} & environment.keys())
        or (vte.isdecimal() and int(vte) >= _VTE)
    )


def progress_of(config: Any) -> Progress | None:
    """What says in the terminal of a run what takes long, None where it would not be seen, or be in the way.

    To be called before the tests, while pytest captures nothing.
    """
    if not _is_terminal() or not _has_own_line(config):
        return None
    writer = config.get_terminal_writer()
    return Progress(os.dup(sys.stdout.fileno()), lambda: writer.fullwidth - writer.width_of_current_line)


def _is_terminal() -> bool:
    try:
        return os.isatty(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # no file, or a closed one
        return False


def _has_own_line(config: Any) -> bool:
    """Whether nobody but pytest's own reporter writes to the terminal while a test runs, and it knows its cursor."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    logs = config.pluginmanager.hasplugin("logging") and (
        config.getini("log_cli") or config.getoption("log_cli_level") is not None
    )
    return (
        type(reporter).__module__ == "_pytest.terminal"
        and config.getoption("capture", "no") in ("fd", "sys")
        and config.get_verbosity() > -2
        and not logs
        and os.name != "nt"
        and os.environ.get("TERM", "dumb") not in ("dumb", "")
        and "CI" not in os.environ
    )
