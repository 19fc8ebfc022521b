"""What a run recorded, accepted and noticed, in lines for its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Note", "Recap"]

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say at the end of the run.

    Attributes:
        kind: ``recorded``, ``accepted``, ``not gated`` (printed), ``picture``, ``undrawn``, ``setup`` (warned about).
        subject: the file, or what it is about.
        nodeid: the test, as pytest takes it on its command line.
        lines: what is to be said.
    """

    kind: str
    subject: str
    nodeid: str
    lines: tuple[str, ...] = ()

    def pack(self) -> dict[str, Any]:
        """As plain values that travel from a worker to the controller."""
        return asdict(self)

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> Note:
        """The note that was packed."""
        return cls(**{**packed, "lines": tuple(packed["lines"])})


class Recap:
    """The notes of a run; a later one about the same subject replaces an earlier one."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], Note] = {}

    def add(self, note: Note) -> None:
        """Take a note."""
        self._notes[note.kind, note.subject] = note

    def lines(self) -> Iterator[str]:
        """What was recorded, accepted and not gated."""
        for kind in ("recorded", "accepted", "not gated"):
            for note in self._of(kind):
                if kind == "recorded":
                    yield f"recorded {note.subject}: {', '.join(note.lines)}"
                else:
                    yield f"{kind} {note.subject}"
                    yield from (f"  {line}" for line in note.lines)

    def warnings(self) -> Iterator[str]:
        """What is worth one warning a run."""
        yield from _unless_empty(_pictures, self._of("picture"))
        yield from _unless_empty(_undrawn, self._of("undrawn"))
        for note in self._of("setup"):
            yield " ".join(note.lines)

    def _of(self, kind: str) -> list[Note]:
        return [self._notes[key] for key in sorted(self._notes) if key[0] == kind]


def _unless_empty(say: Any, notes: list[Note]) -> Iterator[str]:
    if notes:
        yield say(notes)


def _pictures(notes: list[Note]) -> str:
    files = ", ".join(_first([note.subject for note in notes]))
    command = shlex.join(["pytest", "--snapshot-update", *_selection({note.nodeid for note in notes})])
    return f"pictures that are missing or older than their text: {files}; redraw: {command}"


def _undrawn(notes: list[Note]) -> str:
    files = ", ".join(_first([note.subject for note in notes]))
    reason = "\n".join(notes[0].lines)
    return f"pictures could not be drawn for {files} (the texts are complete, and they decide): {reason}"


def _selection(nodeids: set[str]) -> list[str]:
    """What selects these tests in a command of readable length: they, or their files, or nothing, which selects all."""
    for selected in (nodeids, {nodeid.partition("::")[0] for nodeid in nodeids}):
        if len(selected) <= _LISTED:
            return sorted(selected)
    return []


def _first(words: list[str]) -> list[str]:
    return words if len(words) <= _LISTED else [*words[:_LISTED], "..."]
