"""How lines reach the reader: as wide as the terminal, in colour where it has that, in an encoding that it takes."""

from __future__ import annotations

import codecs
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import TextIO

__all__ = ["Terminal"]

_PLAINLY, _ESCAPED = "pytest_nnviz.plainly", "backslashreplace"
_WIDTH, _NARROWEST = 110, 60
_COLOURS = {"+": "32", "-": "31", "~": "33", ">": "36"}
_BOLD = "1"
_PLAIN = {"│": "|", "├": "+", "└": "+", "─": " ", "±": "+-"}
"""What a tree is drawn with in ASCII, as torchinfo has it; and what else our own words may hold."""
_MARKED = re.compile(r"([-+~>]) (?=\S)")


class Terminal:
    """Standard output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._colour = self._is_terminal and _takes_colour()
        self.width = max(_NARROWEST, shutil.get_terminal_size((_WIDTH, 24)).columns)
        reconfigure = getattr(self._stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_PLAINLY)  # a code page of Windows has not all characters of a tree, or of a file name

    def title(self, line: str) -> None:
        """A line that leads others."""
        self._write(line, _BOLD)

    def lines(self, lines: Iterable[str], indent: str = "") -> None:
        """Lines of words; what changed is marked by colour where there is any."""
        for line in lines:
            found = _MARKED.match(line)
            self._write(indent + line, _COLOURS[found[1]] if found is not None else "")

    def text(self, text: str) -> None:
        """A text as it is."""
        self._stream.write(text)

    def _write(self, line: str, colour: str) -> None:
        for part in self._wrapped(line):
            self._stream.write(f"\033[{colour}m{part}\033[0m\n" if colour and self._colour else f"{part}\n")

    def _wrapped(self, line: str) -> list[str]:
        """A line in as many as it takes; what goes to a file stays as it is."""
        if len(line) <= self.width or not self._is_terminal:
            return [line]
        indent = line[: len(line) - len(line.lstrip())]
        return textwrap.wrap(
            line, self.width, subsequent_indent=f"{indent}    ", break_long_words=False, break_on_hyphens=False
        )


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What to write for characters that an encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(each) or each.encode("ascii", _ESCAPED).decode() for each in missing), error.end


codecs.register_error(_PLAINLY, _plainly)


def _takes_colour() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or bool(os.environ.get("WT_SESSION") or os.environ.get("TERM"))
