"""What is said of a drift, without versions and what follows of checkpoints: for tests that read the lines."""

from __future__ import annotations

from dataclasses import replace

from pytest_nnviz import diff, words

__all__ = ["edits", "said"]


def said(old, new):
    """The lines about what changed, with columns closed up."""
    drift = replace(diff(old, new), old=replace(old, versions=()), new=replace(new, versions=()))
    lines = words(drift, width=200)
    return [" ".join(line.split()) for line in lines if not line.startswith(("old checkpoints", "rename map"))]


def edits(lines):
    """The lines of which each is an edit."""
    return [line for line in lines if line[0] in "+-~>"]
