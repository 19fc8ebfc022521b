"""Ways in which a run can end while it records, generated; each says what was lost by it."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS, Faults
from forked import Ended, run_pytest
from recording import NEW, OLD, Files, Shelf, files_of

__all__ = ["Scenario", "disturbed", "ended", "selected"]

UPDATE = "--snapshot-update"
_FEW = ("-k", "kinds or in_class")  # one of each kind of file


@dataclass(frozen=True)
class Scenario:
    """One way.

    Attributes:
        name: what happens.
        tried: makes it happen on a shelf of projects; what was lost, or is wrong.
        faults: how many faults are injected.
    """

    name: str
    tried: Callable[[Shelf], list[str]] = field(compare=False)
    faults: int = 0


def steps_of(shelf: Shelf, recorded: str) -> int:
    """How many steps an update takes from what was recorded."""
    where, log = shelf.project("steps", recorded), shelf.root / "steps.log"
    log.unlink(missing_ok=True)
    ended = run_pytest(where, [UPDATE, *_FEW], NEW, before=Faults(where, log=log).install)
    assert ended.status == 0, ended.out
    return len(log.read_text().splitlines())


def disturbed(shelf: Shelf, stride: int = 8) -> Iterator[Scenario]:
    """An update that goes wrong at one step: kill -9 at each, everything else at each ``stride``-th."""
    for recorded in ("old", ""):
        total = steps_of(shelf, recorded)
        for offset, fault in enumerate(FAULTS):
            steps = range(total) if fault == "kill" and recorded else range(offset % stride, total, stride)
            for at in steps:
                name = f"{fault} at step {at} of {total}, {'an update' if recorded else 'a first recording'}"
                yield Scenario(name, partial(_disturb, recorded, fault, at), faults=1)


def _disturb(recorded: str, fault: str, at: int, shelf: Shelf) -> list[str]:
    where = shelf.project("disturbed", recorded)
    ended = run_pytest(where, [UPDATE, *_FEW], NEW, before=Faults(where, fault, at).install)
    found = _complaints(shelf, shelf.old if recorded else {}, where, ended, whole=("kinds", "in_class"))
    if fault == "kill" and ended.status != -signal.SIGKILL:
        found.append(f"was not killed: {ended.status}")
    return found + (shelf.heals(where) if at % 3 == 0 else [])


def _complaints(shelf: Shelf, before: Files, where: Path, ended: Ended, whole: Sequence[str]) -> list[str]:
    """What was lost; and a run that ends well has stored all texts of the tests ``whole``."""
    after = files_of(where)
    found = shelf.complaints(before, after)
    if ended.hung:
        found.append("hangs")
    if "INTERNALERROR" in ended.out:
        found.append(f"an internal error: {ended.out[-2000:]}")
    texts = [name for name in shelf.new if not name.endswith((".svg", ".png")) and any(test in name for test in whole)]
    if ended.status == 0:
        found += [f"{name} is old, and the run passed" for name in texts if after.get(name) != shelf.new[name]]
    return found


SELECTIONS: dict[str, tuple[Sequence[str], dict[str, str]]] = {
    "all": ((), {}),
    "-k": (("-k", "first or filters"), {}),
    "-k not": (("-k", "not test_b"), {}),
    "-m": (("-m", "slow"), {}),
    "-m not": (("-m", "not slow"), {}),
    "--deselect": (("--deselect", "tests/test_a.py::test_some"), {}),
    "--ignore": (("--ignore", "tests/test_b.py"), {}),
    "--ignore-glob": (("--ignore-glob", "*_a.py"), {}),
    "a node id": (("tests/test_a.py::test_some[x]", "tests/test_b.py::TestGroup::test_in_class"), {}),
    "a file": (("tests/test_b.py",), {}),
    "importorskip": ((), {"SKIP": "1"}),
    "a module skipped": ((), {"SKIP_ALL": "1"}),
    "a module broken": (("--continue-on-collection-errors",), {"BROKEN": "1"}),
    "doctests": (("--doctest-modules",), {}),
    "--collect-only": (("--collect-only",), {}),
}
PHASES = (
    "pytest_collection_modifyitems",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_logreport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_unconfigure",
)


class Ends:
    """A plugin that ends a run in one phase, of the test with a number where tests have it."""

    def __init__(self, phase: str, how: Callable[[], object], number: int) -> None:
        self.how, self.left = how, number
        setattr(self, phase, pytest.hookimpl(tryfirst=True)(lambda: self._end()))

    def _end(self) -> None:
        self.left -= 1
        if self.left == -1:
            self.how()


def _raises(error: BaseException) -> None:
    raise error


WAYS: dict[str, Callable[[], object]] = {
    "Ctrl-C": lambda: os.kill(os.getpid(), signal.SIGINT),
    "kill -9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "os._exit": lambda: os._exit(0),
    "an error": lambda: _raises(RuntimeError("planted")),
    "pytest.exit": lambda: pytest.exit("planted"),
}


def ended(seed: int = 0) -> Iterator[Scenario]:
    """A run that ends early, in each phase by each way, of what each selection leaves of it."""
    numbers = random.Random(seed)
    selections = itertools.cycle(SELECTIONS)
    for phase, way in itertools.product(PHASES, WAYS):
        number = numbers.randrange(4) if "runtest" in phase else 0
        selection = "all" if numbers.random() < 0.4 else next(selections)
        name = f"{way} in {phase} {number}, {selection}"
        yield Scenario(name, partial(_end, phase, way, number, selection), faults=1)


def _end(phase: str, way: str, number: int, selection: str, shelf: Shelf) -> list[str]:
    where = shelf.project("ended")
    args, env = SELECTIONS[selection]
    ends: Any = Ends(phase, WAYS[way], number)
    found = run_pytest(where, [UPDATE, *args], {**NEW, **env}, plugins=[ends])
    complaints = shelf.complaints(shelf.old, files_of(where))
    return complaints + (["hangs"] if found.hung else []) + shelf.heals(where)


OPTIONS = {
    "": (),
    "-x": ("-x",),
    "--maxfail": ("--maxfail=2",),
    "--lf": ("--lf", "-p", "cacheprovider"),
    "--sw": ("--stepwise", "-p", "cacheprovider"),
    "-p no:randomly -v": ("-v",),
    "--snapshot-update-new-only": ("--snapshot-update-new-only",),
    "--snapshot-details": ("--snapshot-details",),
    "--setup-only": ("--setup-only",),
    "--report": ("--nnviz-report", "always"),
}


def selected() -> Iterator[Scenario]:
    """Runs of a part of the tests, with each option that changes which run: checks and updates, new and old models."""
    for (selection, option), update, env in itertools.product(
        itertools.product(SELECTIONS, OPTIONS), (True, False), (NEW, OLD)
    ):
        if (len(selection) * 7 + len(option) * 3 + update + len(env["MARK"])) % 3 and option and selection != "all":
            continue
        what = f"{selection} {option} {'update' if update else 'check'} of the {env['MARK']} model"
        yield Scenario(what, partial(_select, selection, option, update, env))


def _select(selection: str, option: str, update: bool, env: dict[str, str], shelf: Shelf) -> list[str]:
    where = shelf.project("selected")
    args, more = SELECTIONS[selection]
    ended = run_pytest(where, [*([UPDATE] if update else []), *args, *OPTIONS[option]], {**env, **more})
    after = files_of(where)
    found = _complaints(shelf, shelf.old, where, ended, ())
    writes = update or option == "--snapshot-update-new-only"
    if (env is OLD or not writes) and after != shelf.old:
        found.append("files changed that nothing may write")
    runs = option != "--setup-only" and selection not in ("--collect-only", "-m")
    if env is NEW and not update and runs and ended.status == 0:
        found.append(f"another model passed: {ended.out[-2000:]}")
    if "unused" in ended.out and "Re-run pytest with --snapshot-update to delete" in ended.out:
        found.append("calls snapshots unused of tests that are there")
    return found
