"""One call of the fixture: draw the table, compare it with the stored text, reach a verdict, word it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pytest_nnviz.errors import TextError
from pytest_nnviz.options.summary import SummaryOptions
from pytest_nnviz.summaries.drift import Difference, diff
from pytest_nnviz.summaries.making import drawn
from pytest_nnviz.summaries.meaning import consequences, gates
from pytest_nnviz.summaries.reading import loads
from pytest_nnviz.summaries.stability import check_values
from pytest_nnviz.summaries.table import Summary
from pytest_nnviz.summaries.wording import cause_keys, causes, headline, remarks, rows, words
from pytest_nnviz.textformat import say_the_same
from pytest_nnviz.tracing import open_session
from pytest_nnviz.verdict import Room, Status, Verdict
from pytest_nnviz.wording import Told

__all__ = ["SummaryVerdict", "check", "compared", "gist"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryVerdict(Verdict):
    """What became of a call of ``nnviz_summary``.

    Attributes:
        summary: the table that was drawn.
        difference: what changed from the stored one; None where nothing did, or that one could not be read.
        runs: whether the model was to be run; then a table without shapes is one of a call without inputs.
    """

    summary: Summary
    difference: Difference | None = None
    runs: bool = True

    @property
    def differs(self) -> bool:
        """Whether there are changes to show."""
        return self.difference is not None

    @property
    def gist(self) -> str:
        """The table in a few words."""
        return gist(self.summary)

    @property
    def causes(self) -> list[str]:
        """The edits in words that are the same for each model that has the layer."""
        return [] if self.difference is None else causes(self.difference)

    @property
    def cause_keys(self) -> list[str]:
        """What tells each of the causes from all others."""
        return [] if self.difference is None else cause_keys(self.difference)

    @property
    def advice(self) -> list[str]:
        """That a table has no shapes for want of inputs."""
        without = self.runs and self.summary.total_mult_adds is None
        return ["called without inputs: parameters alone, no shapes"] if without else []

    def changes(self, name: str, room: Room) -> list[str]:
        """What changed, headline first; empty when nothing did."""
        if self.difference is None:
            return []
        if not self.difference:
            return [f"the text is written in another way in {name}, and says the same"]
        lines = None if room.lines is None else room.lines - 1
        told = words(self.difference, width=room.width, lines=lines, ripples=room.ripples)
        return [headline(self.difference, name), *told]

    @property
    def consequences(self) -> frozenset[str]:
        """What the changes mean for those who use the model, as far as a table can tell."""
        return frozenset() if self.difference is None else consequences(self.difference)

    @property
    def touched(self) -> frozenset[str]:
        """The gates that count the changes."""
        return frozenset() if self.difference is None else gates(self.difference)

    def told(self, width: int) -> Told:
        """What changed: a row for each edit that follows from no others."""
        if self.difference is None:
            return Told()
        return Told(main=tuple(rows(self.difference)), remarks=tuple(remarks(self.difference)))

    def plain(self, name: str) -> dict[str, Any]:
        """All changes; see `summary_data`."""
        from pytest_nnviz.summaries.plain import summary_data

        return summary_data(self.summary if self.difference is None else self.difference.old, self.summary, name)


def gist(summary: Summary) -> str:
    """A table in a few words."""
    name = summary.rows[0].class_name
    return f"{name}, {summary.mode}, {len(summary.rows):,} rows, {summary.total_params:,} parameters"


def compared(old: Summary, new: Summary) -> SummaryVerdict:
    """One stored table judged by another."""
    found = diff(old, new) or None
    return SummaryVerdict(status=Status.COMPARED, text=new.text, stored=old.text, summary=new, difference=found)


def check(
    options: SummaryOptions,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    stored: str | None,
    updates: str,
) -> SummaryVerdict:
    """Draw the table of a model and judge it by the stored text; nothing is parsed where that is the same.

    That takes one forward pass; what is to be written is held against passes with other values.

    Args:
        options: how to draw it.
        model: what was given as the model.
        args: positional arguments of its forward.
        kwargs: keyword arguments of its forward.
        stored: the stored text, None where there is none.
        updates: what may be written: ``all``, ``new`` (what is missing) or ``nothing``.

    Raises:
        TraceError: the model cannot be run, or values decide its table, so that it is not recorded.
        Exception: whatever the model's forward raises.
    """
    __tracebackhide__ = True
    writes = updates == "all" or (updates == "new" and stored is None)
    forward = options.forward and (bool(args or kwargs) or _takes_nothing(model))
    with open_session(replace(options.tracing, forward=forward), model, args, kwargs) as session:
        summary = drawn(session.layers(), options)
        if writes and not say_the_same(summary.text, stored):
            check_values(session, summary, options)
    verdict = partial(SummaryVerdict, text=summary.text, stored=stored, summary=summary, runs=options.forward)
    if stored is None:
        return verdict(status=Status.RECORDED if writes else Status.MISSING)
    if say_the_same(summary.text, stored):
        return verdict(status=Status.PASSED)
    try:
        old = loads(stored)
    except TextError as error:
        return verdict(status=Status.ACCEPTED if writes else Status.DAMAGED, damage=str(error))
    if writes:
        return verdict(status=Status.ACCEPTED, difference=diff(old, summary))
    if old == summary:  # written in another way, by another version of this package or of torchinfo
        return verdict(status=Status.PASSED)
    return verdict(status=Status.DRIFTED, difference=diff(old, summary))


def _takes_nothing(model: Any) -> bool:
    """Whether the forward of a model has no parameters, so that a call without inputs is one."""
    try:
        return not inspect.signature(model.forward).parameters
    except (AttributeError, TypeError, ValueError):  # no model, or a forward written in C
        return False
