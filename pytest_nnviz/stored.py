"""Stored texts of every kind: read one, and judge one by another, without a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pytest_nnviz.asked import Asked
from pytest_nnviz.gates import Gates
from pytest_nnviz.kinds import FILTERS, KINDS, SNAPSHOT, SUMMARY, Kind

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.filterbanks import Bank
    from pytest_nnviz.filterbanks.shelf import Sheets
    from pytest_nnviz.summaries import Summary
    from pytest_nnviz.verdict import Verdict

__all__ = ["Files", "Stored", "StoredArchitecture", "StoredFilters", "StoredSummary", "no_files", "read"]

Files = Callable[[Path], bytes | None]
"""What stands at a path beside a text; None where nothing does, or what is too large to be a sheet."""


def no_files(path: Path) -> bytes | None:
    """The files beside a text that came without any, as from standard input."""
    return None


@dataclass(frozen=True)
class Stored(ABC):
    """A stored text.

    Attributes:
        text: the text.
        content: what it says.
        path: where it stands, for what lies beside it.
        files: reads that.
    """

    kind: ClassVar[Kind]

    text: str
    content: Any
    path: Path = Path()
    files: Files = no_files

    @property
    @abstractmethod
    def gist(self) -> str:
        """What it says, in a few words."""

    @abstractmethod
    def lone(self, name: str, *, came: bool) -> dict[str, Any]:
        """It as plain values for JSON, as a snapshot that came or went as a whole."""

    @abstractmethod
    def alone(self, *, came: bool) -> Verdict:
        """It as a snapshot that came or went as a whole: no other text is there."""

    @abstractmethod
    def pictures(self, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
        """Names and contents of the pictures of a verdict that this text gave: of what changed, or of all there is.

        Raises:
            DrawingError: no engine could draw.
        """

    def _sides(self, *, came: bool) -> dict[str, Any]:
        """What a verdict on it alone begins with."""
        from pytest_nnviz.verdict import Status

        return {"status": Status.COMPARED, "text": self.text if came else "", "stored": None if came else self.text}

    @abstractmethod
    def since(self, old: Self, gates: Gates) -> Verdict:
        """It judged by an older text of its kind; ``gates`` says which changes of an architecture decide."""


class StoredArchitecture(Stored):
    """A text of ``nnviz_snapshot``."""

    kind = SNAPSHOT
    content: Architecture

    @property
    def gist(self) -> str:
        """The architecture in a few words."""
        from pytest_nnviz.checker import gist

        return gist(self.content)

    def lone(self, name: str, *, came: bool) -> dict[str, Any]:
        """See `pytest_nnviz.report.lone_data`."""
        from pytest_nnviz.report import lone_data

        return lone_data(self.content, name, came=came)

    def alone(self, *, came: bool) -> Verdict:
        """It as one that came or went."""
        from pytest_nnviz.checker import ArchitectureVerdict

        return ArchitectureVerdict(**self._sides(came=came), architecture=self.content, gate=Gates())

    def pictures(self, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
        """What changed and both sides of it as SVG, with a graph for Markdown; or the architecture."""
        from pytest_nnviz.checker import ArchitectureVerdict
        from pytest_nnviz.companions import drift_pictures, portrait

        assert isinstance(verdict, ArchitectureVerdict)
        if verdict.drift is not None:
            return drift_pictures(verdict.drift, Asked(called=("before", "after")), ("svg", "mermaid"))
        return portrait(self.content, Asked(), _which(verdict))

    def since(self, old: Self, gates: Gates) -> Verdict:
        """It judged by an older text."""
        from pytest_nnviz.checker import compared

        return compared(old.content, self.content, old.text, self.text, gates)


class StoredSummary(Stored):
    """A text of ``nnviz_summary``."""

    kind = SUMMARY
    content: Summary

    @property
    def gist(self) -> str:
        """The table in a few words."""
        from pytest_nnviz.summaries.checking import gist

        return gist(self.content)

    def lone(self, name: str, *, came: bool) -> dict[str, Any]:
        """See `pytest_nnviz.summaries.plain`."""
        from pytest_nnviz.summaries.plain import summary_data

        return summary_data(*_pair(self.content, came=came), name)

    def alone(self, *, came: bool) -> Verdict:
        """It as one that came or went."""
        from pytest_nnviz.summaries.checking import SummaryVerdict

        return SummaryVerdict(**self._sides(came=came), summary=self.content)

    def pictures(self, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
        """None: the text is the picture."""
        return iter(())

    def since(self, old: Self, gates: Gates) -> Verdict:
        """It judged by an older text."""
        from pytest_nnviz.summaries.checking import compared

        return compared(old.content, self.content)


class StoredFilters(Stored):
    """A text of ``nnviz_filters``."""

    kind = FILTERS
    content: Bank

    @property
    def gist(self) -> str:
        """The filters in a few words."""
        from pytest_nnviz.filterbanks.telling import gist

        return gist(self.content)

    @cached_property
    def sheets(self) -> Sheets:
        """The sheets beside it."""
        from pytest_nnviz.filterbanks.shelf import Sheets

        return Sheets(self.path, self.content, self.files)

    def lone(self, name: str, *, came: bool) -> dict[str, Any]:
        """See `pytest_nnviz.filterbanks.plain`."""
        from pytest_nnviz.filterbanks.plain import filters_data

        return filters_data(*_pair(self.content, came=came), None, name)

    def alone(self, *, came: bool) -> Verdict:
        """It as one that came or went."""
        from pytest_nnviz.filterbanks.checking import FiltersVerdict

        return FiltersVerdict(**self._sides(came=came), bank=self.content, found=self.sheets)

    def pictures(self, verdict: Verdict) -> Iterator[tuple[str, bytes]]:
        """Of the layers that changed most the sheets of both sides, and what lies between; or all of one side."""
        from pytest_nnviz.filterbanks.checking import FiltersVerdict
        from pytest_nnviz.filterbanks.leaving import pictures_of, portraits_of

        assert isinstance(verdict, FiltersVerdict)
        return portraits_of(verdict, _which(verdict)) if verdict.drift is None else pictures_of(verdict)

    def since(self, old: Self, gates: Gates) -> Verdict:
        """It judged by an older text, and by the sheets of both."""
        from pytest_nnviz.filterbanks.checking import compared

        return compared(old.sheets, self.sheets, old.text, self.text)


def _pair(content: Any, *, came: bool) -> tuple[Any, Any]:
    return (None, content) if came else (content, None)


def _which(verdict: Verdict) -> str:
    """The side that one text alone is on."""
    return "actual" if verdict.stored is None else "expected"


_FIRST_WORDS = {"nnviz": SNAPSHOT, "nnviz-summary": SUMMARY, "nnviz-filters": FILTERS}


def read(text: str, path: Path = Path(), files: Files = no_files) -> Stored:
    """A text of whichever kind: by its first word, else by the name of its file.

    Args:
        text: with LF alone at the ends of its lines.
        path: where it stands.
        files: reads what lies beside it.

    Raises:
        TextError: it is no snapshot, or a damaged one; with the line where that shows.
    """
    by_name = next((kind for kind in KINDS if path.suffix == f".{kind.suffix}"), SNAPSHOT)
    kind = _FIRST_WORDS.get(text.partition("\n")[0].partition(" ")[0], by_name)
    if kind is SUMMARY:
        from pytest_nnviz.summaries.reading import loads as loads_table

        return StoredSummary(text, loads_table(text), path, files)
    if kind is FILTERS:
        from pytest_nnviz.filterbanks.reading import loads as loads_filters

        return StoredFilters(text, loads_filters(text), path, files)
    from pytest_nnviz.textformat import loads

    return StoredArchitecture(text, loads(text), path, files)
