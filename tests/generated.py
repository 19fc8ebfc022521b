"""The generated edits of all models, each traced once: what was tried, what was missed, how it was told."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import architectures
import edited_models
import edits_of_forward
import edits_of_modules
import no_edits
import torch
from expectation import missed, told_apart
from judging import complaints, text_of
from torch import nn

from pytest_nnviz import Architecture, diff, trace

__all__ = ["LEAST", "MODELS", "Tally", "tally_of"]

# How many are tried of each model, and how many there are at least: edits of modules, edits of forward, no edits.
AWKWARD, AWKWARD_AT_LEAST = (9, 7, 10), (8, 3, 10)
LIBRARY, LIBRARY_AT_LEAST = (3, 4, 3), (3, 3, 3)
MODELS = dict.fromkeys(edited_models.AWKWARD, AWKWARD) | dict.fromkeys(architectures.TRANSFORMERS, LIBRARY)
LEAST = {AWKWARD: AWKWARD_AT_LEAST, LIBRARY: LIBRARY_AT_LEAST}


def build(name: str) -> tuple[nn.Module, dict[str, Any]]:
    return (edited_models if name in edited_models.AWKWARD else architectures).build(name)


def _spread(name: str, found: Iterable[Any], amount: int) -> Iterator[Any]:
    """One of each kind, then another of each, in an order that depends on the model alone; the chosen ones first."""
    kinds: dict[str, list[Any]] = {}
    for edit in found:
        kinds.setdefault(edit.kind, []).append(edit)
    order = sorted(kinds, key=lambda kind: zlib.crc32(f"{name} {kind}".encode()))
    for turn in range(amount):
        for kind in order:
            edits = kinds[kind]
            if turn < len(edits):
                yield edits[(zlib.crc32(f"{kind} {name}".encode()) + turn * 7) % len(edits)]


class Tally:
    """Counts what was tried on one model, and keeps what was not as it should be."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.apart: list[tuple[str, bool]] = []

    def judge(self, what: str, edit: Any, complaint: str) -> None:
        self.counts[what] += 1
        if complaint:
            self.wrong.append(f"{self.name}: {edit}: {complaint}")


def _runs(model: nn.Module, inputs: dict[str, Any], tally: Tally) -> bool:
    """Whether a model still takes its inputs; what does not is no edit of it, nor what reads memory before it is
    written, which may run today.
    """
    try:
        with torch.no_grad(), _filled_memory():
            model(**copy.deepcopy(inputs))
    except Exception:
        tally.counts["left out, as they do not run"] += 1
        return False
    return True


