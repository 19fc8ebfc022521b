"""What a run recorded, accepted and noticed, in lines for its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pytest_nnviz.accepting import Accepting, command, whole_id
from pytest_nnviz.shell import typed

__all__ = ["Note", "Recap"]

_LISTED = 8
_NOTHING = Accepting()
_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say at the end of the run.

    Attributes:
        kind: ``recorded``, ``accepted``, ``not gated``, ``failed`` (printed), ``exceeded`` (a budget; counted),
            ``picture``, ``undrawn``, ``setup`` (warned about), ``left``, ``shown`` (a folder of what failed or passed,
            for the report), ``lost`` (why there is none).
        subject: the file, or what it is about.
        nodeid: the test, as pytest takes it on its command line.
        lines: what is to be said.
        causes: the edits behind it, in words that do not depend on the model.
        ids: of the causes, in their order.
    """

    kind: str
    subject: str
    nodeid: str
    lines: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def pack(self) -> dict[str, Any]:
        """As plain values that travel from a worker to the controller."""
        return asdict(self)

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> Note:
        """The note that was packed."""
        return cls(**{**packed, **{key: tuple(packed[key]) for key in ("lines", "causes", "ids")}})


class Recap:
    """The notes of a run; a later one about the same subject replaces an earlier one.

    ``accepting`` is what the run may accept by its cause.
    """

    def __init__(self, accepting: Accepting = _NOTHING) -> None:
        self._accepting = accepting
        self._notes: dict[tuple[str, str], Note] = {}

    def add(self, note: Note) -> None:
        """Take a note."""
        self._notes[note.kind, note.subject] = note

    def lines(self) -> Iterator[str]:
        """What was recorded, accepted and not gated, and what made several snapshots fail."""
        for note in self._of("recorded"):
            yield f"recorded {note.subject}: {', '.join(note.lines)}"
        for kind in ("accepted", "not gated"):
            for notes in _alike(self._of(kind)):
                yield from _told(kind, notes)
        if self._accepting:
            yield from self._by_cause()
        shared = _shared(self._of("failed"))[:_CAUSES]
        for causes, notes in shared:
            yield from _once(causes, notes)
        yield from _together(shared)

    def unknown(self) -> Iterator[str]:
        """What was to be accepted and is not there."""
        notes = [note for kind in ("accepted", "failed", "exceeded") for note in self._of(kind)]
        found = {each for note in notes for each in (*note.ids, whole_id(note.ids))}
        for each in self._accepting.ids:
            if each not in found:
                yield f"--nnviz-accept {each}: nothing drifted by this cause; the end of a failing run shows the ids"

    def _by_cause(self) -> Iterator[str]:
        """How many snapshots were accepted by their causes, and which have these causes beside others."""
        accepted = self._of("accepted")
        causes = {*self._accepting.ids, *(each for note in accepted for each in note.ids)}
        left = [note.subject for note in self._of("failed") if causes.intersection(note.ids)]
        yield f"accepted by cause: {len(accepted) or 'no'} {'snapshot' if len(accepted) == 1 else 'snapshots'}"
        if left:
            yield f"  not accepted, as other changes are beside it: {', '.join(_first(left))}"

    def warnings(self) -> Iterator[str]:
        """What is worth one warning a run."""
        yield from _unless_empty(_pictures, self._of("picture"))
        yield from _unless_empty(_undrawn, self._of("undrawn"))
        for note in self._of("setup"):
            yield " ".join(note.lines)

    def failures(self) -> list[tuple[str, str]]:
        """The statuses and consequences of what failed and left its files."""
        return [(note.lines[0], note.lines[1]) for note in self._of("left")]

    def left(self) -> list[str]:
        """Where snapshots have left their files."""
        return [note.subject for kind in ("left", "shown") for note in self._of(kind)]

    def lost(self) -> list[str]:
        """What could not be left, and why."""
        return [f"{note.subject}: {' '.join(note.lines)}" for note in self._of("lost")]

    def _of(self, kind: str) -> list[Note]:
        return [self._notes[key] for key in sorted(self._notes) if key[0] == kind]


def _alike(notes: list[Note]) -> Iterator[list[Note]]:
    """Notes with the same causes together; one without a cause is alone."""
    found: dict[object, list[Note]] = {}
    for note in notes:
        found.setdefault(note.causes or note.subject, []).append(note)
    yield from found.values()


def _told(kind: str, notes: list[Note]) -> Iterator[str]:
    """What was accepted, or is not gated: all of one snapshot, what they have in common of several."""
    if len(notes) == 1:
        yield f"{kind} {notes[0].subject}"
        yield from (f"  {line}" for line in notes[0].lines)
    else:
        yield f"{kind} in {len(notes)} snapshots: {notes[0].causes[0]}"
        yield from (f"  {cause}" for cause in _first(list(notes[0].causes[1:])))
        yield from (f"  {subject}" for subject in _first([note.subject for note in notes]))


