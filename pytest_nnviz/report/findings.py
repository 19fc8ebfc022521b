"""What a run or a review found: what each snapshot has left in its folder, read back for pages and summaries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pytest_nnviz.accepting import command
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.kinds import KINDS
from pytest_nnviz.wording import Fact

__all__ = [
    "FAILED",
    "FILE",
    "REVIEWED",
    "SCHEMA",
    "Finding",
    "Row",
    "accepting",
    "counted",
    "groups",
    "in_order",
    "snapshots",
    "tally",
]

FILE = "drift.json"
SCHEMA = "nnviz-finding 1"
FAILED = ("drifted", "missing", "damaged", "over budget", "picture")
"""The statuses of calls that failed their tests."""

REVIEWED = ("changed", "added", "removed", "renamed")
"""The statuses of snapshots in a review."""

_UNSAID = {
    "missing": "no snapshot yet",
    "damaged": "unreadable snapshot",
    "over budget": "over budget",
    "picture": "picture differs",
}
_CHANGED = {"nnviz_filters": "filters changed", "nnviz_summary": "table changed"}
_HARMLESS = ("not gated", "recorded", "passed", "added", "removed", "renamed")
_ORDER = (*CONSEQUENCES, *_UNSAID.values(), *_CHANGED.values(), *_HARMLESS)
_SAID = ("fixture", "status", "name", "test", "snapshot", "command", "headline")
_TEXT_LIMIT = 4_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One edit: its marker (``~``, ``+``, ``-``, ``>``), where, what, how often, what that means, and which line of
    source makes it; ``gated`` says whether it fails the test. ``changes`` are the facts one by one, where each is
    something before and now: its gate, empty where none counts it, what it is, the old and the new value.
    """

    marker: str = "~"
    place: str = ""
    facts: str = ""
    extra: str = ""
    consequence: str = ""
    source: str = ""
    gated: bool = True
    changes: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one snapshot.

    Attributes:
        folder: its files, as they are named there.
        fixture: the fixture that pins it.
        status: of a run one of `FAILED`, or ``passed``, ``not gated``, ``recorded``, ``accepted``; of a review
            one of `REVIEWED`.
        name: of the snapshot.
        test: node id, as pytest takes it; empty in a review.
        snapshot: the path of the stored text.
        command: accepts it; empty where there is nothing to accept.
        headline: the most important change.
        rows: the edits, what matters most first.
        remarks: what is said about the whole.
        rename_map: old state-dict keys to new ones, where renaming makes an old checkpoint load.
        causes: the edits in words that do not depend on the model.
        cause_id: the id by which ``--nnviz-accept`` accepts all of them; empty where nothing does.
    """

    folder: Path
    fixture: str
    status: str
    name: str
    test: str
    snapshot: str
    command: str
    headline: str
    rows: tuple[Row, ...] = ()
    remarks: tuple[str, ...] = ()
    rename_map: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[str, ...] = ()
    cause_id: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What was left in a folder.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not what was written there.
        """
        return cls.of(folder, json.loads((folder / FILE).read_text(encoding="utf-8")))

    @classmethod
    def of(cls, folder: Path, found: Mapping[str, Any]) -> Self:
        """The finding of what is written in a folder.

        Raises:
            ValueError: something is missing from it, or is of another type.
        """
        try:
            return cls(
                folder=folder,
                rows=tuple(map(_row, found["rows"])),
                remarks=tuple(map(str, found["remarks"])),
                rename_map=dict(found["rename_map"]),
                causes=tuple(map(str, found["causes"])),
                cause_id=str(found.get("cause_id", "")),
                **{key: str(found[key]) for key in _SAID},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / FILE} is not what a snapshot leaves: {error!r}") from None

    @property
    def where(self) -> str:
        """The test, or what else it is known by."""
        return self.test or self.snapshot

    @property
    def anchor(self) -> str:
        """What a link to it on the page ends in, the same in each run; longer where another one has the same."""
        return self.anchor_of(6)

    def anchor_of(self, digits: int) -> str:
        """The same, with so many digits."""
        facts = f"{self.fixture} {self.test or self.snapshot} {self.name}"
        return f"f{sha256(facts.encode('utf-8', 'replace')).hexdigest()[:digits]}"

    def is_same_cause(self, other: Finding) -> bool:
        """Whether another of its group has the same edits, not just edits that are told alike."""
        return bool(self.cause_id) and self.cause_id == other.cause_id

    def is_same(self, other: Finding) -> bool:
        """Whether another of its group has the same edits in the same places."""
        ours, theirs = ([replace(row, source="") for row in each.rows] for each in (self, other))
        return self.cause_id == other.cause_id and ours == theirs

    @property
    def failed(self) -> bool:
        """Whether its test failed by it."""
        return self.status in FAILED

    @property
    def reviewed(self) -> bool:
        """Whether two revisions are compared, not what was expected with what is."""
        return self.status in REVIEWED

    @property
    def consequence(self) -> str:
        """The gravest that it has; what became of it, where none is said."""
        if self.status in _UNSAID:
            return _UNSAID[self.status]
        if self.status in _HARMLESS:
            return self.status
        worst = next((row.consequence for row in self.rows if row.gated and row.consequence), "")
        return worst or _CHANGED.get(self.fixture, "text changed")

    def text(self, which: str) -> str | None:
        """The text of one side, ``expected`` or ``actual``, None where there is none that can be shown."""
        for path in sorted(self.folder.glob(f"{which}.nn*")):
            if path.stat().st_size <= _TEXT_LIMIT:
                return path.read_text(encoding="utf-8", errors="replace")
        return None

    def pictures(self) -> dict[str, Path]:
        """The pictures by name: ``diff``, ``expected``, ``actual``, and what else lies there; an SVG before a PNG."""
        found = {path.stem: path for suffix in ("png", "svg") for path in sorted(self.folder.glob(f"*.{suffix}"))}
        order = ("diff", "expected", "actual")

        def place(name: str) -> tuple[str, int]:
            which, _, part = name.partition(".")
            return part, order.index(which) if which in order else len(order)

        return {name: found[name] for name in sorted(found, key=place)}

    def data(self, root: Path) -> dict[str, Any]:
        """What the file of the whole run says of it; ``folder`` from ``root``, where it lies below that."""
        inside = self.folder.is_relative_to(root)
        return {
            "folder": self.folder.relative_to(root).as_posix() if inside else str(self.folder),
            **{key: getattr(self, key) for key in _SAID},
            "consequence": self.consequence,
            "causes": list(self.causes),
            "cause_id": self.cause_id,
        }


