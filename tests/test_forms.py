"""Calls that were bound once are written down as calls that are bound each on its own."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytest_nnviz import Options

X, Y = torch.ones(2, 4), torch.ones(2, 4)
NESTED = [0, 1]

CALLS = [
    lambda x, y: x.add(1),
    lambda x, y: x.add(True),
    lambda x, y: x.add(1.0),
    lambda x, y: torch.add(x, 1),
    lambda x, y: 1 + x,
    lambda x, y: x.add(y, alpha=1),
    lambda x, y: x.add(y, alpha=2),
    lambda x, y: x.mul(0.0),
    lambda x, y: x.mul(-0.0),
    lambda x, y: x.mul(math.nan),
    lambda x, y: x.mul(math.nan),
    lambda x, y: x * y,
    lambda x, y: y * x,
    lambda x, y: x * x,
    lambda x, y: y * y,
    lambda x, y: x - y,
    lambda x, y: y - x,
    lambda x, y: 2 - x,
    lambda x, y: x.sum(0),
    lambda x, y: x.sum((0,)),
    lambda x, y: x.sum([0]),
    lambda x, y: x.sum((0, 1)),
    lambda x, y: x.sum(dim=0, keepdim=False),
    lambda x, y: x.sum(dim=0, keepdim=True),
    lambda x, y: x[0:1],
    lambda x, y: x[:, 0:1],
    lambda x, y: x[..., 0],
    lambda x, y: x[[0, 1]],
    lambda x, y: x[NESTED, NESTED],
    lambda x, y: x[0, 1],
    lambda x, y: x[None],
    lambda x, y: torch.cat([x, y]),
    lambda x, y: torch.cat((x, y)),
    lambda x, y: torch.cat([x, x]),
    lambda x, y: torch.cat([y, x], 1),
    lambda x, y: torch.stack([x, y], dim=1),
    lambda x, y: torch.einsum("ij,ij->i", x, y),
    lambda x, y: torch.einsum("ij, ij -> i", x, y),
    lambda x, y: x.to(torch.float64),
    lambda x, y: x.double(),
    lambda x, y: x.to(y),
    lambda x, y: x.view(4, 2),
    lambda x, y: x.view((4, 2)),
    lambda x, y: x.view(y.shape),
    lambda x, y: x.view(torch.int32),
    lambda x, y: F.dropout(x, 0.5, False),
    lambda x, y: F.dropout(x, p=0.5, training=False),
    lambda x, y: F.dropout(x, p=0.25, training=False),
    lambda x, y: F.relu(x),
    lambda x, y: torch.where(x > 0, x, y),
    lambda x, y: x.std(False),
    lambda x, y: x.std(0, False),
    lambda x, y: F.layer_norm(x, (4,)),
    lambda x, y: F.layer_norm(x, [4], eps=1e-6),
    lambda x, y: torch.full((2,), 0.0),
    lambda x, y: torch.full((2,), -0.0),
    lambda x, y: torch.full((2,), 0),
    lambda x, y: torch.full((2,), False),
]


class Calling(nn.Module):
    def __init__(self, *calls):
        super().__init__()
        self.calls = calls

    def forward(self, x, y):
        return [call(x, y) for call in self.calls]


def records_of(*calls):
    return [(call.target, call.args) for call in Options().trace(Calling(*calls), X, Y).forward.calls]


@pytest.mark.parametrize("order", [1, -1])
def test_what_came_before_changes_no_record(order):
    alone = [records_of(call) for call in CALLS]
    together = records_of(*CALLS[::order], *CALLS)
    assert together == list(itertools.chain(*alone[::order], *alone))
    assert len(set(map(repr, together))) > len(CALLS) // 2


def test_a_mode_that_an_instance_sets_in_its_own_way_is_set():
    model = nn.Sequential(nn.Linear(4, 4)).eval()
    told = []
    model.eval = lambda: told.append("eval")
    Options().trace(model, X)
    assert told == ["eval"]


def test_buffers_that_are_handed_in_keep_their_values():
    norm = nn.BatchNorm1d(4).train()
    mean, variance = torch.zeros(4), torch.ones(4)

    class Stateless(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.Sequential(norm)

        def forward(self, x, mean, variance):
            buffers = {"0.running_mean": mean, "0.running_var": variance}
            return torch.func.functional_call(self.norm, buffers, (x,))

    Options(mode="train").trace(Stateless(), torch.randn(8, 4), mean, variance)
    assert torch.equal(mean, torch.zeros(4))
    assert torch.equal(variance, torch.ones(4))
    assert torch.equal(norm.running_mean, torch.zeros(4))


def test_an_embedding_that_is_cut_down_keeps_its_weight():
    model = nn.Sequential(nn.Embedding(3, 4, max_norm=0.1))
    weight = model[0].weight.detach().clone()
    Options().trace(model, torch.tensor([0, 1]))
    assert torch.equal(model[0].weight, weight)
