"""What is said of a drift as a whole: its totals, and the versions behind it."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_nnviz.drift.data import Drift
from pytest_nnviz.totals import lines_of, moved

__all__ = ["total_lines", "version_lines"]


def total_lines(drift: Drift) -> list[str]:
    """Each total that has another value, and the top-level modules where it has."""
    old, new = drift.old.totals, drift.new.totals
    lines = [*_total(drift, "parameters", old.parameters, new.parameters)]
    if new.trainable - old.trainable != new.parameters - old.parameters:
        lines += _total(drift, "trainable", old.trainable, new.trainable)
    lines += [*_total(drift, "buffers", old.buffers, new.buffers), *_total(drift, "tied", old.tied, new.tied)]
    if drift.old.flops is None or drift.new.flops is None:
        return lines
    return [*lines, *_total(drift, "flops", drift.old.flops, drift.new.flops)]


def _total(drift: Drift, name: str, old: int, new: int) -> list[str]:
    if old == new:
        return []
    line = f"{name} {old:,} -> {new:,}" + (f" ({_percent(old, new)})" if old else "")
    parts = [] if name == "flops" else moved(drift, name)
    if len(parts) == 1:
        return [f"{line}, in {parts[0].part}"]
    return [line, *(f"  {part}" for part in lines_of(parts))]


def _percent(old: int, new: int) -> str:
    change = 100 * (new - old) / old
    return f"{change:+,.1f} %" if abs(change) >= 0.05 else f"{new - old:+,}"


def version_lines(drift: Drift, *, stored: bool = False) -> list[str]:
    """What differs from what the old one was recorded with, or that nothing does; ``stored`` if the new one was too."""
    old, new = dict(drift.old.versions), dict(drift.new.versions)
    if not new:
        return []
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not old:
        subject, now = ("the old one", "the new one with") if stored else ("this", "now")
        return [f"not known what {subject} was recorded with; {now} {_listed(new, new)}"]
    if not names:
        return [
            f"both recorded with {_listed(old, old)}"
            if stored
            else f"{_listed(old, old)}: unchanged since this was recorded"
        ]
    return [f"recorded with {_listed(old, names)}{', then with' if stored else '; now'} {_listed(new, names)}"]


def _listed(versions: dict[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {versions[name]}" if name in versions else f"no {name}" for name in names)
