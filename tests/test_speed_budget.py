"""A guard that times nothing: how many functions are called for one model, held to what was counted before."""

from __future__ import annotations

import json

import pytest
from counted import KEPT, STEPS, counted, steps_of

_BUDGET = 1.10


@pytest.fixture(scope="module")
def counts():
    """Of models of 4, 8 and 12 blocks."""
    return {blocks: {name: counted(step) for name, step in steps_of(blocks).items()} for blocks in (4, 8, 12)}


@pytest.mark.parametrize("name", STEPS)
def test_no_more_functions_are_called_than_the_budget_allows(counts, name):
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert counts[8][name] <= _BUDGET * kept[name], (
        f"{name} calls {counts[8][name]:,} functions instead of {kept[name]:,}: make it cheaper, or, where the calls "
        "are worth it, count anew with python tests/counted.py and say why"
    )


@pytest.mark.parametrize("name", STEPS)
def test_four_blocks_more_cost_the_same_wherever_they_are(counts, name):
    """Exactly linear but for what is done once in so many."""
    first, second = counts[8][name] - counts[4][name], counts[12][name] - counts[8][name]
    assert second <= 1.02 * first


def test_a_function_more_for_each_call_is_counted(counts, monkeypatch):
    """The guard sees what it is there for."""
    from pytest_nnviz.tracing.recorder import Recorder

    plain = Recorder._plain_function
    monkeypatch.setattr(Recorder, "_plain_function", lambda *args, **kwargs: plain(*args, **kwargs))
    functions = 8 * 8
    assert counted(steps_of(8)["trace"]) - counts[8]["trace"] == functions
