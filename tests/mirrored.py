"""The mirror law: what came in one direction went in the other, what is new is old."""

from __future__ import annotations

from collections import Counter

__all__ = ["is_mirrored"]

TURNED = {"added": "removed", "removed": "added"}


def is_mirrored(there, back):
    """Whether a drift finds what the drift of the other direction has to find; how pairs were found is the same."""
    return Counter(_turned(there)) == Counter(_seen(back))


def _turned(drift):
    for c in drift.changes:
        kind, calls = TURNED.get(c.kind, c.kind), (c.new_call, c.old_call)
        yield c.gate, kind, (c.old is None, c.new is None)[::-1], calls, c.ripple, c.matched


def _seen(drift):
    for c in drift.changes:
        yield c.gate, c.kind, (c.old is None, c.new is None), (c.old_call, c.new_call), c.ripple, c.matched
