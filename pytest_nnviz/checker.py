"""One call of the fixture: trace, compare with the stored text, reach a verdict, word it."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_nnviz.architecture import Architecture, walk_modules
from pytest_nnviz.errors import TextError, UnmatchedPatternWarning
from pytest_nnviz.patterns import ProjectPattern

if TYPE_CHECKING:
    from pytest_nnviz.budgets import Excess
    from pytest_nnviz.drift import Drift
    from pytest_nnviz.gates import Gates
    from pytest_nnviz.options import Options

__all__ = ["Room", "Status", "Verdict", "Where", "causes_of", "check", "gist", "message", "words_of"]


class Status(Enum):
    """What became of a call."""

    PASSED = "passed"
    MISSING = "missing"
    DRIFTED = "drifted"
    DAMAGED = "damaged"
    RECORDED = "recorded"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a call, as data.

    Attributes:
        status: see `Status`.
        architecture: what was traced.
        text: its canonical text.
        stored: the stored text, None where there was none.
        drift: the changes from the stored one; of a call that passed, those that are not gated.
        damage: why the stored text could not be read.
        reads: with ``values="fixed"``, the calls that read values, by which these may decide the graph.
        excess: the budgets that do not hold; with one of them nothing is written, whatever the status.
    """

    status: Status
    architecture: Architecture
    text: str
    stored: str | None = None
    drift: Drift | None = None
    damage: str | None = None
    reads: tuple[str, ...] = ()
    excess: tuple[Excess, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the test has to fail."""
        return bool(self.excess) or self.status in (Status.MISSING, Status.DRIFTED, Status.DAMAGED)

    @property
    def refused(self) -> bool:
        """Whether a budget keeps from being written what otherwise would be."""
        return bool(self.excess) and self.status in (Status.RECORDED, Status.ACCEPTED)

    @property
    def kept(self) -> str:
        """The text that the storage should hold after this call, if it may write."""
        return self.stored if self.stored is not None and self.status is Status.PASSED else self.text


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


def check(
    options: Options, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, stored: str | None, updates: str
) -> Verdict:
    """Trace the model and judge it by the stored text.

    A call that passes costs one forward pass and a comparison of strings; nothing is parsed. Only what does not match
    is traced again, warm, and what is to be written is traced with perturbed weights.

    Args:
        options: how to trace, and which changes fail.
        model: what was given as the model.
        args: positional arguments of its forward.
        kwargs: keyword arguments of its forward.
        stored: the stored text, None where there is none.
        updates: what may be written: ``all``, ``new`` (what is missing) or ``nothing``.

    Raises:
        TraceError: the model cannot be traced, or its graph is not stable enough to be recorded.
        Exception: whatever the model's forward raises.
    """
    __tracebackhide__ = True
    from pytest_nnviz.textformat import dumps
    from pytest_nnviz.tracing import open_session

    writes = updates == "all" or (updates == "new" and stored is None)
    with open_session(options, model, args, kwargs) as session:
        architecture = session.run()
        text = dumps(architecture)
        if _same(text, stored):
            architecture = session.versioned(architecture)
        else:
            architecture = session.settle(architecture)
            text = dumps(architecture)
            if writes and not _same(text, stored):
                session.check_values(architecture)
    verdict = _judge(options, architecture, text, stored, writes)
    if options.gate.places:
        _warn_unmatched(options.gate, verdict)
    fixed = options.forward and options.values == "fixed"
    old = verdict.drift.old if verdict.drift is not None else None
    return replace(
        verdict,
        reads=tuple(sorted(set(session.reads))) if fixed else (),
        excess=tuple(options.budget.exceeded(old, architecture)),
    )


def words_of(verdict: Verdict, name: str, gate: Gates, room: Room) -> list[str]:
    """What changed, headline first; empty when nothing did."""
    if verdict.damage is not None:
        return [f"the snapshot before could not be read: {verdict.damage}"]
    if verdict.drift is None:
        return []
    if not verdict.drift:
        return _text_difference(verdict, name, room)
    from pytest_nnviz.wording import headline, words

    lines = sys.maxsize if room.lines is None else room.lines - 1
    drift, ripples, root = verdict.drift, room.ripples, room.root
    facts = words(drift, gate=gate, limit=lines, lines=lines, width=room.width, ripples=ripples, root=root)
    return [headline(verdict.drift, name, gate=gate), *facts]


def causes_of(verdict: Verdict, gate: Gates) -> list[str]:
    """The edits behind a drift, in words that are the same for each model that has the part."""
    from pytest_nnviz.wording import tell

    return [] if verdict.drift is None else [row.cause for row in tell(verdict.drift, gate=gate).main]


def message(verdict: Verdict, where: Where, gate: Gates, room: Room) -> str:
    """Why the test fails, headline first, and what to do next."""
    around = _around(verdict, where, [])
    left = None if room.lines is None else room.lines - len(around)
    words = words_of(verdict, where.name, gate, replace(room, width=room.width - 2, lines=left))
    return "\n  ".join(_around(verdict, where, words))


def _around(verdict: Verdict, where: Where, words: list[str]) -> list[str]:
    """The words of a drift, with what is said before and after them."""
    if verdict.excess:
        return _over_budget(verdict, where, words)
    if verdict.status is Status.MISSING:
        return _missing(verdict, where)
    if verdict.status is Status.DAMAGED:
        return _damaged(verdict, where)
    return [*words, *_values(verdict), *_places(where, words), f"if intended: {where.command}"]


def gist(architecture: Architecture) -> str:
    """An architecture in a few words."""
    return f"{architecture.root.class_name}, {architecture.mode}, {architecture.total_parameters:,} parameters"


def _same(text: str, stored: str | None) -> bool:
    from pytest_nnviz.textformat import without_comments

    return stored is not None and without_comments(text) == without_comments(stored)


def _judge(options: Options, architecture: Architecture, text: str, stored: str | None, writes: bool) -> Verdict:
    if stored is None:
        return Verdict(Status.RECORDED if writes else Status.MISSING, architecture, text)
    if _same(text, stored):
        return Verdict(Status.PASSED, architecture, text, stored)
    from pytest_nnviz.drift import diff
    from pytest_nnviz.textformat import loads

    try:
        old = loads(stored)
    except TextError as error:
        status = Status.ACCEPTED if writes else Status.DAMAGED
        return Verdict(status, architecture, text, stored, damage=str(error))
    drift = diff(old, architecture)
    if writes:
        return Verdict(Status.ACCEPTED, architecture, text, stored, drift)
    if old == architecture:  # written in another way, by another version of this package
        return Verdict(Status.PASSED, architecture, text, stored)
    gated = not drift or any(map(options.gate.held_in(drift), drift.changes))
    return Verdict(Status.DRIFTED if gated else Status.PASSED, architecture, text, stored, drift)


def _warn_unmatched(gate: Gates, verdict: Verdict) -> None:
    """Warn about patterns that name no module, before or now; those of the whole project may."""
    models = [verdict.architecture, *([verdict.drift.old] if verdict.drift is not None else [])]
    for pattern in gate.unmatched({path for model in models for path, _ in walk_modules(model.root)}):
        if not isinstance(pattern, ProjectPattern):
            warnings.warn(
                f"gate={pattern!r} names nothing in {verdict.architecture.root.class_name}: give the path of a module "
                "('encoder', 'layers.*.attn'), or leave it out",
                UnmatchedPatternWarning,
                stacklevel=4,
            )


def _over_budget(verdict: Verdict, where: Where, words: list[str]) -> list[str]:
    options = " and ".join(excess.option for excess in verdict.excess)
    updating = "" if verdict.status is Status.PASSED else f", then {where.command}"
    return [
        f"over budget: {'; '.join(excess.text for excess in verdict.excess)} in {where.name}",
        *_where_parameters_are(verdict),
        *words[1:],
        *(["not written: a budget holds when updating too"] if verdict.refused else []),
        *_places(where, words),
        f"if intended: raise {options}{updating}",
    ]


def _where_parameters_are(verdict: Verdict) -> list[str]:
    """For a limit of all parameters; where they grew is told with the totals."""
    from pytest_nnviz.totals import where_parameters_are

    limited = any(excess.old is None for excess in verdict.excess)
    return [f"parameters are in {where_parameters_are(verdict.architecture)}"] if limited else []


def _missing(verdict: Verdict, where: Where) -> list[str]:
    return [
        f"no snapshot yet: {where.name}",
        f"{gist(verdict.architecture)}",
        f"expected  {where.expected}",
        f"to record: {where.command}",
    ]


def _damaged(verdict: Verdict, where: Where) -> list[str]:
    return [
        f"unreadable snapshot: {where.name}, {verdict.damage}",
        f"expected  {where.expected}",
        f"to write it anew: {where.command}",
    ]


def _values(verdict: Verdict) -> list[str]:
    if not verdict.reads:
        return []
    shown = "; ".join(verdict.reads[:3]) + (f"; {len(verdict.reads) - 3} more" if len(verdict.reads) > 3 else "")
    return [f'values="fixed", and values are read by {shown}: another seed, checkpoint or input gives another graph']


def _places(where: Where, words: list[str]) -> list[str]:
    lines = [f"expected  {where.expected}"]
    if where.artifacts is None:
        return lines
    cut = any(line.startswith("... and ") for line in words)
    return [*lines, f"artifacts {where.artifacts}{', all of it in words.txt' if cut else ''}"]


def _text_difference(verdict: Verdict, name: str, room: Room) -> list[str]:
    """The lines that differ, for texts that say the same: of an update, or, should it happen, of a gap in `diff`."""
    import difflib

    old, new = (verdict.stored or "").split("\n"), verdict.text.split("\n")
    lines = list(difflib.unified_diff(old, new, "expected", "actual", n=1, lineterm=""))
    limit = len(lines) if room.lines is None else room.lines - 2
    more = [f"... {len(lines) - limit} more lines"] if len(lines) > limit else []
    return [f"the text differs in {name}", *(f"  {line}" for line in lines[:limit]), *more]
