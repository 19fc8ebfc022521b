"""The failures of a run: what each left in its folder of the artifacts, read back for pages and summaries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

__all__ = ["CONSEQUENCES", "FILE", "SCHEMA", "Failure", "Row", "counted", "in_order"]

FILE = "drift.json"
SCHEMA = "nnviz-failure 1"
CONSEQUENCES = ("breaks checkpoints", "changes the function", "training only", "changes the cost", "cosmetic")
"""What a change means, gravest first."""

_UNSAID = {"nnviz_filters": "filters changed", "nnviz_summary": "table changed"}
_TEXT_LIMIT = 4_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One edit: its marker (``~``, ``+``, ``-``, ``>``), where, what, how often, what that means, and which line of
    source makes it; ``gated`` says whether it fails the test.
    """

    marker: str = "~"
    place: str = ""
    facts: str = ""
    extra: str = ""
    consequence: str = ""
    source: str = ""
    gated: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of one call of a fixture that failed.

    Attributes:
        folder: its files, as they are named there.
        fixture: the fixture that was called.
        name: of the snapshot.
        test: node id, as pytest takes it.
        snapshot: the path of the stored text.
        command: accepts it.
        headline: the most important change.
        rows: the edits, what matters most first.
        remarks: what is said about the whole.
        rename_map: old state-dict keys to new ones, where renaming makes an old checkpoint load.
        causes: the edits in words that do not depend on the model.
    """

    folder: Path
    fixture: str
    name: str
    test: str
    snapshot: str
    command: str
    headline: str
    rows: tuple[Row, ...] = ()
    remarks: tuple[str, ...] = ()
    rename_map: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The failure that was left in a folder.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not what was written there.
        """
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        try:
            return cls(
                folder,
                str(found["fixture"]),
                str(found["name"]),
                str(found["test"]),
                str(found["snapshot"]),
                str(found["command"]),
                str(found["headline"]),
                rows=tuple(Row(**row) for row in found["rows"]),
                remarks=tuple(map(str, found["remarks"])),
                rename_map=dict(found["rename_map"]),
                causes=tuple(map(str, found["causes"])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / FILE} is not what a failure leaves: {error!r}") from None

    @property
    def consequence(self) -> str:
        """The gravest that it has; what changed at all, where none is said."""
        said = next((each for each in CONSEQUENCES if self.headline.startswith(f"{each}: ")), "")
        return said or _UNSAID.get(self.fixture, "other")

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


def in_order(failures: Iterable[Failure]) -> list[Failure]:
    """The gravest first, then those with the most edits."""
    rank = {each: at for at, each in enumerate(CONSEQUENCES)}
    return sorted(failures, key=lambda each: (rank.get(each.consequence, len(rank)), -len(each.rows), each.test))


def counted(failures: Sequence[Failure]) -> list[tuple[str, int]]:
    """How many failures there are of each consequence, gravest first."""
    found = Counter(failure.consequence for failure in in_order(failures))
    return list(found.items())
