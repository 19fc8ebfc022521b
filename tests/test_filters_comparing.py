"""What moved is found, what did not move far is not: by the numbers alone, without sheets."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_nnviz.filterbanks import dumps, loads
from pytest_nnviz.filterbanks.comparing import compare
from pytest_nnviz.filterbanks.measuring import find
from pytest_nnviz.filterbanks.pooling import pattern
from pytest_nnviz.filterbanks.telling import headline, words
from pytest_nnviz.filterbanks.tolerance import Tolerance
from pytest_nnviz.options import FilterOptions

_DTYPES = st.sampled_from([torch.float64, torch.float32])


def measured(model):
    return find(model).measure(FilterOptions())


def stored(model):
    return loads(dumps(measured(model)))


def conv_of(weight):
    conv = nn.Conv1d(1, len(weight), weight.shape[1])
    conv.weight = nn.Parameter(weight[:, None].clone(), requires_grad=False)
    return conv


@st.composite
def weights(draw, least=1):
    shape = draw(st.integers(least, 5)), draw(st.integers(1, 6))
    size = 10.0 ** draw(st.integers(-9, 6))
    values = st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf]))
    rows = draw(st.lists(st.lists(values, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]))
    return torch.tensor(rows, dtype=torch.float64) * size


_TOLERANCES = st.tuples(st.sampled_from([0.0, 1e-8, 1e-3]), st.sampled_from([0.0, 1e-5, 1e-3, 0.3]))


@given(weights(), _TOLERANCES, st.data())
def test_what_moves_within_the_tolerance_never_alarms(weight, tolerance, data):
    """Wherever the weights go, with all of them at their bounds, printed and read."""
    atol, rtol = tolerance
    shares = st.lists(st.sampled_from([-1.0, 1.0, 0.0, 0.37]), min_size=weight.numel(), max_size=weight.numel())
    share = torch.tensor(data.draw(shares), dtype=torch.float64).reshape(weight.shape)
    moved = torch.where(weight.isfinite(), weight + share * (atol + rtol * weight.abs()) * (1 - 1e-12), weight)
    assert torch.allclose(moved, weight, rtol=rtol + 1e-15, atol=atol, equal_nan=True)
    old, new = stored(conv_of(weight)), measured(conv_of(moved))
    assert not compare(old, new, atol=atol, rtol=rtol)
    assert not compare(old, loads(dumps(new)), atol=atol, rtol=rtol)


def line_of(weight, start):
    """The line about the filters from one on."""
    parts = [(0, start)] if start else []
    bank = find(conv_of(weight)).measure(FilterOptions(), {"": [*parts, (start, len(weight))]})
    return bank.layers[0].lines[-1]


@pytest.mark.parametrize("rtol", [1e-5, 1e-3, 0.3])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 2), (3, 4), (64, 80), (5, 7)])
def test_weights_that_follow_the_pattern_move_the_projection_furthest_and_never_alarm(start, stop, rtol):
    for size in (1, 2, 4, 19, 169, 400):
        weight = torch.tensor([[pattern(row) * pattern(at) for at in range(size)] for row in range(stop)]).double()
        old, new = line_of(weight, start), line_of(weight * (1 + rtol * (1 - 1e-9)), start)
        assert Tolerance(0, rtol).holds(old, new, size), size
        further = line_of(weight * (1 + rtol * 1.2 + 3e-5), start)
        assert not Tolerance(0, rtol).holds(old, further, size), size


@pytest.mark.parametrize(("stop", "share"), [(65, 2.1), (80, 4.6)], ids=["filter", "run of 16"])
@pytest.mark.parametrize("rtol", [1e-5, 1e-3])
def test_the_change_of_one_weight_that_is_always_found(stop, share, rtol):
    """As docs/filters.md has it, wherever the weight is."""
    torch.manual_seed(0)
    weight = torch.randn(stop, 36, dtype=torch.float64)
    held = weight[64:]
    far = share * (rtol + 1e-5) * held.numel() * held.square().mean().sqrt()
    old = line_of(weight, 64)
    for index in range(held.numel()):
        for sign in (-1, 1):
            moved = weight.clone()
            moved[64:].view(-1)[index] += sign * far
            assert not Tolerance(0, rtol).holds(old, line_of(moved, 64), 36), index


def test_what_another_order_of_summing_leaves_never_alarms():
    """Sums that cancel have no digits of their own to be rounded to."""
    (layer,) = measured(conv_of(torch.tensor([[0.1, 0.2, -0.3]], dtype=torch.float64))).layers
    old = replace(layer.lines[0], statistics=replace(layer.lines[0].statistics, mean=0.0))
    for mean in (9.25e-18, -1.9e-17):
        new = replace(old, statistics=replace(old.statistics, mean=mean))
        assert Tolerance(0, 0).holds(old, new, 3)
        assert not Tolerance(0, 0).holds(old, replace(old, statistics=replace(old.statistics, mean=1e-9)), 3)


@given(weights(), st.data())
def test_one_weight_that_moves_far_is_found_in_its_filter(weight, data):
    row, column = data.draw(st.integers(0, len(weight) - 1)), data.draw(st.integers(0, weight.shape[1] - 1))
    moved = weight.clone()
    moved[row, column] = data.draw(st.sampled_from([math.nan, math.inf, -1e9, 3e7]))
    if (moved[row, column].isnan() and weight[row, column].isnan()) or moved[row, column] == weight[row, column]:
        return
    (change,) = compare(stored(conv_of(weight)), measured(conv_of(moved))).layers
    told = {each.name for each in change.filters}
    assert told == {str(row)} or change.facts[0][0] == "scaled"


@given(st.permutations(range(6)), _DTYPES)
def test_a_permutation_is_named(order, dtype):
    torch.manual_seed(0)
    weight = torch.randn(6, 5, dtype=dtype)
    drift = compare(stored(conv_of(weight)), measured(conv_of(weight[order])))
    expected = tuple(sorted((old, new) for new, old in enumerate(order) if old != new))
    assert [(change.permuted, change.filters) for change in drift.layers] == ([(expected, ())] if expected else [])


def test_a_permutation_is_named_within_the_tolerance():
    torch.manual_seed(0)
    weight = torch.randn(6, 5)
    order = [0, 3, 2, 1, 4, 5]
    (change,) = compare(stored(conv_of(weight)), measured(conv_of(weight[order] * (1 + 5e-6)))).layers
    assert change.permuted == ((1, 3), (3, 1))


@given(st.sampled_from([1.01, 2.0, 0.5, -1.0, -3.0]), _DTYPES)
def test_a_factor_is_named(factor, dtype):
    torch.manual_seed(0)
    weight = torch.randn(6, 5, dtype=dtype)
    (change,) = compare(stored(conv_of(weight)), measured(conv_of(weight * factor)), rtol=1e-3).layers
    assert change.facts == (("scaled", "", f"{factor:g}"),)


def drift_of(edit, model=None, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3)) if model is None else model
    before = stored(model)
    with torch.no_grad():
        model = edit(model) or model
    return compare(before, measured(model), **options)


def said(drift):
    return [headline(drift, "test_x"), *words(drift)] if drift else []


def one_weight(model):
    model[0].weight[3, 0, 1, 2] += 0.4


def permuted(model):
    model[0].weight[[3, 7]] = model[0].weight[[7, 3]]


def renewed(model):
    torch.manual_seed(1)
    model[2].reset_parameters()


def scaled(model):
    model[2].weight *= 1.01


def flipped(model):
    model[2].weight[4] *= -1


def broken(model):
    model[0].weight[5, 0, 0, 0] = math.nan
    model[0].weight[6, 0] = 0


def half(model):
    model.bfloat16()


def pruned(model):
    weight = model[0].weight.detach()
    model[0] = nn.Conv2d(1, 15, 3)
    model[0].weight.copy_(torch.cat((weight[:3], weight[4:])))


def grown(model):
    model[0] = nn.Conv2d(1, 32, 3)


def reshaped(model):
    model[0] = nn.Conv2d(1, 16, 5)


def added(model):
    model.append(nn.Conv2d(8, 4, 1))


def removed(model):
    del model[2]


def renamed(model):
    return nn.Sequential(model[0], model[2])


def replaced(model):
    class Mine(nn.Conv2d):
        pass

    mine = Mine(1, 16, 3)
    mine.load_state_dict(model[0].state_dict())
    model[0] = mine


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (one_weight, ["~ 0  filter 3 of 16 changed, by ", "    filter 3: "]),
        (permuted, ["~ 0  filters permuted: 3 -> 7, 7 -> 3"]),
        (renewed, ["~ 2  re-initialised, 8 of 8 filters changed"]),
        (scaled, ["~ 2  weights x1.01"]),
        (flipped, ["~ 2  filter 4 of 8 changed, by ", "    filter 4: sign flipped"]),
        (broken, ["~ 0  2 of 16 filters changed", "    filter 5: nan x1", "    filter 6: dead"]),
        (half, ["~ 0, 2  x2  dtype f32 -> bf16, values as rounded from f32 to bf16"]),
        (pruned, ["~ 0  filters 16 -> 15, filter 3 removed"]),
        (grown, ["~ 0  filters 16 -> 32"]),
        (reshaped, ["~ 0  shape [16, 1, 3, 3] -> [16, 1, 5, 5]"]),
        (added, ["+ 3  added: Conv2d f32[4, 8, 1, 1]"]),
        (removed, ["- 2  removed: Conv2d f32[8, 16, 3, 3]"]),
        (renamed, ["> 1  2 -> 1"]),
        (replaced, ["~ 0  class Conv2d -> Mine"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_an_edit_is_told(edit, expected):
    told = words(drift_of(edit))
    assert len(told) == len(expected), told
    assert all(line.startswith(start) for line, start in zip(told, expected, strict=True)), told
    assert len(said(drift_of(edit))[0]) < 120


def test_the_headline_names_the_worst_layer_and_counts_the_rest():
    def both(model):
        one_weight(model)
        model[2].weight[0, 0, 0, 0] += 1e-2

    told = said(drift_of(both))[0]
    assert told == "0: filter 3 of 16 changed, by 0.0444 or more (+1 more layer) in test_x"


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: model.to(memory_format=torch.channels_last),
        lambda model: model.requires_grad_(False),
        lambda model: model[0].weight.mul_(1 + 5e-6),
        lambda model: model[0].bias.zero_(),
        lambda model: model.train(),
        lambda model: None,
    ],
    ids=["memory format", "requires_grad", "within tolerance", "bias", "mode", "nothing"],
)
def test_no_edit_no_alarm(edit):
    def applied(model):
        edit(model)

    assert not drift_of(applied)


def test_exact_sees_what_the_tolerance_lets_pass():
    def applied(model):
        model[0].weight[2] *= 1 + 2e-7

    assert not drift_of(applied)
    (change,) = drift_of(applied, exact=True).layers
    assert [each.name for each in change.filters] == ["2"]
    assert not drift_of(lambda model: None, exact=True)


def test_a_layer_in_runs_is_pinned_too():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(1, 6_000, 3)

    def applied(model):
        model.conv.weight[5_999, 0, 1] += 1

    model = Wide()
    assert len(measured(model).layers[0].lines) < 5_000
    (change,) = drift_of(applied, model).layers
    assert [each.name for each in change.filters] == ["5998..5999"]
    assert words(drift_of(applied, Wide()))[0].startswith("~ conv  filters 5998..5999 of 6,000 changed, by ")


def test_words_are_few_however_much_changed():
    def applied(model):
        for conv in model:
            conv.weight[:3] += torch.randn_like(conv.weight[:3])

    model = nn.Sequential(*(nn.Conv2d(2, 64, 3) for _ in range(200)))
    drift = drift_of(applied, model)
    told = words(drift, lines=60)
    assert len(told) <= 60
    assert told[-1].startswith("... and ")
    assert all(len(line) <= 110 for line in told)
    assert len(words(drift, lines=None)) == 200 * 4
