"""Real architectures by their record alone: evaluating the graph gives what the model gives."""

from __future__ import annotations

import copy

import architectures
import models
import pytest
import torch
from interpreter import Interpreter, same

from pytest_nnviz import dumps, loads, trace

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

OWN = {
    "residual": lambda: (models.ResNet(), {"x": torch.rand(2, 3, 8, 8)}),
    "attention": lambda: (models.Attention(), {"x": torch.rand(2, 5, 8)}),
    "a filled cache": lambda: (models.Caching(), {"x": torch.rand(2, 4)}),
    "values decide": lambda: (models.Branching(), {"x": torch.rand(2, 4)}),
}
NAMES = [*architectures.TRANSFORMERS, *architectures.PLAIN, *OWN]


def close(ours, theirs):
    """Equal but for the sixth digit of the constants in the text."""
    return torch.equal(ours, theirs) or torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5, equal_nan=True)


def build(name):
    """A model whose weights all differ: ones and zeros as they are initialised hide what is left out."""
    torch.manual_seed(0)
    model, inputs = OWN[name]() if name in OWN else architectures.build(name)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    model.eval()(**copy.deepcopy(inputs))  # the graph is that of a used model
    return model, inputs


def outputs(name):
    model, inputs = build(name)
    architecture = loads(dumps(trace(model, **inputs)))
    ours = Interpreter(copy.deepcopy(model)).run(architecture, (), copy.deepcopy(inputs))
    with torch.no_grad():
        return ours, model(**inputs)


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_of_a_real_architecture_gives_its_output(name):
    ours, theirs = outputs(name)
    assert same(ours, theirs, close)
