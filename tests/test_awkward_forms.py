"""Every form of program keeps the laws of the catalogue."""

from __future__ import annotations

import threading

import awkward_forms
import pytest
import torch
from catalogue import Forward
from torch import nn

from pytest_nnviz import Options, trace
from pytest_nnviz.errors import TraceError
from pytest_nnviz.tracing.interception.patches import WRAPPED, resolve


def test_state_of_modules_that_nothing_registers_comes_back():
    norm = nn.BatchNorm1d(4)
    model = Forward(lambda m, x: norm(x))
    Options(mode="train").trace(model, awkward_forms.X)
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(4))


def test_two_threads_that_trace_are_told():
    inside, done = threading.Event(), threading.Event()

    def forward(m, x):
        inside.set()
        done.wait(10)
        return x + 1

    tracing = threading.Thread(target=trace, args=(Forward(forward), awkward_forms.X))
    tracing.start()
    inside.wait(10)
    try:
        with pytest.raises(TraceError, match="another trace is running in this process: trace one model at a time"):
            trace(nn.Linear(4, 4), awkward_forms.X)
    finally:
        done.set()
        tracing.join()


def test_nothing_of_a_trace_stays_wrapped():
    names = [(place, name) for owner, name, _ in WRAPPED if (place := resolve(owner)) is not None]
    before = [getattr(place, name, None) for place, name in names]
    held = [name in vars(place) for place, name in names]
    with pytest.raises(ZeroDivisionError):
        trace(Forward(lambda m, x: x / (1 // 0)), awkward_forms.X)
    assert [getattr(place, name, None) for place, name in names] == before
    assert [name in vars(place) for place, name in names] == held
    assert not torch.nn.modules.module._global_forward_hooks
