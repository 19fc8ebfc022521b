"""The digest of the text that a picture was drawn from, carried in the picture's first bytes."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path

from pytest_nnviz.errors import OptionError
from pytest_nnviz.regular import open_regular

__all__ = [
    "SIGNATURE",
    "chunk",
    "digest_in",
    "digest_of_head",
    "embed_in_png",
    "embed_in_svg",
    "is_foreign",
    "read_digest",
    "without_digest",
]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG."""

_HEAD = 1024
_IHDR_END = len(SIGNATURE) + 12 + 13
_KEYWORD = b"pytest-nnviz digest"
_COMMENT = re.compile(rb"<!-- pytest-nnviz digest=([A-Za-z0-9_.:+/=]+) -->\n?")
_DIGEST = re.compile(r"[A-Za-z0-9_.:+/=]{1,256}")


def read_digest(path: Path) -> str | None:
    """The digest that the SVG or PNG at ``path`` carries; None for a file without one. Reads its head alone.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        return digest_of_head(file.read(_HEAD))


def digest_of_head(data: bytes) -> str | None:
    """As `read_digest`, of what a picture holds, or of its beginning."""
    head = data[:_HEAD]
    if head.startswith(SIGNATURE):
        return _from_png(head)
    found = _COMMENT.search(head)
    return found.group(1).decode("ascii") if found else None


def digest_in(path: Path) -> str | None:
    """As `read_digest`, None also for a file that is not there or cannot be read."""
    try:
        return read_digest(path)
    except OSError:
        return None


def is_foreign(path: Path) -> bool:
    """Whether a file without our digest is at ``path``: it is the user's, and stays; an empty one is nobody's."""
    return os.path.lexists(path) and digest_in(path) is None and not _is_empty(path)


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def embed_in_svg(svg: str, digest: str | None) -> str:
    """The SVG with the digest as a comment below its first line."""
    if digest is None:
        return svg
    head, newline, rest = svg.partition("\n")
    return f"{head}{newline}<!-- pytest-nnviz digest={_checked(digest)} -->\n{rest}"


def without_digest(svg: bytes) -> bytes:
    """The SVG without its digest, if it has one, and without the ends of lines of another system."""
    return _COMMENT.sub(b"", svg.replace(b"\r\n", b"\n"), count=1)


def embed_in_png(png: bytes, digest: str | None) -> bytes:
    """The PNG with the digest as its first text chunk; the pixels stay the same bytes."""
    if digest is None:
        return png
    text = chunk(b"tEXt", _KEYWORD + b"\0" + _checked(digest).encode("ascii"))
    return png[:_IHDR_END] + text + png[_IHDR_END:]


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise OptionError(f"digest={digest!r}: give letters, digits and _.:+/=")
    return digest


def _from_png(head: bytes) -> str | None:
    at = len(SIGNATURE)
    while at + 8 <= len(head):
        (length,) = struct.unpack(">I", head[at : at + 4])
        data = head[at + 8 : at + 8 + length]
        keyword, _, text = data.partition(b"\0")
        if head[at + 4 : at + 8] == b"tEXt" and keyword == _KEYWORD and len(data) == length:
            return text.decode("latin-1")
        at += 12 + length
    return None
