"""Calls that read values: known, harmless where the graph does not follow them, refused where it does."""

from __future__ import annotations

import random

import models
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_tracing import Forward
from torch import nn

from pytest_nnviz import Options
from pytest_nnviz.checker import check
from pytest_nnviz.errors import UnstableArchitecture
from pytest_nnviz.tracing import open_session
from pytest_nnviz.verdict import Room, Status, Where, message

X = torch.tensor([[0.5, -1.0, 2.0, -0.25], [1.0, 0.75, -2.0, 0.1]])


def checked(function, **members):
    """Trace; refuses where values decide the graph."""
    with open_session(Options(), Forward(function, **members), (X,)) as session:
        session.check_values(session.settle(session.run()))


READS = {
    "item": lambda m, x: x * (x.sum().item() > 1e9),
    "bool": lambda m, x: x if bool(x.sum() > 1e9) else x + 1,
    "if": lambda m, x: x if x.sum() > 1e9 else x + 1,
    "int": lambda m, x: x + 0 * int(x.sum() > 1e9),
    "float": lambda m, x: x + 1 if float(x.sum()) < 1e9 else x,
    "tolist": lambda m, x: x + 1 if len(x.tolist()) else x,
    "nonzero": lambda m, x: x + 1 if x.nonzero() is not None else x,
    "numpy": lambda m, x: x + 1 if x.detach().numpy().sum() < 1e9 else x,
    "equal": lambda m, x: x if torch.equal(x, x + 1) else x - 1,
    "allclose": lambda m, x: x if torch.allclose(x, x + 1) else x - 1,
    "contains": lambda m, x: x if 1e9 in x else x - 1,
    "index": lambda m, x: (x, x + 1)[(x > 1e9).sum()],
    "unique": lambda m, x: x + 1 if x.unique() is not None else x,
    "mask": lambda m, x: x + 1 if x[x > 1e9] is not None else x,
    "masked_select": lambda m, x: x + 1 if x.masked_select(x > 1e9).sum() < 1 else x,
    "where": lambda m, x: x + 1 if torch.where(x > 1e9) is not None else x,
    "bincount": lambda m, x: x * torch.bincount((x > 1e9).long().flatten()).sum(),
    "repeats": lambda m, x: x.repeat_interleave((x[0] > 1e9).long() + 1, dim=1),
}


@pytest.mark.parametrize("kind", READS)
def test_calls_that_read_values_are_known(kind):
    with open_session(Options(), Forward(READS[kind]), (X,)) as session:
        session.run()
        assert any("test_values.py:" in read for read in session.reads)


DECIDED = {
    "early exit": lambda m, x: m.b(m.a(x)) if m.a(x).sum().item() > 0 else m.a(x),
    "sign": lambda m, x: x.relu() if x.sum() > 0 else x.sigmoid(),
    "literal": lambda m, x: x * x.mean().item(),
    "count": lambda m, x: x.sum() + len((x > 0.3).nonzero()),
    "mask": lambda m, x: x[x > 0.3] * 2,
    "unique": lambda m, x: (x * 4).round().unique(),
    "rounds": lambda m, x: [x := x + 1 for _ in range(int(x.abs().sum() * 3))][-1],
    "choice": lambda m, x: [m.a, m.b][int(x.sum() > 0)](x),
    "numpy": lambda m, x: x + float(np.float64(x.numpy().mean())),
    "experts": lambda m, x: sum(m.a(x[i]) for i in m.b(x).argmax(-1).unique().tolist() if i < 2) + x,
    "padding": lambda m, x: F.pad(x, (0, int((x > 0.3).sum()))),
}


