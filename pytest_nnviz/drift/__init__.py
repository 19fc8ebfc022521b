"""What changed between two architectures: a Drift, as data."""

from __future__ import annotations

from pytest_nnviz.drift.alignment import align_calls
from pytest_nnviz.drift.compare import diff
from pytest_nnviz.drift.data import Change, Drift
from pytest_nnviz.drift.grouping import Group, group

__all__ = ["Change", "Drift", "Group", "align_calls", "diff", "group"]
