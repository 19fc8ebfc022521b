"""How long a check takes beside the forward pass, the floor and other tools: small, deep and large models.

    pip install -e . -r benchmarks/requirements.txt
    python benchmarks/peers.py [later | NAME ...]

Prints the tables of ``docs/performance.md`` and, for all models, writes them there: medians of runs in turns, each tool
in a process of its own, as ratios to the plain forward pass under ``no_grad``. Runs from a checkout on Linux.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from page import put, ran_on, ratio, table
from subjects import CHOSEN_LATER, SUBJECTS, Subject
from ways import CHECK, FLOOR, PLAIN, TRACE, WAYS
from workers import Found, in_turns

from pytest_nnviz import Options
from pytest_nnviz.architecture import walk_calls

__all__ = ["main"]

_COMMAND = "python benchmarks/peers.py"
_PACKAGES = ("torch", "transformers", "torchinfo", "torchview", "torchlens", "torchviz")
_LONG = 0.05  # seconds of a forward pass that is no small one


@dataclass(frozen=True, slots=True)
class Row:
    """One model: how many calls a trace records, and what each way took."""

    name: str
    calls: int
    found: Mapping[str, Found]

    @property
    def plain(self) -> float:
        """Seconds of the plain forward pass."""
        return self.found[PLAIN].median

    def ratio(self, way: str) -> float | None:
        """The time of a way over that of the plain forward pass; None where it failed."""
        found = self.found[way]
        return None if found.failure else found.median / self.plain

    def overhead(self, way: str) -> float:
        """Microseconds that a way takes over the plain forward pass, a recorded call."""
        return (self.found[way].median - self.plain) / self.calls * 1e6

    @property
    def peak(self) -> float:
        """Memory of the process at the peak of a check over that at the peak of the plain forward pass."""
        return self.found[CHECK].peak / self.found[PLAIN].peak

    def cells(self) -> list[str]:
        """The row of the first table."""
        ways = [way for way in WAYS if way != PLAIN]
        return [self.name, f"{self.calls:,}", f"{self.plain * 1e3:,.1f}", *map(self._cell, ways)]

    def _cell(self, way: str) -> str:
        value = self.ratio(way)
        return self.found[way].failure if value is None else ratio(value)


def main(names: list[str]) -> None:
    """Measure the models of these names, or all."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for package in (*_PACKAGES, "torchlens.options"):
        importlib.import_module(package)
    torch.export.export(torch.nn.Linear(1, 1), (torch.ones(1, 1),), strict=False)  # loads what it needs
    if names == ["later"]:
        _write("later", CHOSEN_LATER, f"{_COMMAND} later")
        return
    if names:
        for row in _rows({name: (SUBJECTS | CHOSEN_LATER)[name] for name in names}):
            print("\n".join(_tables([row])))
        return
    _write("peers", SUBJECTS, _COMMAND)
    _write("later", CHOSEN_LATER, f"{_COMMAND} later")


def _write(part: str, subjects: Mapping[str, Callable[[], Subject]], command: str) -> None:
    """Measure models one by one; the page has those that are done."""
    rows: list[Row] = []
    for row in _rows(subjects):
        rows.append(row)
        put(part, [*_tables(rows), "", *_summary(rows), "", ran_on(command, *_PACKAGES)])


def _rows(subjects: Mapping[str, Callable[[], Subject]]) -> Iterable[Row]:
    for name, make in subjects.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        torch.manual_seed(0)
        subject = make()
        subject.model.eval()
        recorded = Options().trace(subject.model, *subject.args, **subject.kwargs).forward
        assert recorded is not None
        calls = sum(1 for _ in walk_calls(recorded))
        yield Row(name, calls, in_turns({way: _bound(prepare, subject) for way, prepare in WAYS.items()}))


def _bound(prepare: Callable[[Subject], Callable[[], object]], subject: Subject) -> Callable[[], Callable[[], object]]:
    return lambda: prepare(subject)


def _tables(rows: list[Row]) -> list[str]:
    ways = [way for way in WAYS if way != PLAIN]
    cost = [
        [
            row.name,
            f"{row.overhead(FLOOR):.1f}",
            f"{row.overhead(TRACE):.0f}",
            f"{row.overhead(CHECK):.0f}",
            ratio(row.peak),
        ]
        for row in rows
    ]
    return [
        *table(["model", "calls", "forward, ms", *ways], [row.cells() for row in rows]),
        "",
        *table(["model", "empty mode, µs a call", "trace, µs a call", "check, µs a call", "peak memory"], cost),
    ]


def _summary(rows: list[Row]) -> list[str]:
    """What is held against the bars: medians over models."""
    long = [row for row in rows if row.plain >= _LONG]
    ways = (CHECK, "torchinfo", "torchview")
    beside = ", ".join(f"{way} {_median(row.ratio(way) for row in long)}" for way in ways) if long else "none"
    return [
        f"- A trace takes {median(row.overhead(TRACE) for row in rows):.0f} µs a recorded call over the plain forward "
        f"pass in the median model, a check {median(row.overhead(CHECK) for row in rows):.0f}.",
        f"- Of the {len(long)} models whose forward pass takes 50 ms or more, in the median: {beside}.",
        f"- Peak memory of a check over that of the forward pass: {ratio(median(row.peak for row in rows))} in the "
        f"median, {ratio(max(row.peak for row in rows))} at most.",
        *_behind(rows),
    ]


def _median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return ratio(median(known)) if known else "-"


def _behind(rows: list[Row]) -> Iterable[str]:
    """Where another tool is quicker than a check."""
    for way in WAYS:
        if way in (PLAIN, FLOOR, TRACE, CHECK):
            continue
        quicker = [row.name for row in rows if (row.ratio(way) or 1e9) < (row.ratio(CHECK) or 0)]
        failed = sum(bool(row.found[way].failure) for row in rows)
        yield (
            f"- {way} is quicker on {len(quicker)} of {len(rows)}"
            + (f" ({'; '.join(quicker)})" if quicker else "")
            + (f", and fails on {failed}." if failed else ".")
        )


if __name__ == "__main__":
    main(sys.argv[1:])
