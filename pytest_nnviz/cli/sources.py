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
from pytest_nnviz.kinds import SNAPSHOT
from pytest_nnviz.stored import Files, Stored, StoredArchitecture, no_files, read

__all__ = ["Source", "parse", "read_file", "read_source"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MARKS_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """A snapshot that was asked for: what it is called, and what it holds; None for the null device, as git gives it
    for a file that is not there on one side.
    """

    name: str
    stored: Stored | None

    @property
    def there(self) -> Stored:
        """What it holds.

        Raises:
            SourceError: it is not there.
        """
        if self.stored is None:
            raise SourceError(f"{self.name} holds no snapshot")
        return self.stored

    def architecture(self, what: str) -> Architecture:
        """What it holds, for ``what`` that is done with architectures alone.

        Raises:
            SourceError: it is not there, or of another kind.
        """
        if not isinstance(self.there, StoredArchitecture):
            raise SourceError(
                f"{self.name} is a text of {self.there.kind.fixture}: {what} is for those of {SNAPSHOT.fixture} "
                f"(.{SNAPSHOT.suffix})"
            )
        return self.there.content


def read_source(given: str) -> Source:
    """A snapshot from a file, from standard input (``-``) or from git (``REV:PATH``).

    Raises:
        SourceError: it cannot be read, or is no snapshot; with the line where that shows.
    """
    if given == os.devnull:
        return Source(given, None)
    if given == "-":
        return Source("standard input", parse(sys.stdin.buffer.read(), "standard input"))
    if not given:
        raise SourceError("'' names no file")
    is_there = os.path.exists(given)  # noqa: PTH110 (Path raises where a name is too long)
    if ":" in given and not is_there and not _DRIVE.match(given):
        return _of_revision(given)
    return Source(given, parse(read_file(Path(given), given), given, Path(given), _on_disk))


def _on_disk(path: Path) -> bytes | None:
    from pytest_nnviz.filterbanks.stored import read_file as read_sheet

    return read_sheet(path)


def _of_revision(spec: str) -> Source:
    repository = Repository()
    revision, _, path = spec.partition(":")
    start = f"{revision}:./" if path.startswith("./") else f"{revision}:"  # a Path has no "./"

    def beside(path: Path) -> bytes | None:
        from pytest_nnviz.filterbanks.stored import LARGEST

        return repository.small_file(f"{start}{path.as_posix()}", LARGEST)

    return Source(spec, parse(repository.file(spec), spec, Path(path), beside))


def parse(data: bytes, name: str, path: Path = Path(), files: Files = no_files) -> Stored:
    """A snapshot from what a file holds; line ends of Windows are read as LF, and a byte order mark is passed over.

    Args:
        data: what the file holds.
        name: what errors call it.
        path: where it stands, for what lies beside it.
        files: reads that.

    Raises:
        SourceError: it is no snapshot; with the line where that shows.
    """
    if not data.strip():
        raise SourceError(f"{name}, line 1: empty, where 'nnviz 1' should stand")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = ": PowerShell writes such files with '>'" if data.startswith(_MARKS_UTF16) else ""
        raise SourceError(f"{name}, line {line}: not UTF-8, so no snapshot of pytest-nnviz{hint}") from None
    try:
        return read(text.replace("\r\n", "\n"), path, files)
    except TextError as error:
        raise SourceError(f"{name}, {error}") from None


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
