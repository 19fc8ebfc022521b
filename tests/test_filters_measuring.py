"""Weights into numbers: what they mean, that reading changes nothing, and what cannot be read."""

from __future__ import annotations

import copy
import itertools
import math
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn.utils import parametrizations, parametrize, prune

from pytest_nnviz.errors import OptionError, TraceError
from pytest_nnviz.filterbanks import Statistics
from pytest_nnviz.filterbanks.measuring import find
from pytest_nnviz.filterbanks.partition import MOST_LINES, parts_of
from pytest_nnviz.filterbanks.pooling import pattern, pool
from pytest_nnviz.options import FilterOptions


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def bank(model, *names, **options):
    return find(model, names).measure(FilterOptions(**options))


def only(model, **options):
    (layer,) = bank(model, **options).layers
    return layer


def plain(weight, start=0):
    """The numbers of a filter, by the definition."""
    values = weight.double().flatten().tolist()
    mean = math.fsum(values) / len(values)
    return Statistics(
        math.sqrt(math.fsum(value**2 for value in values)),
        mean,
        math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)),
        min(values),
        max(values),
        math.fsum(value * pattern(index) for index, value in enumerate(values)),
    )


def close(one, other):
    names = ("norm", "mean", "std", "low", "high", "projection")
    return one.wild == other.wild and all(
        math.isclose(getattr(one, name), getattr(other, name), rel_tol=1e-9, abs_tol=1e-12) for name in names
    )


def test_numbers_are_those_of_the_definition():
    conv = nn.Conv2d(4, 6, (3, 2), groups=2)
    layer = only(conv)
    assert (layer.path, layer.class_name, layer.dtype) == ("", "Conv2d", "f32")
    assert (layer.shape, layer.filters, layer.kernel) == ((6, 2, 3, 2), 6, (2, 3, 2))
    assert all(close(line.statistics, plain(conv.weight[line.start])) for line in layer.lines)
    whole = plain(conv.weight)
    assert math.isclose(layer.whole.statistics.norm, whole.norm)
    assert math.isclose(layer.whole.statistics.std, whole.std)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_filters_of_a_transposed_convolution_make_its_outputs(groups):
    """An output depends on the filter of its channel alone."""
    conv = nn.ConvTranspose2d(4, 6, (3, 2), groups=groups)
    before = find(conv).found[0].weight()
    assert before.shape == (6, 4 // groups, 3, 2)
    out = conv(torch.ones(1, 4, 5, 5)).detach()
    for index in range(6):
        kept = out[:, index] - conv.bias[index].detach()
        centre = kept[0, 3, 3]
        assert math.isclose(centre, before[index].detach().sum(), rel_tol=1e-4, abs_tol=1e-5)


def test_a_complex_weight_is_two_channels():
    conv = nn.Conv1d(2, 3, 5, dtype=torch.complex64)
    layer = only(conv)
    assert (layer.shape, layer.kernel, layer.dtype) == ((3, 2, 5), (4, 5), "c64")
    weight = find(conv).found[0].weight()
    assert torch.equal(weight[:, 2], conv.weight[:, 1].real)
    assert torch.equal(weight[:, 3], conv.weight[:, 1].imag)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn])
def test_every_dtype_is_measured_exactly(dtype):
    conv = nn.Conv2d(1, 2, 3)
    conv.weight = nn.Parameter(conv.weight.detach().to(dtype), requires_grad=False)
    layer = only(conv)
    assert all(close(line.statistics, plain(conv.weight[line.start])) for line in layer.lines)


def edits_without_effect():
    def channels_last(conv):
        return conv.to(memory_format=torch.channels_last)

    def frozen(conv):
        return conv.requires_grad_(False)

    def strided(conv):
        conv.weight.data = torch.stack((conv.weight.data, conv.weight.data), -1)[..., 0]
        return conv

    def negated_view(conv):
        conv.weight.data = torch._neg_view(-conv.weight.data)
        return conv

    return [channels_last, frozen, strided, negated_view]


@pytest.mark.parametrize("edit", edits_without_effect(), ids=lambda edit: edit.__name__)
def test_layout_and_gradients_do_not_matter(edit):
    conv = nn.Conv2d(8, 4, 3)
    before = bank(conv)
    assert bank(edit(conv)) == before


def test_the_state_is_left_alone_and_the_random_numbers_too():
    model = nn.Sequential(
        parametrizations.spectral_norm(nn.Conv2d(2, 3, 3)), parametrizations.weight_norm(nn.Conv2d(3, 3, 3))
    ).train()
    state = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    first = bank(model)
    assert bank(model) == first
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [layer.class_name for layer in first.layers] == ["Conv2d", "Conv2d"]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        lambda conv: prune.l1_unstructured(conv, "weight", 5),
    ],
    ids=["weight norm", "spectral norm", "weight parametrized", "spectral parametrized", "pruned"],
)
def test_the_weight_is_the_one_that_the_next_forward_pass_uses(wrap):
    conv = wrap(nn.Conv2d(1, 4, 3, bias=False)).eval()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.mul_(1.5)
    weight = find(conv).found[0].weight()
    x = torch.randn(1, 1, 3, 3)
    assert torch.allclose(conv(x).flatten(), (weight * x).sum((1, 2, 3)), atol=1e-5)


