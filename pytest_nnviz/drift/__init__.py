"""What changed between two architectures: a Drift, as data."""

from __future__ import annotations

from pytest_nnviz.drift.alignment import align_calls
from pytest_nnviz.drift.checkpoints import Loading, Respec, State, apply_renames, checkpoint, load
from pytest_nnviz.drift.compare import diff
from pytest_nnviz.drift.data import Change, Drift
from pytest_nnviz.drift.grouping import Group, group

__all__ = [
    "Change",
    "Drift",
    "Group",
    "Loading",
    "Respec",
    "State",
    "align_calls",
    "apply_renames",
    "checkpoint",
    "diff",
    "group",
    "load",
]
