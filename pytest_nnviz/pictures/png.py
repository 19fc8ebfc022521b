"""PNG without what it does not need: the same pixels in fewer bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from pytest_nnviz.pictures.digest import SIGNATURE, chunk

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["shrink"]

_MOST_COLOURS = 256
_COLOUR_TYPES = {"RGB": 2, "RGBA": 6}
_UNFILTERED = b"\0"


def shrink(png: bytes) -> bytes:
    """The shortest PNG with these pixels that is known here; the one given, if that is it."""
    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        image.load()
        return min([png, *_written(image)], key=len)


def _written(image: Image) -> Iterator[bytes]:
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    if image.mode == "RGB" and image.getcolors(_MOST_COLOURS) is not None:
        yield from _with_palette(image)
    if image.mode in _COLOUR_TYPES:
        yield _plain(image)


def _with_palette(image: Image) -> Iterator[bytes]:
    from PIL import ImageChops

    indexed = image.quantize(_MOST_COLOURS)
    if ImageChops.difference(indexed.convert("RGB"), image).getbbox() is None:
        file = BytesIO()
        indexed.save(file, "PNG", optimize=True)
        yield file.getvalue()


def _plain(image: Image) -> bytes:
    """Rows as they are: Pillow filters them, which makes photographs smaller and drawings half as large again."""
    width, height = image.size
    step = width * len(image.mode)
    pixels = image.tobytes()
    rows = b"".join(_UNFILTERED + pixels[at : at + step] for at in range(0, len(pixels), step))
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[image.mode], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(name, data) for name, data in chunks)