def test_what_is_dead_nan_or_infinite_is_counted():
    conv = nn.Conv2d(1, 5, 2)
    with torch.no_grad():
        conv.weight[0] = 0.25
        conv.weight[1, 0, 0] = math.nan
        conv.weight[2, 0, 0, 1] = math.inf
        conv.weight[3] = -math.inf
    layer = only(conv)
    assert [line.dead for line in layer.lines] == [1, 0, 0, 0, 0]
    assert [line.statistics.wild for line in layer.lines] == [(0, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 4), (0, 0, 0)]
    assert layer.broken == (1, 2)
    assert layer.whole.statistics.wild == (2, 1, 4)
    assert layer.lines[3].statistics.norm == 0
    assert math.isfinite(layer.whole.statistics.norm)
    assert layer.lines[0].statistics.std == 0


def test_a_filter_of_one_weight_is_dead_only_at_zero():
    conv = nn.Conv2d(3, 3, 1, groups=3)
    with torch.no_grad():
        conv.weight[1] = 0
    assert [line.dead for line in only(conv).lines] == [0, 1, 0]


def test_sums_that_are_noise_are_zero():
    conv = nn.Conv1d(1, 1, 3)
    conv.weight.data = torch.tensor([[[0.1, 0.2, -0.3]]], dtype=torch.float64)
    assert only(conv).lines[0].statistics.mean == 0


def test_huge_and_tiny_weights_do_not_overflow():
    conv = nn.Conv1d(1, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        conv.weight[0], conv.weight[1] = 1e300, 1e-320
    first, _ = only(conv).lines
    assert math.isclose(first.statistics.norm, math.sqrt(3) * 1e300)


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=6), st.integers(0, 9))
def test_runs_are_what_their_filters_are_together(filters, start):
    pooled = pool([plain(torch.tensor(each, dtype=torch.float64)) for each in filters], [3] * len(filters), start)
    together = plain(torch.tensor(filters, dtype=torch.float64))
    weights = [pattern(start + index) * pattern(place) for index in range(len(filters)) for place in range(3)]
    projection = math.fsum(weight * value for weight, value in zip(weights, itertools.chain(*filters), strict=True))
    for name in ("norm", "mean", "std", "low", "high"):
        assert math.isclose(getattr(pooled, name), getattr(together, name), rel_tol=1e-6, abs_tol=1e-6)
    assert math.isclose(pooled.projection, projection, abs_tol=1e-9)


def test_the_pattern_has_both_signs_and_no_two_equal_weights():
    weights = [pattern(index) for index in range(5_000)]
    assert all(0.5 <= abs(weight) < 1.5 for weight in weights)
    assert len(set(map(abs, weights))) == len(weights)
    assert 2_000 < sum(weight < 0 for weight in weights) < 3_000


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=60))
def test_lines_are_few_and_cover_every_filter_once(counts):
    found = parts_of(counts)
    for count, parts in zip(counts, found, strict=True):
        assert [index for start, stop in parts for index in range(start, stop)] == list(range(count))
    assert sum(map(len, found)) <= MOST_LINES
    if sum(counts) <= MOST_LINES:
        assert all(stop - start == 1 for parts in found for start, stop in parts)


