"""Every module that torch tests itself with: it is traced, and no argument of its constructor is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from test_tracing import graph
from torch import nn
from torch.utils import _pytree as pytree
from torch_testing import module_db

from pytest_nnviz import Options, dumps, loads

pytestmark = pytest.mark.filterwarnings("ignore")


def _made(info: Any, training: bool, count: int) -> Iterator[tuple[nn.Module, Any]]:
    """The first sample modules of a class that can be called, each with the arguments of its call."""
    samples = info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=training)
    for sample in list(samples)[:count]:
        made = [info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs) for _ in range(2)]
        call = sample.forward_input
        try:
            made[0].train(training)(*call.args, **call.kwargs)
        except (RuntimeError, ValueError):  # made to be refused, or for other devices
            continue
        yield made[1].train(training), call


def _result(module: nn.Module, call: Any, weights: nn.Module) -> list[Any]:
    torch.manual_seed(0)
    module.load_state_dict(weights.state_dict())
    return pytree.tree_leaves(module(*call.args, **call.kwargs))


@pytest.mark.parametrize("part", range(4))
def test_every_module_is_traced_and_one_text_is_one_function(part):
    alike = defaultdict(list)
    options = Options(mode="as-is", values="fixed")
    for info in module_db[part::4]:
        for training in (False, True):
            for module, call in _made(info, training, 8):
                text = dumps(options.trace(module, *call.args, **call.kwargs))
                assert dumps(loads(text)) == text
                alike[text].append((module, call))
    assert len(alike) > 100
    for (first, call), *others in alike.values():
        for other, _ in others:
            for expected, result in zip(_result(first, call, first), _result(other, call, first), strict=True):
                torch.testing.assert_close(result, expected, equal_nan=True)


def test_a_layer_alone_is_one_call_as_it_is_in_a_model():
    assert graph(nn.GRU(4, 3), torch.ones(2, 4)) == [
        "self(input) -> (f32[2, 3], f32[1, 3])",
        "return (%self[0], %self[1])",
    ]
    averaging = Options(mode="train").trace(nn.BatchNorm1d(4, momentum=None), torch.ones(2, 4))
    assert [call.body for call in averaging.forward.calls] == [None]


def test_a_model_may_be_opaque_as_a_whole():
    encoder = nn.TransformerEncoderLayer(4, 2)
    options = Options(opaque=("*.TransformerEncoderLayer",))
    assert graph(encoder, torch.ones(2, 3, 4), options=options) == ["self(src=src) -> f32[2, 3, 4]", "return %self"]
