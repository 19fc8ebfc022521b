"""Where the files of a failure go: write them, and on a pass clear exactly what was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.errors import ArtifactsError
from pytest_nnviz.naming import SNAPSHOT_DIRNAME, clean
from pytest_nnviz.regular import read_regular

__all__ = ["Artifacts", "ArtifactsFolder"]

_OURS = re.compile(
    r"words\.txt|drift\.json|summary\.md|index\.html"
    r"|(expected|actual|diff)(\.[^/\\]+)?\.(nnviz|nnsummary|nnfilters|svg|png|mermaid)"
)
_MANIFEST = ".nnviz-files"
_FORBIDDEN = (SNAPSHOT_DIRNAME, "__snapshots__")
_ATTEMPTS = 5


class Artifacts:
    """The artifacts folder of a run. It is the user's: only files that were written here are ever removed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, module: PurePath, name: str, inner: str = "") -> ArtifactsFolder:
        """The folder of one snapshot.

        Args:
            module: the test file's path from the rootdir.
            name: the stem of the snapshot.
            inner: the folder below that, where snapshots of several kinds have one stem.
        """
        parts = [part if part != ".." else "/up" for part in module.with_suffix("").parts]
        return ArtifactsFolder(self.root, self.root.joinpath(*(clean(part, 120) for part in parts), name, inner))


class ArtifactsFolder:
    """The files of one snapshot's failure; a manifest beside them says which are ours."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self.path = path

    def open(self) -> None:
        """Make the folder, empty of what an earlier failure left.

        Raises:
            ArtifactsError: it cannot be made, lies among the snapshots or outside of the artifacts, or holds files of
                the user's under names of ours.
        """
        self._check_root()
        try:
            self._make()
            self._check_inside()
            self._remove(self._written())
            self._check_free()
            write_atomic(self.path / _MANIFEST, json.dumps([]).encode())
        except OSError as error:
            raise ArtifactsError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def write(self, name: str, data: bytes) -> None:
        """Write one file: ``words.txt``, ``drift.json``, a file about the whole run, or ``expected``, ``actual`` or
        ``diff``, with what it shows behind a dot.

        Raises:
            ArtifactsError: it cannot be written.
        """
        assert _OURS.fullmatch(name), name
        try:
            # The manifest goes first: a file that is listed and missing does no harm, one that is not listed stays.
            write_atomic(self.path / _MANIFEST, json.dumps(sorted({*self._written(), name})).encode())
            write_atomic(self.path / name, data)
        except OSError as error:
            raise ArtifactsError(f"{self.path / name} cannot be written: {error.strerror or error}") from error

    def clear(self) -> None:
        """Remove what an earlier failure left, and the folders that it leaves empty, but never the artifacts folder."""
        try:
            if not (self.path / _MANIFEST).is_file():
                return
            self._check_inside()
            self._remove([*self._written(), _MANIFEST])
            self._prune()
        except (OSError, ArtifactsError):
            return  # what cannot be removed stays; it decides nothing

    def _check_root(self) -> None:
        if self._root.exists() and not self._root.is_dir():
            raise ArtifactsError(f"{self._root} is a file; give --nnviz-artifacts a folder")
        if set(self._root.resolve().parts) & set(_FORBIDDEN):
            raise ArtifactsError(f"{self._root} lies among the snapshots; give --nnviz-artifacts another folder")

    def _check_inside(self) -> None:
        inside, root = self.path.resolve(), self._root.resolve()
        if not inside.is_relative_to(root) or set(inside.parts) & set(_FORBIDDEN):
            raise ArtifactsError(f"{self.path} leads out of {self._root}; remove the link")

    def _check_free(self) -> None:
        for path in sorted(self.path.iterdir()):
            if _OURS.fullmatch(path.name):
                raise ArtifactsError(f"{path} is not ours; give --nnviz-artifacts another folder")

    def _make(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError:  # another worker pruned a folder on the way
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _written(self) -> list[str]:
        try:
            listed = json.loads(read_regular(self.path / _MANIFEST))
        except (OSError, ValueError):
            return []
        names = listed if isinstance(listed, list) else []
        return [name for name in names if isinstance(name, str) and _OURS.fullmatch(name)]

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def _prune(self) -> None:
        folder = self.path
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:  # not empty
                return
            folder = folder.parent