def _shared(notes: list[Note]) -> list[tuple[list[str], list[Note]]]:
    """The causes that several snapshots have, those of the same snapshots together; the most snapshots first."""
    by_cause: dict[str, list[Note]] = {}
    for note in notes:
        for cause in dict.fromkeys(note.causes):
            by_cause.setdefault(cause, []).append(note)
    found: dict[tuple[Note, ...], list[str]] = {}
    for cause, having in by_cause.items():
        if len(having) > 1:
            found.setdefault(tuple(having), []).append(cause)
    pairs = [(causes, list(having)) for having, causes in found.items() if _matters(causes, having)]
    return sorted(pairs, key=lambda pair: -len(pair[1]))


def _matters(causes: list[str], notes: Iterable[Note]) -> bool:
    """Whether the shared causes are worth a line: not those that change nothing, beside others that do."""
    whole = all(set(note.causes) <= set(causes) for note in notes)
    return whole or any(not cause.endswith(", cosmetic") for cause in causes)


def _once(causes: list[str], notes: list[Note]) -> Iterator[str]:
    """What made several snapshots fail, and how to accept it where no other change did too."""
    whole = [note for note in notes if set(note.causes) <= set(causes)]
    mixed = [note for note in notes if not set(note.causes) <= set(causes)]
    alone = sorted({note.nodeid for note in whole} - {note.nodeid for note in mixed})
    alike = "failed for one cause" if len(_ids(causes, notes)) == len(causes) else "failed alike"
    yield f"{len(notes)} snapshots {'share a change' if mixed else alike}: {causes[0]}"
    yield from (f"  {cause}" for cause in _first(causes[1:]))
    if alone:
        yield f"  in {', '.join(_first(alone))}"
    if mixed:
        yield f"  beside other changes in {', '.join(_first(sorted({note.nodeid for note in mixed})))}"
    if alone:
        yield f"  if intended: {_accepting(causes, whole) or _updating(set(alone))}"


def _together(shared: list[tuple[list[str], list[Note]]]) -> Iterator[str]:
    """How to accept what has several of the causes that were told, and nothing else."""
    told = {cause for causes, _ in shared for cause in causes}
    found = {note.subject: note for _, notes in shared for note in notes if told.issuperset(note.causes)}
    several = [note for note in found.values() if not any(set(note.causes) <= set(causes) for causes, _ in shared)]
    accepting = command(id_ for note in several for id_ in note.ids)
    if accepting:
        yield f"several of these changes and no others: {', '.join(_first(sorted({note.nodeid for note in several})))}"
        yield f"  if all are intended: {accepting}"


def _accepting(causes: list[str], notes: list[Note]) -> str:
    """The command that accepts these causes wherever nothing else drifted; empty where it would take too many ids."""
    if all(set(note.causes) == set(causes) for note in notes):
        ids = {whole_id(note.ids) for note in notes}
    else:
        ids = _ids(causes, notes)
    return command(ids)


def _ids(causes: list[str], notes: list[Note]) -> set[str]:
    """The ids that these causes have: more than there are of them, where one is in the same words another one."""
    pairs = [pair for note in notes for pair in zip(note.causes, note.ids, strict=True)]
    return {id_ for cause, id_ in pairs if cause in causes}


def _updating(nodeids: set[str]) -> str:
    return typed(["pytest", "--snapshot-update", *_selection(nodeids)])


def _unless_empty(say: Any, notes: list[Note]) -> Iterator[str]:
    if notes:
        yield say(notes)


def _pictures(notes: list[Note]) -> str:
    files = ", ".join(_first([note.subject for note in notes]))
    command = _updating({note.nodeid for note in notes})
    return f"pictures that are missing or older than their text: {files}; redraw: {command}"


def _undrawn(notes: list[Note]) -> str:
    reasons: dict[str, list[str]] = {}
    for note in notes:
        reasons.setdefault("\n".join(note.lines), []).append(note.subject)
    told = [(", ".join(_first(files)), reason) for reason, files in reasons.items()]
    (files, reason), *others = told[:_CAUSES]
    lines = [f"pictures could not be drawn for {files} (the texts are complete, and they decide): {reason}"]
    lines += [f"for {files}: {reason}" for files, reason in others]
    lines += [f"... and for {len(told) - _CAUSES} more reasons"] if len(told) > _CAUSES else []
    return "\n".join(lines)


def _selection(nodeids: set[str]) -> list[str]:
    """What selects these tests in a command of readable length: they, or their files, or nothing, which selects all."""
    for selected in (nodeids, {nodeid.partition("::")[0] for nodeid in nodeids}):
        if len(selected) <= _LISTED:
            return sorted(selected)
    return []


def _first(words: list[str]) -> list[str]:
    return words if len(words) <= _LISTED else [*words[:_LISTED], "..."]
