"""Why there is a report: tests that ran, or two revisions that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_nnviz.report.findings import REVIEWED, Finding, snapshots

__all__ = ["Occasion"]

_PINNED = "modules, parameters, shapes, the graph of the forward pass, weights of convolutions"
_FAILED = "what follows failed, and either it is meant, and the command settles it, or it is a mistake."
_REVIEWED = "what they say of the models differs as follows, and whether that is meant is for the reviewer to say."
_SHOWN = "these are the models of the tests that ran."


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
            return f"Review: {_became(findings)}"
        failed = [each for each in findings if each.failed]
        if not failed:
            return f"{snapshots(len(findings))}, none failed"
        verb = "drifted" if all(each.status == "drifted" for each in failed) else "failed"
        if len(failed) == len(findings):
            return f"{snapshots(len(failed))} {verb}"
        return f"{len(failed):,} of {snapshots(len(findings))} {verb}"

    def about(self, findings: Sequence[Finding]) -> str:
        """What this is, for people who have not seen it before."""
        if self.is_review:
            return (
                f"pytest-nnviz compares the snapshots ({_PINNED}) of {self.head} with those of {self.base}: {_REVIEWED}"
            )
        what = _FAILED if any(each.failed for each in findings) else _SHOWN
        return f"pytest-nnviz holds models to their snapshots ({_PINNED}): {what}"

    def data(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind": "review", "base": self.base, "head": self.head} if self.is_review else {"kind": "run"}


def _became(findings: Sequence[Finding]) -> str:
    """``2 snapshots changed, 1 added``."""
    counts = [(status, sum(each.status == status for each in findings)) for status in REVIEWED]
    (status, count), *others = [pair for pair in counts if pair[1]] or counts[:1]
    return ", ".join([f"{snapshots(count)} {status}", *(f"{count:,} {status}" for status, count in others)])
