"""Every program of transforms, scripts and operators keeps the laws of the catalogue."""

from __future__ import annotations

import awkward_transforms
import pytest
import torch
from catalogue import Forward

from pytest_nnviz import trace


class Refusing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        raise ZeroDivisionError

    @staticmethod
    def backward(ctx, gradient):
        return gradient


@pytest.mark.parametrize("function", [Refusing, awkward_transforms.Square, awkward_transforms.Transformable])
def test_an_autograd_function_comes_back_as_it_was(function):
    before = dict(vars(function))

    def forward(m, x):
        try:
            return function.apply(x, *([3] if function is awkward_transforms.Square else []))
        except ZeroDivisionError:
            return x

    trace(Forward(forward), awkward_transforms.X)
    assert dict(vars(function)) == before
