"""Why there is a report: tests that ran, or two revisions that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_nnviz.report.findings import Finding

__all__ = ["Occasion"]

_PINNED = (
    "Snapshots say what models are: modules, parameters, shapes, the graph of the forward pass, weights of "
    "convolutions."
)
_FAILED = "What was found now is something else. Either that is meant, and the command accepts it, or it is a mistake."
_REVIEWED = "These were changed on purpose: their author has recorded what the models have become."
_SHOWN = "These are the models of the tests that ran."


@dataclass(frozen=True, slots=True)
class Occasion:
    """A run of tests, or with ``base`` and ``head`` a review of what changed from one to the other.

    ``missing`` says what the report has not, and why, a line each.
    """

    base: str = ""
    head: str = ""
    missing: tuple[str, ...] = ()

    @property
    def is_review(self) -> bool:
        """Whether revisions are compared."""
        return bool(self.base or self.head)

    def title(self, findings: Sequence[Finding]) -> str:
        """What happened, in one line."""
        if self.is_review:
            return f"Review: {_counted(len(findings))} changed"
        failed = [each for each in findings if each.failed]
        if not failed:
            return f"{_counted(len(findings))}, none failed"
        verb = "drifted" if all(each.status == "drifted" for each in failed) else "failed"
        if len(failed) == len(findings):
            return f"{_counted(len(failed))} {verb}"
        return f"{len(failed):,} of {_counted(len(findings))} {verb}"

    def about(self, findings: Sequence[Finding]) -> str:
        """What this is, for people who have not seen it before."""
        if self.is_review:
            return f"This is a review of {self.head} against {self.base}. {_PINNED} {_REVIEWED}"
        return f"{_PINNED} {_FAILED if any(each.failed for each in findings) else _SHOWN}"

    def data(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind": "review", "base": self.base, "head": self.head} if self.is_review else {"kind": "run"}


def _counted(count: int) -> str:
    return f"{count:,} {'snapshot' if count == 1 else 'snapshots'}"
