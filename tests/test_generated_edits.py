"""Single edits of models that nobody wrote for it: all are noticed; what changes nothing never is.

Which edits fit is found by walking the modules and by surveying one forward pass (`edits_of_modules.py`,
`edits_of_forward.py`); of those of one kind the same one is taken each time. Edits that do not run are no edits.
"""

from __future__ import annotations

import copy
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import architectures
import edited_models
import edits_of_forward
import edits_of_modules
import no_edits
import pytest
import torch
from judging import complaints, text_of
from torch import nn

from pytest_nnviz import Architecture, Options, trace
from pytest_nnviz.errors import UnstableArchitecture
from pytest_nnviz.tracing import open_session

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

# How many are tried of each model, and how many there are at least: edits of modules, edits of forward, no edits.
AWKWARD, AWKWARD_AT_LEAST = (9, 7, 10), (8, 3, 10)
LIBRARY, LIBRARY_AT_LEAST = (5, 5, 4), (5, 4, 4)
MODELS = dict.fromkeys(edited_models.AWKWARD, AWKWARD) | dict.fromkeys(architectures.TRANSFORMERS, LIBRARY)
LEAST = {AWKWARD: AWKWARD_AT_LEAST, LIBRARY: LIBRARY_AT_LEAST}
EAGER = ("mixtral", "qwen3moe")  # mixtures of experts in eager mode: which expert is called is a matter of values


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small models on several threads mostly wait for each other, the more so beside other workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _build(name: str) -> tuple[nn.Module, dict[str, Any]]:
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

    def judge(self, what: str, edit: Any, complaint: str) -> None:
        self.counts[what] += 1
        if complaint:
            self.wrong.append(f"{self.name}: {edit}: {complaint}")


def _runs(model: nn.Module, inputs: dict[str, Any], tally: Tally) -> bool:
    """Whether a model still takes its inputs; what does not is no edit of it."""
    try:
        with torch.no_grad():
            model(**copy.deepcopy(inputs))
    except Exception:
        tally.counts["left out, as they do not run"] += 1
        return False
    return True


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


@pytest.mark.parametrize("name", MODELS)
def test_every_edit_is_noticed_and_nothing_else(name, record_property):
    model, inputs = _build(name)
    with torch.no_grad():
        model(**copy.deepcopy(inputs))
    old, tally = trace(model, **inputs), Tally(name)
    tries = (_try_edits_of_modules, _try_edits_of_forward, _try_no_edits)
    for attempt, amount in zip(tries, MODELS[name], strict=True):
        attempt(model, inputs, old, amount, tally)
    for what, count in tally.counts.items():
        record_property(f"generated: {what}", count)
    assert not tally.wrong, "\n\n".join(tally.wrong)
    found = [tally.counts[what] for what in ("edits of modules", "edits of forward", "that change nothing")]
    assert all(map(int.__ge__, found, LEAST[MODELS[name]])), found
    assert text_of(trace(model, **inputs)) == text_of(old)


def test_there_are_enough_of_them():
    """Each model has at least as many as `LEAST` says: its own test sees to that."""
    edits = sum(sum(LEAST[amounts][:2]) for amounts in MODELS.values())
    nothing = sum(LEAST[amounts][2] for amounts in MODELS.values())
    assert edits >= 300
    assert nothing >= 150
    assert len(architectures.TRANSFORMERS) >= 20
    assert len(edited_models.AWKWARD) >= 10


@pytest.mark.parametrize("name", [*edited_models.REFUSED, *EAGER])
def test_a_model_whose_values_decide_its_graph_is_refused(name, record_property):
    record_property("refused by name", name)
    model, inputs = (edited_models if name in edited_models.REFUSED else architectures).build(name)
    if name in EAGER:
        model.set_experts_implementation("eager")
    with open_session(Options(), model, (), inputs) as session, pytest.raises(UnstableArchitecture, match="values of"):
        session.check_values(session.settle(session.run()))


@pytest.mark.parametrize("name", edited_models.AWKWARD)
def test_no_other_is_refused(name):
    model, inputs = edited_models.build(name)
    with open_session(Options(), model, (), inputs) as session:
        session.check_values(session.settle(session.run()))
