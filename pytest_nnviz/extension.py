"""Snapshots on top of syrupy: where they lie, how they are written, and which of them may be called unused.

The only module that imports syrupy.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from syrupy.assertion import AssertionResult, SnapshotAssertion
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.companions import remove_other_companions
from pytest_nnviz.errors import SnapshotError
from pytest_nnviz.kinds import FILTERS, SNAPSHOT, SUMMARY, Kind
from pytest_nnviz.naming import SNAPSHOT_DIRNAME, call_suffix, owning_names, stem_of_test
from pytest_nnviz.regular import NotRegular, read_regular
from pytest_nnviz.unused import RunRecord

__all__ = ["RUN_PLUGIN", "NNVizExtension", "Place", "Storage", "untested_version"]

RUN_PLUGIN = "nnviz-run"
_TESTED = ((7, 0, 1), (8,))


@lru_cache(maxsize=64)  # syrupy asks a dozen times a test
def _folder(module: str) -> str:
    path = Path(module)
    return str(path.parent / SNAPSHOT_DIRNAME / path.stem)


class NNVizExtension(SingleFileSnapshotExtension):
    """The snapshots of ``nnviz_snapshot``: one text each, under a root of its own, with its pictures beside it.

    At the top level of its module and without arguments, as its subclasses are: syrupy rebuilds it by name on the
    controller of xdist.
    """

    _write_mode = WriteMode.TEXT
    file_extension = SNAPSHOT.suffix
    snapshot_dirname = SNAPSHOT_DIRNAME

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """An own root: syrupy's other extensions delete what they do not know under theirs."""
        return _folder(test_location.filepath)

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: int | str = 0) -> str:
        """The name of a snapshot, which is the stem of its file; `Storage` gives it to syrupy as the index."""
        return index if isinstance(index, str) else stem_of_test(test_location.item)

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether a file may be a snapshot of this test."""
        path = Path(snapshot_location)
        folder = Path(cls.dirname(test_location=test_location))
        return path.parent == folder and stem_of_test(test_location.item) in owning_names(path.stem)

    def serialize(self, data: Any, **_: Any) -> str:
        """A text as it is stored: with LF alone, as files are read back."""
        return _unix(str(data))

    def read_snapshot_data_from_location(
        self, *, snapshot_location: str, snapshot_name: str, session_id: str
    ) -> str | None:
        """The stored text, None where there is none; what is not UTF-8 reads as damage, not as an error."""
        try:
            return _unix(read_regular(Path(snapshot_location)).decode("utf-8", "replace"))
        except FileNotFoundError:
            return None

    @classmethod
    def write_snapshot_collection(cls, *, snapshot_collection: SnapshotCollection, **_: Any) -> None:
        """Write one text, whole or not at all."""
        write_atomic(Path(snapshot_collection.location), str(next(iter(snapshot_collection)).data).encode())

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Delete a text and the pictures that were drawn from it; what else lies beside it is the user's."""
        Path(snapshot_location).unlink(missing_ok=True)
        remove_other_companions(Path(snapshot_location), "off")

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """The stored snapshots; at the end of the run only those that it may call unused."""
        found = super().discover_snapshots(test_location=test_location, ignore_extensions=ignore_extensions)
        record = _record(test_location.item)
        if record is not None and not record.finishing:
            return found  # at registration syrupy learns here who deletes what
        kept = SnapshotCollections()
        for collection in found:
            if record is not None and record.may_judge(Path(collection.location)):
                kept.add(collection)
        return kept


class SummaryExtension(NNVizExtension):
    """The snapshots of ``nnviz_summary``."""

    file_extension = SUMMARY.suffix

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Delete a text."""
        Path(snapshot_location).unlink(missing_ok=True)


class FiltersExtension(NNVizExtension):
    """The snapshots of ``nnviz_filters``."""

    file_extension = FILTERS.suffix

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Delete a text and the sheets that were drawn with it; what else lies beside it is the user's."""
        from pytest_nnviz.filterbanks.beside import remove_sheets

        Path(snapshot_location).unlink(missing_ok=True)
        remove_sheets(Path(snapshot_location))


