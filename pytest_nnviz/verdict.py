"""What became of a call of a fixture, and how it is said: the frame that all kinds of snapshots share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_nnviz.wording import Told

from pytest_nnviz.accepting import cause_id, whole_id

__all__ = ["Room", "Status", "Verdict", "Where", "message", "places"]


class Status(Enum):
    """What became of a call."""

    PASSED = "passed"
    MISSING = "missing"
    DRIFTED = "drifted"
    DAMAGED = "damaged"
    RECORDED = "recorded"
    ACCEPTED = "accepted"
    COMPARED = "compared"  # two stored texts, neither of which is to be kept


@dataclass(frozen=True, slots=True)
class Where:
    """What a message says about places: the snapshot's name and file, the artifacts, how to run the test alone."""

    name: str
    expected: str
    command: str
    artifacts: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """The room that a message has: characters a line, lines in all (None for any number), whether it is to be had in
    full, with all that only follows from the edits, and the folder to which lines of source are relative.
    """

    width: int = 110
    lines: int | None = 60
    ripples: bool = False
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a call, as data; each kind of snapshot says in its own class what changed.

    Attributes:
        status: see `Status`.
        text: the text of what was found.
        stored: the stored text, None where there was none.
        damage: why the stored text could not be read.
    """

    status: Status
    text: str
    stored: str | None = None
    damage: str | None = None

    @property
    def exceeded(self) -> bool:
        """Whether a budget does not hold: then the test fails and nothing is written, whatever the status."""
        return False

    @property
    def failed(self) -> bool:
        """Whether the test has to fail."""
        return self.exceeded or self.status in (Status.MISSING, Status.DRIFTED, Status.DAMAGED)

    @property
    def refused(self) -> bool:
        """Whether a budget keeps from being written what otherwise would be."""
        return self.exceeded and self.status in (Status.RECORDED, Status.ACCEPTED)

    @property
    def differs(self) -> bool:
        """Whether there are changes to show, gated or not."""
        raise NotImplementedError

    @property
    def kept(self) -> str:
        """The text that the storage should hold after this call, if it may write."""
        return self.stored if self.stored is not None and self.status is Status.PASSED else self.text

    @property
    def gist(self) -> str:
        """What was found, in a few words."""
        raise NotImplementedError

    @property
    def causes(self) -> list[str]:
        """The edits behind a drift, in words that are the same for each model that has the part."""
        raise NotImplementedError

    @property
    def cause_keys(self) -> list[str]:
        """What tells each of the causes from all others, in their order: all of it, however long."""
        return self.causes

    @property
    def cause_ids(self) -> list[str]:
        """The ids of the causes, in their order."""
        return [cause_id(key) for key in self.cause_keys]

    @property
    def cause_id(self) -> str:
        """The id by which a run may accept the whole drift; empty where it has no causes."""
        return whole_id(self.cause_ids)

    @property
    def decides(self) -> bool:
        """Whether any of the changes is gated."""
        return self.differs

    @property
    def consequences(self) -> frozenset[str]:
        """What the changes mean for those who use the model, in the words of `pytest_nnviz.drift.data`."""
        raise NotImplementedError

    @property
    def touched(self) -> frozenset[str]:
        """The gates that count the changes."""
        raise NotImplementedError

    def told(self, width: int) -> Told:
        """What changed as rows and remarks; the cells of a row have ``width`` characters together, where they can."""
        raise NotImplementedError

    def plain(self, name: str) -> dict[str, Any]:
        """All changes as plain values for JSON, with the version of their schema, for what was compared.

        Args:
            name: what the snapshot is called.
        """
        raise NotImplementedError

    def changes(self, name: str, room: Room) -> list[str]:
        """What changed, headline first; empty where nothing did."""
        raise NotImplementedError

    def data(self, name: str, root: str) -> dict[str, Any]:
        """What changed as plain values: ``headline``, ``rows``, ``remarks``, ``rename_map``, and what else there is.

        Args:
            name: of the snapshot.
            root: the folder to which lines of source are relative.
        """
        from pytest_nnviz.wording import row_data

        headline, *_ = self.changes(name, Room(lines=None, root=root)) or [""]
        told = self.told(0)
        rows = [row_data(row) for row in told.main]
        return {"headline": headline, "rows": rows, "remarks": list(told.remarks), "rename_map": {}}

    def words(self, name: str, room: Room) -> list[str]:
        """What changed, or why that cannot be said, headline first."""
        if self.damage is not None:
            return [f"the snapshot before could not be read: {self.damage}"]
        return self.changes(name, room)

    def around(self, where: Where, words: list[str]) -> list[str]:
        """The words of a failure, with what is said before and after them."""
        if self.exceeded:
            return self.over_budget(where, words)
        if self.status is Status.MISSING:
            return self._missing(where)
        if self.status is Status.DAMAGED:
            return self._damaged(where)
        return [*words, *self.remarks, *places(where, words), f"if intended: {where.command}"]

    @property
    def remarks(self) -> list[str]:
        """What is to be known beside the changes."""
        return []

    @property
    def advice(self) -> list[str]:
        """What is to be known before a first recording."""
        return []

    def over_budget(self, where: Where, words: list[str]) -> list[str]:
        """The message of a budget that does not hold."""
        raise NotImplementedError

    def _missing(self, where: Where) -> list[str]:
        return [
            f"no snapshot yet: {where.name}",
            self.gist,
            *self.advice,
            f"expected  {where.expected}",
            f"to record: {where.command}",
        ]

    def _damaged(self, where: Where) -> list[str]:
        return [
            f"unreadable snapshot: {where.name}, {self.damage}",
            f"expected  {where.expected}",
            f"to write it anew: {where.command}",
        ]


def places(where: Where, words: list[str]) -> list[str]:
    """Where the stored text is, and where the files of the failure are."""
    lines = [f"expected  {where.expected}"]
    if where.artifacts is None:
        return lines
    cut = any(line.startswith("... and ") for line in words)
    return [*lines, f"artifacts {where.artifacts}{', all of it in words.txt' if cut else ''}"]


def message(verdict: Verdict, where: Where, room: Room) -> str:
    """Why the test fails, headline first, and what to do next."""
    around = verdict.around(where, [])
    left = None if room.lines is None else room.lines - len(around)
    words = verdict.words(where.name, replace(room, width=room.width - 2, lines=left))
    return "\n  ".join(verdict.around(where, words))
