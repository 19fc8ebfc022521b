"""The committed snapshots of a revision, or those of the work tree: what is there, and what it says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pytest_nnviz.cli.repository import Repository
from pytest_nnviz.cli.sources import parse, read_file
from pytest_nnviz.errors import SourceError
from pytest_nnviz.kinds import KINDS
from pytest_nnviz.naming import SNAPSHOT_DIRNAME
from pytest_nnviz.stored import Files, Stored

__all__ = ["Side", "printed", "revision", "with_blobs", "work_tree"]

_SUFFIXES = tuple(f".{kind.suffix}" for kind in KINDS)
_PATTERNS = tuple(f":(glob)**/{SNAPSHOT_DIRNAME}/**/*{suffix}" for suffix in _SUFFIXES)


@dataclass(frozen=True, slots=True)
class Side:
    """The snapshots of a revision, or of the work tree.

    Attributes:
        name: what it is called.
        repository: where it is of.
        hashes: the hash of each snapshot, by its path from the root.
        pictures: the hashes of the pictures beside them, by folder and path; of the work tree none are known.
        root: the folder of a work tree.
        blobs: what stands under the hashes that are read.
    """

    name: str
    repository: Repository
    hashes: Mapping[str, str]
    pictures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    root: Path | None = None
    blobs: Mapping[str, bytes | None] = field(default_factory=dict)

    def load(self, path: str) -> Stored:
        """A snapshot.

        Raises:
            SourceError: it cannot be read.
        """
        return parse(self._read(path), f"{printed(path)} ({self.name})", Path(path), self._beside(path))

    def is_stored(self, path: str) -> bool:
        """Whether git has to be asked for a file: it is no work tree, or a sparse one that leaves it out."""
        return self.root is None or not os.path.lexists(self.root / path)

    def _read(self, path: str) -> bytes:
        if self.root is not None and not self.is_stored(path):
            return read_file(self.root / path, printed(path))
        found = self.blobs[self.hashes[path]]
        if found is None:
            raise SourceError(f"{printed(path)} ({self.name}) is not here, as in a partial clone: git fetch --refetch")
        return found

    def _beside(self, path: str) -> Files:
        """What reads the sheets beside a snapshot: those of a revision all at once, when the first is asked for."""
        found: dict[str, bytes | None] | None = None

        def read(sheet: Path) -> bytes | None:
            nonlocal found
            from pytest_nnviz.filterbanks.stored import LARGEST
            from pytest_nnviz.filterbanks.stored import read_file as read_sheet

            if self.root is not None:
                return read_sheet(self.root / sheet) or self.repository.small_file(f":{sheet.as_posix()}", LARGEST)
            known = self.pictures.get(sheet.parent.as_posix(), {})
            if found is None:
                blobs = self.repository.small_blobs(known.values(), LARGEST)
                found = {name: blobs.get(key) for name, key in known.items()}
            return found.get(sheet.as_posix())

        return read


def revision(repository: Repository, commit: str, called: str) -> Side:
    """The snapshots of a commit."""
    hashes: dict[str, str] = {}
    pictures: dict[str, dict[str, str]] = {}
    for path, name in repository.tree(commit):
        if _is_snapshot(path):
            hashes[path] = name
        elif path.endswith(".png") and f"{SNAPSHOT_DIRNAME}/" in path:
            pictures.setdefault(path.rpartition("/")[0], {})[path] = name
    return Side(f"{commit[:10]}, {called}", repository, hashes, pictures)


def work_tree(repository: Repository) -> Side:
    """The snapshots of the work tree, those among them that are not yet added."""
    files = {path: name for path, name in repository.work_tree(_PATTERNS).items() if _is_snapshot(path)}
    return Side("work tree", repository, files, root=repository.root)


def with_blobs(sides: Iterable[Side], paths: Iterable[str]) -> Iterator[Side]:
    """The sides with what stands at some paths, read at once."""
    sides, asked = list(sides), list(paths)
    committed = [s.hashes[path] for s in sides for path in asked if path in s.hashes and s.is_stored(path)]
    blobs = sides[0].repository.blobs(committed)
    return (replace(side, blobs=blobs) for side in sides)


def printed(path: str) -> str:
    """A path on one line, whatever is in it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in path)


def _is_snapshot(path: str) -> bool:
    return path.endswith(_SUFFIXES) and SNAPSHOT_DIRNAME in PurePosixPath(path).parts[:-1]
