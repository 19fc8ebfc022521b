"""Whatever is drawn reads back, and says what torchinfo says: models at the edges of every column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchinfo
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm

from pytest_nnviz.errors import TextError
from pytest_nnviz.options.summary import COL_NAMES, ROW_SETTINGS, SummaryOptions
from pytest_nnviz.summaries import Summary, diff, loads, summarize

X = torch.zeros(2, 4)


class Borrowing(nn.Module):
    """Uses the weights of a layer that it does not call."""

    def __init__(self, inner: nn.Module | None = None):
        super().__init__()
        self.lin, self.inner = nn.Linear(4, 4), inner

    def forward(self, x):
        return F.linear(x if self.inner is None else self.inner(x), self.lin.weight)


class Around(nn.Module):
    """A module that calls another one as often as is said, 0 for not at all."""

    def __init__(self, inner: nn.Module, times: int):
        super().__init__()
        self.parts, self.times = nn.ModuleList([inner]), times

    def forward(self, x):
        for _ in range(self.times):
            x = self.parts[0](x)
        return x


class Odd(nn.Module):
    """Has weights that it does not use, and a kernel of any size."""

    def __init__(self, kernel_size: Any):
        super().__init__()
        self.weight, self.kernel_size = nn.Parameter(torch.zeros(4)), kernel_size

    def forward(self, x):
        return x


LEAVES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(4, 4),
    "frozen": lambda: nn.Linear(4, 4).requires_grad_(False),
    "no parameters": nn.ReLU,
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4)),
    "borrowed": Borrowing,
    "pruned": lambda: prune.random_unstructured(nn.Linear(4, 4), "weight", 0.5),
    "kernel 0": lambda: Odd(0),
    "kernel below 0": lambda: Odd(-1),
    "kernel ()": lambda: Odd(()),
    "huge kernel": lambda: Odd((2**70, True)),
}
MODULES = st.recursive(
    st.sampled_from(sorted(LEAVES)).map(lambda name: LEAVES[name]()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: nn.Sequential(*parts)),
        st.builds(Around, inner, st.integers(0, 2)),
        st.builds(Borrowing, inner),
    ),
    max_leaves=4,
)
OPTIONS = st.builds(
    SummaryOptions,
    depth=st.integers(0, 5),
    col_names=st.permutations(COL_NAMES).map(tuple),
    row_settings=st.sets(st.sampled_from(ROW_SETTINGS)).map(tuple),
    forward=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(MODULES, OPTIONS)
def test_what_is_drawn_of_a_model_reads_back(module: nn.Module, options: SummaryOptions) -> None:
    summary = summarize(options, nn.Sequential(module), (X,) if options.forward else ())
    assert loads(summary.text) == summary
    assert not diff(loads(summary.text), summary)


def ours(model: nn.Module, depth: int) -> Summary:
    return summarize(SummaryOptions(depth=depth, col_names=("num_params", "mult_adds")), model, (X,))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("name", ["weight norm", "spectral norm", "borrowed", "old spectral norm", "linear"])
def test_mult_adds_are_drawn_as_torchinfo_draws_them(name: str, depth: int) -> None:
    model = nn.Sequential({**LEAVES, "old spectral norm": lambda: spectral_norm(nn.Linear(4, 4))}[name](), nn.ReLU())
    drawn = ours(model, depth)
    columns = {"col_names": ("num_params", "mult_adds"), "row_settings": ("var_names",)}
    theirs = torchinfo.summary(model, input_data=X, depth=depth, verbose=0, **columns)
    cells = [line.split()[-2:] for line in str(theirs).split("=\n")[2].split("\n")[:-1]]
    assert [list(row.cells) for row in drawn.rows] == cells
    assert drawn.total_mult_adds == theirs.total_mult_adds
    assert loads(drawn.text) == drawn


@pytest.mark.parametrize(
    ("name", "title", "other"),
    [
        ("lin", "Linear (lin)", "Linear (`lin`)"),
        ("lin", "Linear (lin)", "`Linear` (lin)"),
        ("lin", "Linear (lin)", "Linear (`l\\u0069n`)"),
        ("a b", "Linear (`a b`)", "Linear (a b)"),
        ("a b", "Linear (`a b`)", "Linear (`a\\u0020b`)"),
        ("a b", "Linear (`a b`)", "Linear (`a\\x`)"),
        ("\n", "Linear (`\\n`)", "Linear (`\\u000a`)"),
        ("\n", "Linear (`\\n`)", "Linear (`\\`)"),
    ],
)
def test_a_name_is_read_only_as_it_is_written(name: str, title: str, other: str) -> None:
    """One name has one text: what says the same in another way was edited by hand."""
    model = nn.Sequential()
    model.add_module(name, nn.Linear(4, 4))
    text = ours(model, 1).text
    width = len("├─Linear") + 30
    assert title.ljust(width) in text
    with pytest.raises(TextError, match=r"is not how that name is written|expected 'Class'"):
        loads(text.replace(title.ljust(width), other.ljust(width)))