_EXTENSIONS: dict[Kind, type[NNVizExtension]] = {
    SNAPSHOT: NNVizExtension,
    SUMMARY: SummaryExtension,
    FILTERS: FiltersExtension,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the snapshot of one call lies: its file, its name, and which call of its test it is, from 1."""

    path: Path
    name: str
    number: int


class Storage:
    """The snapshots of one kind of one test. It counts the calls, those that raise among them, so that there is one
    Storage a fixture and test.

    Raises:
        SnapshotError: the fixture ``snapshot`` is not syrupy's, or the item is a doctest.
    """

    def __init__(self, snapshot: Any, record: RunRecord, kind: Kind) -> None:
        if not isinstance(snapshot, SnapshotAssertion):
            raise SnapshotError(
                f"the fixture 'snapshot' is {type(snapshot).__name__}, not syrupy's, on which {kind.fixture} builds: "
                "pytest-snapshot cannot be loaded beside it (-p no:snapshot), and an override must return syrupy's"
            )
        self._location = snapshot.test_location
        if self._location.is_doctest:
            raise SnapshotError(f"{kind.fixture}: doctests are not supported ({self._location.nodeid}); use a test")
        self.kind = kind
        self._extension = _EXTENSIONS[kind]
        self._assertion = snapshot.with_defaults(extension_class=self._extension)
        for other in set(_EXTENSIONS.values()) - {self._extension} if record.opens(self._location.filepath) else ():
            snapshot.with_defaults(extension_class=other)  # what it has left behind is found, though nothing uses it
        self._record = record
        self._calls = 0

    @property
    def updates(self) -> str:
        """What this run may write: ``all``, ``new`` or ``nothing``."""
        if self._assertion.update_snapshots:
            return "all"
        return "new" if self._assertion.update_new_snapshots_only else "nothing"

    def place(self, name: str | None) -> Place:
        """The place of the next call, by its given name or its position in the test.

        Raises:
            SnapshotError: another test's files differ from it in upper and lower case alone.
        """
        self._calls += 1
        stem = stem_of_test(self._location.item) + call_suffix(name or self._calls - 1)
        path = Path(self._extension.get_location(test_location=self._location, index=stem))
        self._record.called(self._location.item, path)
        rivals = self._record.rivals(self._location.item, self.kind)
        if rivals:
            raise SnapshotError(
                f"{self._location.nodeid} and {rivals[0]} differ in upper and lower case alone, so that they share "
                "a snapshot file where the file system does not tell; rename one, or give it another id"
            )
        return Place(path, stem, self._calls)

    def read(self, place: Place) -> str | None:
        """The stored text, or None.

        Raises:
            SnapshotError: it cannot be read.
        """
        try:
            return self._extension().read_snapshot_data_from_location(
                snapshot_location=str(place.path), snapshot_name=place.name, session_id=""
            )
        except (OSError, UnicodeEncodeError) as error:
            raise SnapshotError(_trouble("read", place.path, error)) from None

    def keep(self, place: Place, text: str, updates: str) -> None:
        """Compare, count and write what ``updates`` lets: all by syrupy. What is not written where it differs, fails.

        Raises:
            SnapshotError: another call has the same file, or it cannot be written.
        """
        owner = f"call {place.number} of {self._location.nodeid}"
        other = self._record.claim(place.path, owner)
        if other is not None:
            raise SnapshotError(f"{owner} and {other} share the snapshot {place.path}; give each its own name=")
        result = self._compare(self._that(updates), place, text)
        if result.exception is not None:  # syrupy keeps it to itself
            raise SnapshotError(_trouble("store", place.path, result.exception)) from None

    def _that(self, updates: str) -> SnapshotAssertion:
        """The assertion as it is in a run that may write so much."""
        if updates == self.updates:
            return self._assertion
        return replace(self._assertion, update_snapshots=updates == "all", update_new_snapshots_only=updates == "new")

    def _compare(self, assertion: SnapshotAssertion, place: Place, text: str) -> AssertionResult:
        assertion = assertion(name=place.name)  # syrupy's own index leaves out the calls that raised
        with warnings.catch_warnings():
            # syrupy doubts names that it did not make, which under -W error keeps it from writing.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"syrupy\.")
            _ = assertion == text
        return assertion.executions[assertion.num_executions - 1]


@cache
def untested_version() -> str | None:
    """What to say when syrupy is not a version that this was tested with, else None."""
    found = version("syrupy")
    numbers = tuple(int(part) for part in found.split(".")[:3] if part.isdecimal())
    if _TESTED[0] <= numbers < _TESTED[1]:
        return None
    return f"pytest-nnviz is tested with syrupy >=7.0.1,<8; this is {found}: commit before you update snapshots."


def _record(item: Any) -> RunRecord | None:
    config = getattr(item, "config", None)
    run = config.pluginmanager.get_plugin(RUN_PLUGIN) if config is not None else None
    return None if run is None else run.record


def _trouble(act: str, path: Path, error: Exception) -> str:
    """What went wrong with a file, and what to do about it."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot {act} the snapshot {path}: {reason}\n  {_way_out(act, path, error)}"


def _way_out(act: str, path: Path, error: Exception) -> str:
    if isinstance(error, IsADirectoryError):
        return "a folder is in its place: move it away"
    if isinstance(error, NotRegular):
        return "a pipe, a socket or a device is in its place: move it away"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"a file is in the place of a folder above it: move it away, so that {path.parent} can be one"
    if isinstance(error, PermissionError):
        return f"make {path} readable" if act == "read" else f"make {_nearest(path.parent)} writable"
    if isinstance(error, UnicodeEncodeError):
        return f"this Python knows names of files in {error.encoding} alone: set PYTHONUTF8=1, or choose another name="
    return "nothing was changed; run it again once that is mended"


def _nearest(folder: Path) -> Path:
    return next((above for above in (folder, *folder.parents) if above.exists()), folder)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
