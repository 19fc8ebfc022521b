"""What a change of a table means for those who use the model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_nnviz.options import SummaryOptions
from pytest_nnviz.summaries import Difference, Summary, diff, summarize
from pytest_nnviz.summaries.meaning import consequences
from pytest_nnviz.summaries.wording import cause_keys, rows

X = torch.ones(2, 4)
ALL = ("input_size", "output_size", "num_params", "mult_adds")


class Block(nn.Module):
    """Has parameters in what it holds alone."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Hands on."""
        return self.part(x)


def stack(**parts: nn.Module) -> nn.Sequential:
    model = nn.Sequential()
    for name, part in parts.items():
        model.add_module(name, Block(part))
    return model


def table(model: nn.Module, x: torch.Tensor = X, col_names: tuple[str, ...] = ALL) -> Summary:
    return summarize(SummaryOptions(col_names=col_names), model, (x,))


def meant(difference: Difference) -> list[str]:
    found = [row.consequence for row in rows(difference)]
    assert set(found) <= consequences(difference)
    return found


LAYERS = [(lambda: nn.Linear(4, 4), "breaks checkpoints"), (nn.ReLU, "changes the function")]


@pytest.mark.parametrize("col_names", [ALL, ("output_size", "num_params")])
@pytest.mark.parametrize(("part", "consequence"), LAYERS)
def test_a_container_stands_for_what_it_holds(part, consequence: str, col_names: tuple[str, ...]) -> None:
    one, two = stack(a=part()), stack(a=part(), b=part())
    renamed = stack(c=part())
    short, long, other = (table(model, col_names=col_names) for model in (one, two, renamed))
    assert meant(diff(long, short)) == meant(diff(short, long)) == [consequence]
    assert meant(diff(short, other)) == [consequence]


def test_another_input_alone_is_cosmetic() -> None:
    model = stack(a=nn.Linear(4, 4), b=nn.ReLU())
    difference = diff(table(model), table(model, torch.ones(3, 4)))
    assert meant(difference) == ["cosmetic"]
    assert consequences(difference) == {"cosmetic"}


def test_another_input_and_another_layer_is_not() -> None:
    one, other = stack(a=nn.Linear(4, 4), b=nn.ReLU()), stack(a=nn.Linear(4, 5), b=nn.ReLU())
    assert "breaks checkpoints" in consequences(diff(table(one), table(other, torch.ones(3, 4))))


def test_layers_that_came_and_went_have_causes_where_other_columns_are_shown() -> None:
    one, two = stack(a=nn.Linear(4, 4)), stack(a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    for before, now in ((one, two), (two, one)):
        for names in ((ALL, ALL[1:3]), (ALL[1:3], ALL)):
            difference = diff(
                *(table(model, col_names=shown) for model, shown in zip((before, now), names, strict=True))
            )
            assert len(cause_keys(difference)) == 1