def test_the_lines_of_a_resnet_50():
    """As docs/filters.md has them."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "gallery"))
    from networks import ResNet

    with torch.device("meta"):
        model = ResNet()
    counts = [module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)]
    lines = [stop - start for parts in parts_of(counts) for start, stop in parts]
    assert (len(counts), sum(counts)) == (53, 26_560)
    assert (lines.count(1), lines.count(16), len(lines)) == (3_392, 1_448, 4_840)


def test_a_thousand_layers_have_a_short_text():
    assert sum(map(len, parts_of([512] * 1_000))) <= MOST_LINES


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1))
        self.alias = self.stem
        self.head = nn.Linear(4, 2)


def paths(found):
    return [each.path for each in found.found]


def test_layers_are_named_by_path_and_pattern():
    assert paths(find(Two())) == ["stem", "layer1.0", "layer1.2"]
    assert paths(find(Two(), ["layer1.*"])) == ["layer1.0", "layer1.2"]
    assert paths(find(Two(), ["layer1.2", "stem"])) == ["stem", "layer1.2"]
    assert paths(find(Two(), ["alias"])) == ["alias"]
    assert paths(find(nn.Conv2d(1, 1, 1), ["(model)"])) == [""]
    assert paths(find(nn.DataParallel(Two()), ["stem"])) == ["stem"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["steem"], r"'steem' matches no module of Two \(did you mean 'stem'\?\)"),
        (["layer1"], r"'layer1' is a Sequential, no convolution; for those in it write 'layer1.\*'"),
        (["head"], "'head' is a Linear, no convolution; one is 'stem'"),
        (["stem", "nowhere.*"], r"'nowhere.\*' matches no module of Two; one is 'stem'"),
        ([""], "'' names no layer"),
        ([3], "a layer is named by its path or a pattern such as 'conv1' or 'layer1.*', not by a int"),
        ([torch.ones(9, 9)], "not by a Tensor: filters are weights, the model is not run and takes no inputs$"),
    ],
)
def test_a_name_that_matches_no_convolution_is_refused(names, said):
    with pytest.raises(OptionError, match=said):
        find(Two(), names)


def test_models_without_weights_are_refused():
    with torch.device("meta"):
        model = Two()
    with pytest.raises(TraceError, match="stem is on the meta device and has no weights"):
        bank(model)
    with pytest.raises(TraceError, match=r"0 is lazy and has no weights yet: run the model once"):
        bank(nn.Sequential(nn.LazyConv2d(3, 3)))
    with pytest.raises(TraceError, match="Linear has no convolutions"):
        find(nn.Linear(1, 1))
    with pytest.raises(TraceError, match="got a int"):
        find(3)


class Drawing(nn.Module):
    def forward(self, weight):
        return weight + 0.1 * torch.randn_like(weight)


class Unleafed(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = torch.ones(1, requires_grad=True) * 2

    def forward(self, weight):
        return weight * self.factor


class Holding(nn.Module):
    def __init__(self):
        super().__init__()
        self.held = (index for index in range(3))

    def forward(self, weight):
        return weight


def behind(parametrization):
    model = nn.Sequential(nn.Conv2d(1, 4, 3))
    parametrize.register_parametrization(model[0], "weight", parametrization)
    return model


def sparse():
    model = nn.Sequential(nn.Conv2d(1, 4, 3))
    model[0].weight = nn.Parameter(model[0].weight.detach().to_sparse())
    return model


def fake():
    with FakeTensorMode():
        return nn.Sequential(nn.Conv2d(1, 4, 3))


def huge(value, filters):
    model = nn.Sequential(nn.Conv2d(1, filters, 3, dtype=torch.float64))
    model[0].weight.data.fill_(value)
    return model


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: behind(Drawing()), "the weight of 0 is not the same twice: .* draws random numbers"),
        (lambda: behind(Unleafed()), r"the weight of 0 cannot be computed .*RuntimeError.*remove_parametrizations"),
        (lambda: behind(Holding()), r"the weight of 0 cannot be computed .*TypeError: cannot pickle 'generator'"),
        (sparse, r"the weight of 0 is sparse \(torch.sparse_coo\): pin a dense one"),
        (fake, "0 was made in a FakeTensorMode and has no weights: build the model outside"),
        (lambda: huge(1e308, 4), "the weights of 0 are too large to be measured"),
        (lambda: huge(4e307, 40), "the weights of 0 are too large to be measured"),
    ],
    ids=["random", "not a leaf", "a generator", "sparse", "fake", "huge", "huge together"],
)
def test_a_weight_that_cannot_be_read_is_refused_by_name_and_moves_no_random_numbers(build, said):
    model = build()
    random = torch.get_rng_state()
    with pytest.raises(TraceError, match=said):
        bank(model)
    assert torch.equal(torch.get_rng_state(), random)


def test_a_weight_behind_a_parametrization_is_read_once_a_call():
    class Counting(nn.Module):
        calls: ClassVar = []

        def forward(self, weight):
            self.calls.append(torch.rand(1))
            return weight

    model = behind(Counting())
    random = torch.get_rng_state()
    Counting.calls.clear()
    found = find(model)
    (layer,) = found.measure(FilterOptions()).layers
    found.drawn(layer)
    found.measure(FilterOptions(), {"0": [(0, 4)]})
    assert len(Counting.calls) == 2, "once, and once to see that it is the same"
    assert torch.equal(torch.get_rng_state(), random)


def test_a_name_that_is_a_path_is_no_pattern():
    model = nn.ModuleDict({name: nn.Conv2d(1, 1, 1) for name in ("a[0]", "a0", "b*", "bc")})
    assert paths(find(model, ["a[0]"])) == ["a[0]"]
    assert paths(find(model, ["b*"])) == ["b*"]
    assert paths(find(model, ["a*"])) == ["a[0]", "a0"]
    assert paths(find(model, ["[ab]?"])) == ["a0", "b*", "bc"]


def test_tied_layers_and_subclasses_are_convolutions():
    class Mine(nn.Conv2d):
        pass

    model = nn.Sequential(Mine(1, 1, 3), nn.Conv2d(1, 1, 3))
    model[1].weight = model[0].weight
    first, second = bank(model).layers
    assert first.class_name == "Mine"
    assert first.whole == second.whole


def test_a_bank_is_measured_the_same_in_the_parts_of_another():
    model = nn.Conv2d(1, 6, 3)
    found = find(model)
    layer = found.measure(FilterOptions(), {"": [(0, 1), (1, 4), (4, 6)]}).layers[0]
    assert layer.parts == ((0, 1), (1, 4), (4, 6))
    assert layer.whole == only(model).whole
    misfit = found.measure(FilterOptions(), {"": [(0, 9)]}).layers[0]
    assert misfit == only(model)