@pytest.mark.parametrize("kind", DECIDED)
def test_graphs_that_values_decide_are_refused(kind):
    torch.manual_seed(0)
    with pytest.raises(UnstableArchitecture, match=r"line \d+ of the text|it has \d+ lines") as caught:
        checked(DECIDED[kind], a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    assert 'values="fixed"' in str(caught.value)
    assert "test_values.py:" in str(caught.value)


GATES = {
    "of one number": lambda m, x: x + m.gate * m.a(x) if m.gate > 0 else x,
    "of its sum": lambda m, x: m.a(x) if m.bias.sum() > 0 else x,
    "below zero": lambda m, x: m.a(x) if m.gate < -0.3 else x,
}


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("kind", GATES)
def test_parameters_of_one_sign_that_decide_are_refused(kind, sign):
    """Such as a gate of one number, which another seed turns."""
    gate, bias = (nn.Parameter(sign * values) for values in (torch.tensor(2.0), torch.rand(4) + 0.1))
    with pytest.raises(UnstableArchitecture, match="values of weights or inputs decide"):
        checked(GATES[kind], a=nn.Linear(4, 4), gate=gate, bias=bias)


def _check_range(m, x):
    if not torch.isfinite(x).all():
        raise ValueError("not finite")
    return m.norm(x)


def _positive(scale):
    if scale.item() <= 0:
        raise ValueError(f"scale={scale.item()}: has to be positive")
    return scale


UNDECIDED = {
    "an assertion": _check_range,
    "a logged loss": lambda m, x: m.seen.append(x.sum().item()) or x + 1,
    "a printed mean": lambda m, x: f"{x.mean():.2f}" and x + 1,
    "lengths that are integers": lambda m, x: x[:, : int(m.length)],
    "a buffer of steps": lambda m, x: x + 1 if m.length > 1 else x,
    "a mask of integers": lambda m, x: x[:, m.mask] + 1,
    "a sorted copy": lambda m, x: x.sort(dim=1).values,
    "top k": lambda m, x: x.topk(2, dim=1).values.sum(),
    "gather by argmax": lambda m, x: x.gather(1, x.argmax(1, keepdim=True)),
    "where": lambda m, x: torch.where(x > 0, x, 0.0),
    "masked fill": lambda m, x: x.masked_fill(x > 0, 0.0),
    "one hot": lambda m, x: F.one_hot(x.argmax(1), 4) * x,
    "cumulated mask": lambda m, x: (x > 0).long().cumsum(1).clamp(max=3) * x,
    "a number that has to be positive": lambda m, x: _positive(m.scale) * x,
    "a quantile": lambda m, x: x / x.abs().amax(1, keepdim=True).clamp(min=1e-3),
}


@pytest.mark.parametrize("kind", UNDECIDED)
def test_values_that_decide_nothing_are_no_reason_to_refuse(kind):
    model = Forward(UNDECIDED[kind], norm=nn.LayerNorm(4), scale=nn.Parameter(torch.tensor(0.5)))
    model.seen = []
    model.register_buffer("length", torch.tensor(3))
    model.register_buffer("mask", torch.tensor([True, False, True, True]))
    with open_session(Options(), model, (X,)) as session:
        session.check_values(session.settle(session.run()))


def _drift(options):
    torch.manual_seed(0)
    model = models.Branching()
    recorded = check(options, model, (X,), {}, stored=None, updates="all")
    other = models.Branching()
    other.first.weight.data.mul_(-5)
    other.first.bias.data.mul_(-5)
    return check(options, other, (X,), {}, stored=recorded.text, updates="nothing")


def test_the_drift_of_a_graph_that_values_decide_says_so():
    verdict = _drift(Options(values="fixed"))
    assert verdict.status is Status.DRIFTED
    text = message(verdict, Where("test_arch", "file", "pytest"), Room())
    assert 'values="fixed", and values are read by bool at ' in text
    assert "models.py:" in text


def test_the_drift_of_a_graph_alone_names_the_calls_that_read_values():
    """No trial shows all that values may decide."""
    forward = [lambda m, x: x + 1 if x.sum() > 0 else x, lambda m, x: x + 2 if x.sum() > 0 else x]
    stored = check(Options(), Forward(forward[0]), (X.abs(),), {}, stored=None, updates="all").text
    verdict = check(Options(), Forward(forward[1]), (X.abs(),), {}, stored=stored, updates="nothing")
    text = message(verdict, Where("test_arch", "file", "pytest"), Room())
    assert "values are read by bool at " in text
    assert "fixed" not in text


@pytest.mark.parametrize("values", ["fixed", "checked"])
def test_the_drift_of_any_other_graph_does_not(values):
    options = Options(values=values)
    stored = check(options, nn.Linear(4, 4), (X,), {}, stored=None, updates="all").text
    verdict = check(options, nn.Linear(4, 3), (X,), {}, stored=stored, updates="nothing")
    assert "values are read" not in message(verdict, Where("test_arch", "file", "pytest"), Room())


DRAWN = {
    "layer drop": ("Python", lambda m, x: m.a(x) if random.random() > 0.5 else x),
    "literal": ("Python", lambda m, x: x * random.random()),
    "rarely": ("Python", lambda m, x: m.a(x) if random.random() < 0.05 else x),
    "often": ("Python", lambda m, x: m.a(x) if random.random() < 0.95 else x),
    "choice": ("Python", lambda m, x: random.choice([m.a, m.b])(x)),
    "numpy": ("numpy", lambda m, x: m.a(x) if np.random.uniform() > 0.5 else x),
    "numpy, rarely": ("numpy", lambda m, x: m.a(x) if np.random.rand() < 0.05 else x),
    "both": ("Python and numpy", lambda m, x: m.a(x) if random.random() + np.random.rand() > 1 else x),
}


@pytest.mark.parametrize("device", ["as-is", "meta"])
@pytest.mark.parametrize("kind", DRAWN)
def test_graphs_that_random_numbers_of_others_decide_are_refused(kind, device):
    whose, function = DRAWN[kind]
    random.seed(0)
    np.random.seed(0)
    model = Forward(function, a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    expected = rf"random numbers of {whose} decide the graph of Forward: with another seed, (line \d+|it has)"
    state = random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(UnstableArchitecture, match=expected) as caught:
        _recorded(model, Options(mode="train", device=device))
    assert 'values="fixed"' in str(caught.value)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state
    assert _recorded(model, Options(mode="train", device=device, values="fixed"))


def test_random_numbers_that_decide_nothing_are_no_trouble():
    assert _recorded(Forward(lambda m, x: x + 1 if random.random() < 2 and np.random.rand() < 2 else x), Options())


def _recorded(model, options):
    with open_session(options, model, (X,)) as session:
        settled = session.settle(session.run())
        session.check_values(settled)
    return settled