def _row(found: Mapping[str, Any]) -> Row:
    return Row(**{**found, "changes": tuple(Fact(**fact) for fact in found.get("changes", ()))})


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """What failed before what did not, the gravest first; of equals architectures, then those with the most edits."""
    rank = {each: at for at, each in enumerate((*_ORDER, *(kind.fixture for kind in KINDS)))}

    def key(each: Finding) -> tuple[Any, ...]:
        consequence, kind = (rank.get(name, len(rank)) for name in (each.consequence, each.fixture))
        return not each.failed, consequence, kind, -len(each.rows), each.test, each.snapshot

    return sorted(findings, key=key)


def groups(findings: Iterable[Finding]) -> list[list[Finding]]:
    """In order, those with the same causes together, where the first of them stands."""
    found: dict[object, list[Finding]] = {}
    for each in in_order(findings):
        found.setdefault((each.fixture, each.status, each.causes) if each.causes else each.folder, []).append(each)
    return list(found.values())


def accepting(group: Sequence[Finding]) -> str:
    """The command that accepts all findings of one cause; empty where there is nothing to accept, or no one command."""
    first = group[0]
    if not first.command or len({each.test for each in group}) == 1:
        return first.command
    return command(each.cause_id for each in group)


def snapshots(count: int) -> str:
    """So many of them: ``1 snapshot``."""
    return f"{count:,} {'snapshot' if count == 1 else 'snapshots'}"


def tally(found: Iterable[tuple[str, str]]) -> str:
    """How many failed and by what, of their statuses and consequences: ``2 snapshots drifted: 2 cosmetic``."""
    pairs = list(found)
    rank = {each: at for at, each in enumerate(_ORDER)}
    counts = Counter(sorted((consequence for _, consequence in pairs), key=lambda each: rank.get(each, len(rank))))
    verb = "drifted" if all(status == "drifted" for status, _ in pairs) else "failed"
    return f"{snapshots(len(pairs))} {verb}: {', '.join(f'{count:,} {name}' for name, count in counts.items())}"


def counted(findings: Sequence[Finding]) -> list[tuple[str, int]]:
    """How many there are of each consequence, gravest first."""
    return list(Counter(each.consequence for each in in_order(findings)).items())
