"""Two pictures compared: which share of one is not as in the other, and where."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from pytest_nnviz.pictures.digest import SIGNATURE, without_digest

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Difference", "compare"]

_RED, _PAPER = (214, 39, 40), (255, 255, 255)
_FAINT = 0.25
_MANY = 16


@dataclass(frozen=True, slots=True)
class Difference:
    """How a stored picture differs from a fresh drawing.

    Attributes:
        share: of the pixels, from 0 to 1; of an SVG, which has none, 0 or 1.
        image: a PNG with the pixels that differ in red on the faint drawing; None for an SVG, or where none differ.
    """

    share: float
    image: bytes | None = None


def compare(stored: bytes, fresh: bytes, kind: str) -> Difference:
    """Compare a stored picture with a fresh one, ``kind`` ``png`` by pixels, ``svg`` by bytes without the digest.

    What only one of two PNGs of different sizes covers differs. A PNG that cannot be read differs everywhere, and so
    does one of many times the size, which is not decoded: it may take all memory.
    """
    if kind == "svg":
        return Difference(float(without_digest(stored) != without_digest(fresh)))
    from PIL import Image

    drawn = _opened(fresh)
    if _pixels_of(stored) > _MANY * drawn.width * drawn.height:
        return Difference(1.0)
    try:
        return _compare(_opened(stored), drawn)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Difference(1.0)


def _pixels_of(png: bytes) -> int:
    """How many the head of a PNG announces."""
    head = png[len(SIGNATURE) + 8 :][:8]
    return math.prod(struct.unpack(">II", head)) if png.startswith(SIGNATURE) and len(head) == 8 else 0


def _opened(png: bytes) -> Image:
    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        return image.convert("RGBA")


def _compare(stored: Image, fresh: Image) -> Difference:
    from PIL import Image

    common = (min(stored.width, fresh.width), min(stored.height, fresh.height))
    whole = (max(stored.width, fresh.width), max(stored.height, fresh.height))
    mask = Image.new("L", whole, 255)
    mask.paste(_mask(stored.crop((0, 0, *common)), fresh.crop((0, 0, *common))))
    count = mask.histogram()[255]
    return Difference(count / (whole[0] * whole[1]), _shown(fresh, mask) if count else None)


def _mask(one: Image, other: Image) -> Image:
    """White where two pictures of one size differ, else black."""
    from PIL import ImageChops

    first, *others = ImageChops.difference(one, other).split()
    for band in others:
        first = ImageChops.lighter(first, band)
    return first.point([0] + [255] * 255)


def _shown(drawing: Image, mask: Image) -> bytes:
    from PIL import Image

    shown = Image.new("RGB", mask.size, _PAPER)
    shown.paste(Image.blend(shown.crop((0, 0, *drawing.size)), drawing.convert("RGB"), _FAINT))
    shown.paste(_RED, (0, 0), mask)
    file = BytesIO()
    shown.save(file, "PNG")
    return file.getvalue()
