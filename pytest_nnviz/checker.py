"""One call of the fixture: trace, compare with the stored text, reach a verdict, word it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_nnviz.architecture import Architecture, walk_modules
from pytest_nnviz.errors import TextError, UnmatchedPatternWarning, warn
from pytest_nnviz.gates import Gates
from pytest_nnviz.patterns import ProjectPattern
from pytest_nnviz.progress import doing
from pytest_nnviz.verdict import Room, Status, Verdict, Where, places

if TYPE_CHECKING:
    from pytest_nnviz.budgets import Excess
    from pytest_nnviz.drift import Drift
    from pytest_nnviz.options import Options
    from pytest_nnviz.wording import Told

__all__ = ["ArchitectureVerdict", "check", "compared", "gist"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureVerdict(Verdict):
    """What became of a call of ``nnviz_snapshot``.

    Attributes:
        architecture: what was traced.
        gate: which changes fail the test.
        drift: the changes from the stored one; of a call that passed, those that are not gated.
        reads: the calls that read values, by which these may decide the graph: with ``values="fixed"``, and where
            nothing but the graph is another one.
        fixed: whether ``values="fixed"``.
        excess: the budgets that do not hold.
    """

    architecture: Architecture
    gate: Gates
    drift: Drift | None = None
    reads: tuple[str, ...] = ()
    fixed: bool = False
    excess: tuple[Excess, ...] = ()

    @property
    def exceeded(self) -> bool:
        """Whether a budget does not hold."""
        return bool(self.excess)

    @property
    def differs(self) -> bool:
        """Whether there are changes to show, gated or not."""
        return self.drift is not None and (bool(self.drift) or self.status is not Status.COMPARED)

    @property
    def gist(self) -> str:
        """The architecture in a few words."""
        return gist(self.architecture)

    @property
    def causes(self) -> list[str]:
        """The edits behind a drift, in words that are the same for each model that has the part."""
        from pytest_nnviz.wording import tell

        if self.drift is None:
            return []
        return [row.cause for row in tell(self.drift, gate=self._told_by, limit=sys.maxsize).main]

    @property
    def cause_keys(self) -> list[str]:
        """What tells each of the causes from all others."""
        from pytest_nnviz.wording.causes import cause_keys

        return cause_keys(self.drift, gate=self._told_by) if self.drift else []

    @property
    def consequences(self) -> frozenset[str]:
        """What the changes mean; that a hook decides whether checkpoints load counts as breaking them."""
        if not self.drift:
            return frozenset()
        from pytest_nnviz.drift import checkpoint
        from pytest_nnviz.drift.consequence import BREAKS

        doubtful = {BREAKS} if checkpoint(self.drift).strict != "yes" else set()
        return frozenset(doubtful.union(change.consequence for change in self.drift.changes))

    @property
    def touched(self) -> frozenset[str]:
        """The gates that count the changes."""
        return frozenset(change.gate for change in (self.drift.changes if self.drift else ()))

    @property
    def decides(self) -> bool:
        """Whether any of the changes is gated."""
        drift = self.drift
        return drift is not None and any(map(self.gate.held_in(drift), drift.changes))

    def told(self, width: int) -> Told:
        """What changed as rows and remarks."""
        from pytest_nnviz.wording import Told, tell

        stored = self.status is Status.COMPARED
        return Told() if self.drift is None else tell(self.drift, gate=self._told_by, width=width, stored=stored)

    def plain(self, name: str) -> dict[str, Any]:
        """All changes; see `pytest_nnviz.report.drift_data`."""
        from pytest_nnviz.report import drift_data

        assert self.drift is not None
        return drift_data(self.drift, name, self._told_by)

    def changes(self, name: str, room: Room) -> list[str]:
        """What changed, headline first; empty when nothing did."""
        if self.drift is None or not self.differs:
            return []
        if not self.drift:
            return _text_difference(self, name, room)
        from pytest_nnviz.wording import headline, words

        lines = sys.maxsize if room.lines is None else room.lines - 1
        facts = words(
            self.drift,
            gate=self._told_by,
            limit=lines,
            lines=lines,
            width=room.width,
            ripples=room.ripples,
            root=room.root,
            stored=self.status is Status.COMPARED,
        )
        return [headline(self.drift, name, gate=self._told_by), *facts]

    def data(self, name: str, root: str) -> dict[str, Any]:
        """What changed as plain values; ``drift`` is what `pytest_nnviz.report.drift_data` makes."""
        if not self.drift:
            return Verdict.data(self, name, root)
        from pytest_nnviz.report import drift_data, rows_data

        drift = drift_data(self.drift, name, self._told_by)
        rename_map = drift["checkpoint"]["rename_map"]
        return {
            "headline": drift["headline"],
            **rows_data(self.drift, self._told_by, root, stored=self.status is Status.COMPARED),
            "rename_map": rename_map,
            "drift": drift,
        }

    def over_budget(self, where: Where, words: list[str]) -> list[str]:
        """The message of a budget that does not hold."""
        options = " and ".join(excess.option for excess in self.excess)
        updating = "" if self.status is Status.PASSED else f", then {where.command}"
        return [
            f"over budget: {'; '.join(excess.text for excess in self.excess)} in {where.name}",
            *_where_parameters_are(self),
            *words[1:],
            *(["not written: a budget holds when updating too"] if self.refused else []),
            *places(where, words),
            f"if intended: raise {options}{updating}",
        ]

    @property
    def remarks(self) -> list[str]:
        """What the graph may depend on."""
        if not self.reads:
            return []
        more = f"; {len(self.reads) - 3} more" if len(self.reads) > 3 else ""
        read = f"values are read by {'; '.join(self.reads[:3])}{more}: another seed, checkpoint or input"
        return [f'values="fixed", and {read} gives another graph' if self.fixed else f"{read} may give another graph"]

    @property
    def _told_by(self) -> Gates:
        """The gates to word a drift by: of one that passes no change is held, and all are told alike."""
        return Gates() if self.status is Status.PASSED and not self.excess else self.gate


def check(
    options: Options, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, stored: str | None, updates: str
) -> ArchitectureVerdict:
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
    from pytest_nnviz.textformat import dumps, say_the_same
    from pytest_nnviz.tracing import open_session

    writes = updates == "all" or (updates == "new" and stored is None)
    with open_session(options, model, args, kwargs) as session:
        architecture = session.run()
        text = dumps(architecture)
        if say_the_same(text, stored):
            architecture = session.versioned(architecture)
        else:
            architecture = session.settle(architecture, stored)
            text = dumps(architecture)
            if writes and not say_the_same(text, stored):
                session.check_values(architecture)
    verdict = _judge(options, architecture, text, stored, writes)
    if options.gate.places:
        _warn_unmatched(options.gate, verdict)
    fixed = options.forward and options.values == "fixed"
    old = verdict.drift.old if verdict.drift is not None else None
    return replace(
        verdict,
        reads=tuple(sorted(set(session.reads))) if fixed or _is_of_the_graph(verdict.drift) else (),
        fixed=fixed,
        excess=tuple(options.budget.exceeded(old, architecture)),
    )


def compared(old: Architecture, new: Architecture, stored: str, text: str, gate: Gates) -> ArchitectureVerdict:
    """One stored text judged by another.

    Args:
        old: what the text before says.
        new: what the text after says.
        stored: the text before.
        text: the text after.
        gate: which changes are told as changes; the others are notes.
    """
    from pytest_nnviz.drift import diff

    found = ArchitectureVerdict(status=Status.COMPARED, text=text, stored=stored, architecture=new, gate=gate)
    return replace(found, drift=diff(old, new))


def gist(architecture: Architecture) -> str:
    """An architecture in a few words."""
    return f"{architecture.root.class_name}, {architecture.mode}, {architecture.total_parameters:,} parameters"


def _judge(
    options: Options, architecture: Architecture, text: str, stored: str | None, writes: bool
) -> ArchitectureVerdict:
    from pytest_nnviz.textformat import loads, say_the_same

    verdict = partial(ArchitectureVerdict, text=text, stored=stored, architecture=architecture, gate=options.gate)
    if stored is None:
        return verdict(status=Status.RECORDED if writes else Status.MISSING)
    if say_the_same(text, stored):
        return verdict(status=Status.PASSED)
    from pytest_nnviz.drift import diff

    try:
        old = loads(stored)
    except TextError as error:
        return verdict(status=Status.ACCEPTED if writes else Status.DAMAGED, damage=str(error))
    with doing(f"comparing {architecture.root.class_name}"):
        drift = diff(old, architecture)
    if writes:
        return verdict(status=Status.ACCEPTED, drift=drift)
    if old == architecture:  # written in another way, by another version of this package
        return verdict(status=Status.PASSED)
    gated = not drift or any(map(options.gate.held_in(drift), drift.changes))
    return verdict(status=Status.DRIFTED if gated else Status.PASSED, drift=drift)


def _is_of_the_graph(drift: Drift | None) -> bool:
    """Whether modules and parameters are what they were: values may have chosen another way through them."""
    return drift is not None and bool(drift) and all(change.gate in ("topology", "shapes") for change in drift.changes)


def _warn_unmatched(gate: Gates, verdict: ArchitectureVerdict) -> None:
    """Warn about patterns that name no module, before or now; those of the whole project may."""
    models = [verdict.architecture, *([verdict.drift.old] if verdict.drift is not None else [])]
    for pattern in gate.unmatched({path for model in models for path, _ in walk_modules(model.root)}):
        if not isinstance(pattern, ProjectPattern):
            warn(
                f"gate={pattern!r} names nothing in {verdict.architecture.root.class_name}: give the path of a module "
                "('encoder', 'layers.*.attn'), or leave it out",
                UnmatchedPatternWarning,
            )


def _where_parameters_are(verdict: ArchitectureVerdict) -> list[str]:
    """For a limit of all parameters; where they grew is told with the totals."""
    from pytest_nnviz.totals import where_parameters_are

    limited = any(excess.old is None for excess in verdict.excess)
    return [f"parameters are in {where_parameters_are(verdict.architecture)}"] if limited else []


def _text_difference(verdict: ArchitectureVerdict, name: str, room: Room) -> list[str]:
    """The lines that differ, for texts that say the same: of an update, or, should it happen, of a gap in `diff`."""
    import difflib

    old, new = (verdict.stored or "").split("\n"), verdict.text.split("\n")
    lines = list(difflib.unified_diff(old, new, "expected", "actual", n=1, lineterm=""))
    limit = len(lines) if room.lines is None else room.lines - 2
    more = [f"... {len(lines) - limit} more lines"] if len(lines) > limit else []
    return [f"the text differs in {name}", *(f"  {line}" for line in lines[:limit]), *more]
