"""All scenarios of runs that record, and what came of them."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import scenarios
import trees
from forked import warm_up
from recording import Shelf
from scenarios import Scenario

__all__ = ["Tally", "run", "scenarios_of"]


@dataclass
class Tally:
    """What came of scenarios.

    Attributes:
        scenarios: how many were run.
        known: how many there are.
        faults: how many faults were injected in them.
        complaints: what was lost, or is wrong, each with its scenario.
    """

    scenarios: int = 0
    known: int = 0
    faults: int = 0
    complaints: list[str] = field(default_factory=list)


def scenarios_of(shelf: Shelf) -> Iterator[Scenario]:
    """All of them."""
    yield from scenarios.disturbed(shelf)
    yield from scenarios.ended()
    yield from scenarios.selected()
    yield from trees.planted()
    yield from trees.named()
    yield from trees.case_folded()
    yield from trees.removed()
    yield from trees.beside_each_other()
    yield from trees.of_workers()


def run(share: float = 1.0, only: str = "", told: bool = False) -> Tally:
    """Run a share of the scenarios, the same with each call.

    Args:
        share: 1 for all; of 0.1, one of ten.
        only: a part of their names.
        told: whether each is printed.
    """
    warm_up()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="nnviz-trust-") as folder:
        shelf = Shelf.at(Path(folder).resolve())
        for scenario in scenarios_of(shelf):
            tally.known += 1
            if only not in scenario.name or zlib.crc32(scenario.name.encode()) % 1000 >= share * 1000:
                continue
            start = time.monotonic()
            found = scenario.tried(shelf)
            tally.scenarios, tally.faults = tally.scenarios + 1, tally.faults + scenario.faults
            tally.complaints += [f"{scenario.name}: {complaint}" for complaint in found]
            if told:
                print(f"{time.monotonic() - start:.2f} {scenario.name}", *found, sep="\n  ", flush=True)
    return tally
