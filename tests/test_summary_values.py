"""Tables that values or random numbers decide: not recorded, unless they are said to be pinned."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from pytest_nnviz.errors import UnstableArchitecture
from pytest_nnviz.options import SummaryOptions
from pytest_nnviz.summaries.checking import check
from pytest_nnviz.verdict import Status

X = torch.linspace(-1, 1, 24).reshape(6, 4)


class Routed(nn.Module):
    """Hands the rows that a gate chooses to an expert."""

    def __init__(self):
        super().__init__()
        self.gate, self.expert = nn.Linear(4, 1), nn.Linear(4, 4)

    def forward(self, x):
        chosen = x[self.gate(x)[:, 0] > 0]
        return x.sum() + self.expert(chosen).sum()


class Dropping(nn.Module):
    """Leaves a layer out by chance."""

    def __init__(self, chance):
        super().__init__()
        self.fc, self.chance = nn.Linear(4, 4), chance

    def forward(self, x):
        return self.fc(x) if self.chance() < 0.5 else x


def recorded(model, stored=None, **options):
    torch.manual_seed(0)
    return check(SummaryOptions(**options), model, (X,), {}, stored=stored, updates="all")


def test_the_tokens_of_an_expert_are_not_recorded() -> None:
    with pytest.raises(
        UnstableArchitecture, match=r"with others, ~ expert  Output Shape \[\d, 4\] -> \[\d, 4\]"
    ) as error:
        recorded(Routed())
    assert "values are read by getitem at " in str(error.value)
    assert 'values="fixed"' in str(error.value)


@pytest.mark.parametrize("chance", [lambda: torch.rand(()), random.random], ids=["torch", "random"])
def test_a_layer_that_chance_leaves_out_is_not_recorded(chance) -> None:
    with pytest.raises(UnstableArchitecture, match=r"with others, [+-] fc  Linear"):
        recorded(Dropping(chance))


@pytest.mark.parametrize(
    "options", [{"values": "fixed"}, {"depth": 0, "col_names": ("output_size",), "values": "fixed"}]
)
def test_unless_values_are_pinned(options: dict) -> None:
    assert recorded(Routed(), **options).status is Status.RECORDED


def test_a_check_takes_one_pass() -> None:
    calls = []

    class Counting(nn.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    model = Counting(4, 4)
    text = recorded(model).text
    assert len(calls) == 2
    assert recorded(model, stored=text).status is Status.PASSED
    assert len(calls) == 3
