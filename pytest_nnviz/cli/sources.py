"""Where the command line reads snapshots from: files, standard input, and revisions of git."""

from __future__ import annotations

import codecs
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from pytest_nnviz.architecture import Architecture
from pytest_nnviz.cli.repository import Repository
from pytest_nnviz.errors import SourceError, TextError

__all__ = ["Source", "parse", "read_file", "read_source"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MARKS_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """A snapshot that was asked for: what it is called, and what it holds; None for the null device, as git gives it
    for a file that is not there on one side.
    """

    name: str
    architecture: Architecture | None


def read_source(given: str) -> Source:
    """A snapshot from a file, from standard input (``-``) or from git (``REV:PATH``).

    Raises:
        SourceError: it cannot be read, or is no snapshot; with the line where that shows.
    """
    if given == os.devnull:
        return Source(given, None)
    name = "standard input" if given == "-" else given
    return Source(name, parse(_bytes(given), name))


def parse(data: bytes, name: str) -> Architecture:
    """A snapshot from what a file holds; line ends of Windows are read as LF, and a byte order mark is passed over.

    Raises:
        SourceError: it is no snapshot; with the line where that shows.
    """
    from pytest_nnviz.textformat import loads

    if not data.strip():
        raise SourceError(f"{name}, line 1: empty, where 'nnviz 1' should stand")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = ": PowerShell writes such files with '>'" if data.startswith(_MARKS_UTF16) else ""
        raise SourceError(f"{name}, line {line}: not UTF-8, so no snapshot of pytest-nnviz{hint}") from None
    _check_kind(text, name)
    try:
        return loads(text.replace("\r\n", "\n"))
    except TextError as error:
        raise SourceError(f"{name}, {error}") from None


def _check_kind(text: str, name: str) -> None:
    """Say which other kind of snapshot a text is, by its first word."""
    first = text.partition(" ")[0]
    what = {"nnviz-summary": "a table of nnviz_summary", "nnviz-filters": "filters of nnviz_filters"}.get(first)
    if what:
        raise SourceError(
            f"{name} holds {what}: the command line reads snapshots of nnviz_snapshot (.nnviz); this is text to read "
            "as it is, and git diff compares it"
        )


def _bytes(given: str) -> bytes:
    if given == "-":
        return sys.stdin.buffer.read()
    if not given:
        raise SourceError("'' names no file")
    is_there = os.path.exists(given)  # noqa: PTH110 (Path raises where a name is too long)
    if ":" in given and not is_there and not _DRIVE.match(given):
        return Repository().file(given)
    return read_file(Path(given), given)


def read_file(path: Path, name: str) -> bytes:
    """What a file holds.

    Raises:
        SourceError: it is a folder, or cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if os.path.isdir(path):  # noqa: PTH112 (as above; Windows says that access is denied)
            raise SourceError(f"{name} is a folder: give one of the snapshots in it") from None
        raise SourceError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