@contextmanager
def _filled_memory() -> Iterator[None]:
    """What is not initialised holds NaN and the largest integers, with which an index is out of range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operations that have no deterministic form
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(False)


def _try_edits_of_modules(
    model: nn.Module, inputs: dict[str, Any], old: Architecture, amount: int, tally: Tally
) -> None:
    with torch.no_grad():
        found = list(edits_of_modules.edits_of(model, lambda: model(**copy.deepcopy(inputs))))
    for edit in _spread(tally.name, found, amount):
        if tally.counts["edits of modules"] == amount:
            break
        edited = edit.made(model)
        if _runs(edited, inputs, tally):
            new = trace(edited, **inputs)
            tally.judge("edits of modules", edit, complaints(old, new, edited, edit.place, edit.says))
            tally.told.append((f"{tally.name}: {edit}", missed(diff(old, new), edit.expected)))


def _try_edits_of_forward(
    model: nn.Module, inputs: dict[str, Any], old: Architecture, amount: int, tally: Tally
) -> None:
    with torch.no_grad():
        sites = edits_of_forward.sites_of(model, lambda: model(**copy.deepcopy(inputs)))
    for site in _spread(tally.name, sites, amount):
        if tally.counts["edits of forward"] == amount:
            break
        with edits_of_forward.inside_forward(model, lambda site=site: edits_of_forward.Editing(site)):
            if _runs(model, inputs, tally):
                new = trace(model, **inputs)
                tally.judge("edits of forward", site, complaints(old, new, model, site.place, site.says))
                tally.told.append((f"{tally.name}: {site}", missed(diff(old, new), site.expected)))


def _try_no_edits(model: nn.Module, inputs: dict[str, Any], old: Architecture, amount: int, tally: Tally) -> None:
    kinds = no_edits.kinds_of(model)
    start = zlib.crc32(tally.name.encode()) % len(kinds)
    expected = text_of(old)
    for kind in [*kinds[start:], *kinds[:start]][:amount]:
        with no_edits.KINDS[kind](copy.deepcopy(model), inputs) as (same, given):
            tally.judge("that change nothing", kind, _first_difference(expected, text_of(trace(same, **given))))


def _first_difference(old: str, new: str) -> str:
    pairs = zip(old.split("\n"), new.split("\n"), strict=False)
    return "" if old == new else next((f"{a.strip()!r} became {b.strip()!r}" for a, b in pairs if a != b), "longer")


def _try_several(model: nn.Module, inputs: dict[str, Any], old: Architecture, amount: int, tally: Tally) -> None:
    """Two to five edits at once, in different places; those of forward in one pass of the edited modules."""
    for turn in range(amount):
        edited, edits = _several_of_modules(model, inputs, turn + 1, tally)
        sites = _several_of_forward(edited, inputs, [edit.place for edit in edits], tally)
        while len(edits) + len(sites) > 1:
            changes = {at: change for site in sites for at, change in site.changes.items()}
            together = edits_of_forward.Site("several", "", changes)
            with edits_of_forward.inside_forward(edited, lambda site=together: edits_of_forward.Editing(site)):
                if _runs(edited, inputs, tally):
                    expected = [edit.expected for edit in (*edits, *sites)]
                    drift = diff(old, trace(edited, **inputs))
                    tally.apart.append((f"{tally.name}: {[*edits, *sites]}", told_apart(drift, expected)))
                    break
            sites = sites[:-1]


def _several_of_modules(
    model: nn.Module, inputs: dict[str, Any], amount: int, tally: Tally
) -> tuple[nn.Module, list[edits_of_modules.Edit]]:
    """A copy of the model with up to so many edits, and these."""
    with torch.no_grad():
        found = list(edits_of_modules.edits_of(model, lambda: model(**copy.deepcopy(inputs))))
    edits: list[edits_of_modules.Edit] = []
    for edit in _spread(f"{tally.name} {amount}", found, 2):
        if len(edits) < amount and edit.place and _apart(edit.place, [other.place for other in edits]):
            edited = edit.made(model)
            if _runs(edited, inputs, tally):
                model, edits = edited, [*edits, edit]
    return model, edits


def _several_of_forward(
    model: nn.Module, inputs: dict[str, Any], taken: list[str], tally: Tally
) -> list[edits_of_forward.Site]:
    """Up to two edits of one pass, neither where modules were edited nor both in one place."""
    with torch.no_grad():
        found = edits_of_forward.sites_of(model, lambda: model(**copy.deepcopy(inputs)))
    sites: list[edits_of_forward.Site] = []
    for site in _spread(f"{tally.name} {taken}", found, 2):
        new = site.kind != "other operand" and site.place not in [other.place for other in sites]
        if len(sites) < 2 and new and _apart(site.place, taken):
            sites.append(site)
    return sites


def _apart(place: str, others: Iterable[str]) -> bool:
    """Whether a place is not that of another edit, nor inside of it, nor around it."""
    pairs = [(f"{place}.", f"{other}.") for other in others if place]
    return not any(one.startswith(other) or other.startswith(one) for one, other in pairs)


@functools.cache
def tally_of(name: str) -> Tally:
    """All that is tried on a model, once in a run: what one worker of xdist has done the others read."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    path = Path(tempfile.gettempdir(), f"nnviz-generated-{run}", f"{name}.pickle")
    if run and path.exists():
        return pickle.loads(path.read_bytes())
    tally = _tried(name)
    if run:
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(f".{os.getpid()}").write_bytes(pickle.dumps(tally))
        path.with_suffix(f".{os.getpid()}").replace(path)
    return tally


def _tried(name: str) -> Tally:
    model, inputs = build(name)
    with torch.no_grad():
        model(**copy.deepcopy(inputs))
    old, tally = trace(model, **inputs), Tally(name)
    tries = (_try_edits_of_modules, _try_edits_of_forward, _try_no_edits)
    for attempt, amount in zip(tries, MODELS[name], strict=True):
        attempt(model, inputs, old, amount, tally)
    _try_several(model, inputs, old, 3, tally)
    tally.judge("handed back", "afterwards", _first_difference(text_of(old), text_of(trace(model, **inputs))))
    return tally
