"""Tensors that are spread over processes: global shapes, and edges through what they are made of."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.distributed as dist
from catalogue import Forward
from test_tracing import graph
from torch import nn

from pytest_nnviz import dumps, trace

X = torch.linspace(-1, 1, 8).reshape(2, 4)


@pytest.fixture
def mesh():
    """Two processes, of which the other one is imagined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.distributed.device_mesh import init_device_mesh
        from torch.testing._internal.distributed.fake_pg import FakeStore

        dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
        yield init_device_mesh("cpu", (2,))
        dist.destroy_process_group()


def test_a_tensor_over_processes_has_its_global_shape(mesh):
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    model = Forward(lambda m, x: m.layer(x).relu(), layer=nn.Linear(4, 6))
    for name in ("weight", "bias"):
        whole = getattr(model.layer, name).detach()
        setattr(model.layer, name, nn.Parameter(distribute_tensor(whole, mesh, [Shard(0)])))
    text = dumps(trace(model, distribute_tensor(X, mesh, [Replicate()])))
    assert "    weight f32[6, 4]:DTensor\n" in text
    assert "input x: f32[2, 4]:DTensor\n" in text
    assert "self.layer(x) -> f32[2, 6]:DTensor\n" in text


def test_edges_go_through_the_parts_of_a_tensor_over_processes(mesh):
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    parallelize_module(model, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})
    lines = graph(model, X)
    assert not any("untracked" in line for line in lines)
    assert any(line.startswith("self.1(%0[_local_tensor]) ->") for line in lines)
