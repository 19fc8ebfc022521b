"""Models that fill caches: one verdict, fresh or used, alone or after other tests, in any order, serial or not."""

from __future__ import annotations

import pytest

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
