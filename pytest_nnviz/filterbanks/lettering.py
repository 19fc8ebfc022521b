"""Text as pixels, the same on every machine."""

from __future__ import annotations

import base64
import zlib
from functools import cache
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.letters import LARGE, SMALL, Font

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LARGE", "SMALL", "fitting", "mask", "width"]

_FIRST, _LAST, _STRANGE = 32, 126, "?"


def width(text: str, font: Font) -> int:
    """Of a line, in pixels."""
    return sum(font[1][_index(letter)] for letter in text)


def fitting(text: str, font: Font, room: int) -> str:
    """A line without its middle, if it is wider than the room."""
    shown = text
    for kept in range(len(text) - 4, -1, -1):
        if width(shown, font) <= room:
            break
        shown = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    return shown


def mask(text: str, font: Font) -> Image:
    """A line as an image of mode ``L``, 0 where there is nothing to 3 for full ink."""
    from PIL import Image

    line = Image.new("L", (max(1, width(text, font)), font[0]))
    left = 0
    for letter in text:
        index = _index(letter)
        line.paste(_letters(font)[index], (left, 0))
        left += font[1][index]
    return line


def _index(letter: str) -> int:
    return ord(letter if _FIRST <= ord(letter) <= _LAST else _STRANGE) - _FIRST


@cache
def _letters(font: Font) -> list[Image]:
    from PIL import Image

    height, widths, packed = font
    data = zlib.decompress(base64.b85decode(packed))
    pixels = bytes(byte >> shift & 3 for byte in data for shift in (0, 2, 4, 6))
    found, start = [], 0
    for letter in widths:
        found.append(Image.frombytes("L", (letter, height), pixels[start : start + letter * height]))
        start += letter * height
    return found
