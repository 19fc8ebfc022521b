"""A page to draw on: ground, lines of text, frames, keys of colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_nnviz.filterbanks.lettering import LARGE, SMALL, fitting, mask, width
from pytest_nnviz.filterbanks.letters import Font
from pytest_nnviz.filterbanks.looks import EMPTY, GROUND, INK, LEVELS, MARGIN, Colour, colours, flat

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["HEAD_LINE", "KEY_WIDTH", "blank", "frame", "head", "head_height", "key", "strip", "write"]

HEAD_LINE = 18
KEY_WIDTH, _KEY_HEIGHT, _TITLE = LEVELS, 10, 26


def blank(width: int, height: int) -> Image:
    """An empty page with the palette of the sheets."""
    from PIL import Image

    page = Image.new("P", (width, height), GROUND)
    page.putpalette(flat())
    return page


def write(page: Image, text: str, at: tuple[int, int], font: Font = SMALL, *, align: str = "left") -> None:
    """A line of text from (or, aligned ``right``, up to, or around) a point, its top at that height."""
    if not text:
        return
    shift = {"left": 0, "right": width(text, font), "middle": width(text, font) // 2}[align]
    letters = mask(text, font)
    for shade, colour in enumerate(_inks(page), 1):
        page.paste(colour, (at[0] - shift, at[1]), letters.point([255 * (index == shade) for index in range(256)]))


def _inks(page: Image) -> list[int | Colour]:
    """The shades of ink, as the page takes colours."""
    return [colours()[index] if page.mode == "RGB" else index for index in INK[1:]]


def frame(page: Image, box: tuple[int, int, int, int], colour: int = EMPTY, line: int = 1) -> None:
    """A frame around a box of left, top, width and height."""
    left, top, across, down = box
    ink = colours()[colour] if page.mode == "RGB" else colour
    page.paste(ink, (left - line, top - line, left + across + line, top + down + line))


def head(page: Image, title: str, lines: Sequence[str]) -> int:
    """A title and lines below it; where the next thing may start."""
    room = page.width - 2 * MARGIN
    write(page, fitting(title, LARGE, room), (MARGIN, MARGIN - 4), LARGE)
    for index, line in enumerate(lines):
        write(page, fitting(line, SMALL, room), (MARGIN, MARGIN + _TITLE + index * HEAD_LINE))
    return head_height(lines)


def head_height(lines: Sequence[str]) -> int:
    """How much of a page `head` takes."""
    return MARGIN + _TITLE + len(lines) * HEAD_LINE + 4


def key(page: Image, at: tuple[int, int], ends: tuple[str, str, str]) -> None:
    """A strip of all levels, with what its ends and its middle are; 30 pixels high."""
    page.paste(strip(page.mode).resize((KEY_WIDTH, _KEY_HEIGHT)), at)
    left, top = at[0], at[1] + _KEY_HEIGHT + 4
    write(page, ends[0], (left, top))
    write(page, ends[1], (left + KEY_WIDTH // 2, top), align="middle")
    write(page, ends[2], (left + KEY_WIDTH, top), align="right")


def strip(mode: str) -> Image:
    """All levels in a row: colours of mode ``P``, or greys of mode ``RGB``."""
    from PIL import Image

    if mode == "RGB":
        greys = Image.frombytes("L", (255, 1), bytes(range(1, 256)))
        return Image.merge("RGB", [greys] * 3)
    colours = Image.frombytes("P", (LEVELS, 1), bytes(range(LEVELS)))
    colours.putpalette(flat())
    return colours
