"""Every program of transforms, scripts and operators keeps the laws of the catalogue."""

from __future__ import annotations

import awkward_transforms
import pytest
import torch
from catalogue import Forward

from pytest_nnviz import trace

ENTRIES = [entry for section in awkward_transforms.SECTIONS.values() for entry in section]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_text_says_what_it_should(entry):
    entry.check_text()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_model_comes_back(entry):
    entry.check_handed_back()


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.edited or entry.equal], ids=str)
def test_edits_show_and_nothing_else(entry):
    entry.check_twins()


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.meta], ids=str)
def test_the_text_without_values_is_the_same(entry):
    entry.check_meta()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_other_values_are_the_same_text_or_refused(entry):
    entry.check_values()


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
