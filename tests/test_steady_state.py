"""Models that fill caches: one verdict, fresh or used, alone or after other tests, in any order, serial or not."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from pytest_nnviz import Options
from pytest_nnviz.checker import check
from pytest_nnviz.verdict import Status

MODELS = """
import functools
import torch
from torch import nn

TABLES = {}

@functools.lru_cache
def table(n):
    return torch.arange(float(n)).sin()

class Attribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.table, self.steps = nn.Linear(4, 4), None, 0
    def forward(self, x):
        self.steps += 1
        if self.table is None:
            self.table = torch.arange(4.0) * 2
        return self.linear(x) + self.table

class Function(Attribute):
    def forward(self, x):
        return self.linear(x) * table(4) + table(4)

class OfTheClass(Attribute):
    cache = {}
    def forward(self, x):
        if x.shape not in self.cache:
            self.cache[x.shape] = torch.ones(4) * 3
        return self.linear(x) + self.cache[x.shape]

class OfTheFile(Attribute):
    def forward(self, x):
        if 4 not in TABLES:
            TABLES[4] = torch.arange(4.0).cos()
        return self.linear(x) - TABLES[4]

CACHING = [Attribute, Function, OfTheClass, OfTheFile]
"""
TESTS = """
import os
import pytest
import torch
from caching import CACHING

ORDER = [(cls, used) for cls in CACHING for used in (0, 2)]

@pytest.mark.parametrize("at", range(len(ORDER))[:: int(os.environ.get("STEP", "1"))])
def test_arch(at, nnviz_snapshot):
    cls, used = ORDER[at]
    model, x = cls(), torch.ones(2, 4)
    for _ in range(used):
        model(x)
    nnviz_snapshot.using(name=cls.__name__ + str(used), images="off")(model, x)
"""
RUNS = [
    ((), {}),
    ((), {"STEP": "-1"}),
    (("-n", "2"), {}),
    (("-k", "3"), {}),
    (("-k", "4 or 6"), {"STEP": "-1"}),
]


def test_one_verdict_in_any_order(project) -> None:
    project.write("caching.py", MODELS)
    project.write("conftest.py", "")  # no stand-in for the tracer
    project.write("test_m.py", TESTS)
    recorded = project.pytest("-q", "--snapshot-update", "-p", "no:cacheprovider")
    assert recorded.ret == 0, recorded.out
    for arguments, environment in RUNS:
        run = project.pytest("-q", *arguments, **environment)
        assert run.ret == 0, run.out
    texts = project.files()
    assert len(texts) == 8


@pytest.mark.parametrize("name", ["Attribute", "Function", "OfTheClass", "OfTheFile"])
def test_fresh_and_used_have_one_text(name, project) -> None:
    project.write("caching.py", MODELS)
    script = f"""
import torch, caching
from pytest_nnviz import dumps, trace
model, x = caching.{name}(), torch.ones(2, 4)
fresh = dumps(trace(model, x))
model(x)
assert dumps(trace(model, x)) == fresh == dumps(trace(caching.{name}(), x))
"""
    run = project.python("-W", "ignore", "-c", script)
    assert run.ret == 0, run.out


class Counted(nn.Module):
    """Counts its passes where no trace can put the count back."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.table, self.passes = nn.Linear(4, 4), None, itertools.count()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One pass."""
        next(self.passes)
        return self.linear(x)


class Filling(Counted):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The first pass makes a table, those after it use it."""
        if self.table is None:
            self.table = torch.arange(4.0) * 2
        return super().forward(x) + self.table


@pytest.mark.parametrize(("cls", "passes"), [(Counted, 1), (Filling, 2)])
def test_a_check_takes_no_more_passes_than_it_needs_to_pass(cls, passes) -> None:
    options, x = Options(), torch.ones(2, 4)
    stored = check(options, cls(), (x,), {}, stored=None, updates="all").text
    model = cls()
    assert check(options, model, (x,), {}, stored=stored, updates="nothing").status is Status.PASSED
    assert next(model.passes) == passes
