"""What changed between two architectures: a Drift, as data."""

from __future__ import annotations

from pytest_nnviz.diff.alignment import align_calls
from pytest_nnviz.diff.compare import diff
from pytest_nnviz.diff.drift import Change, Drift
from pytest_nnviz.diff.grouping import Group, group

__all__ = ["Change", "Drift", "Group", "align_calls", "diff", "group"]
