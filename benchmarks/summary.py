"""How long a summary table takes, beside torchinfo's own: modules inside each other, and one after the other.

    python benchmarks/summary.py

Prints the table of ``docs/performance.md`` and writes it there: seconds of one core, the model's forward pass among
them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import process_time

import torch
import torchinfo
from page import put, ran_on, table
from torch import nn

from pytest_nnviz.options import SummaryOptions
from pytest_nnviz.summaries.checking import check

__all__ = ["flat", "nested", "seconds"]

X = torch.ones(1, 2)


def nested(levels: int) -> nn.Module:
    """So many containers inside each other."""
    model: nn.Module = nn.Linear(2, 2)
    for _ in range(levels):
        model = nn.Sequential(model, nn.ReLU())
    return model


def flat(count: int) -> nn.Module:
    """So many layers one after the other."""
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(count)))


def seconds(draw: Callable[[nn.Module], object], model: nn.Module) -> float:
    """How long it takes to draw the table of a model."""
    start = process_time()
    draw(model)
    return process_time() - start


def ours(model: nn.Module) -> object:
    return check(SummaryOptions(), model, (X,), {}, stored=None, updates="new").text


def theirs(model: nn.Module) -> object:
    return str(torchinfo.summary(model, input_data=X, verbose=0))


def main() -> None:
    warnings.simplefilter("ignore")
    ours(flat(1))
    theirs(flat(1))
    models = {
        **{f"{levels} levels": nested(levels) for levels in (12, 14, 16, 18)},
        **{f"{count:,} layers": flat(count) for count in (1_000, 10_000)},
    }
    rows = [[name, *(f"{seconds(draw, model):.2f}" for draw in (theirs, ours))] for name, model in models.items()]
    last = ran_on("python benchmarks/summary.py", "torch", "torchinfo")
    put("summary", [*table(["model", "torchinfo, s", "nnviz_summary, s"], rows), "", last])


if __name__ == "__main__":
    main()
