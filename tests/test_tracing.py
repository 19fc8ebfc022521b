"""What a trace records: names, arguments, edges, state kept, errors."""

from __future__ import annotations

import functools
import gc
import random
import subprocess
import sys
import types
import weakref
from functools import lru_cache

import models
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytest_nnviz import Options, diff, dumps, loads, trace, words
from pytest_nnviz.errors import TraceError, UnstableArchitecture, UntrackedTensorWarning
from pytest_nnviz.tracing import open_session


class Forward(nn.Module):
    """A model whose forward is the function that a test gives."""

    def __init__(self, function, **members):
        super().__init__()
        for name, member in members.items():
            setattr(self, name, member)
        self._function = [function]

    def forward(self, x, *args, **kwargs):
        return self._function[0](self, x, *args, **kwargs)


def graph(model, *args, options=None, **kwargs):
    """The lines of the graph, inputs left out."""
    text = dumps((options or Options()).trace(model, *args, **kwargs))
    assert dumps(loads(text)) == text
    lines = text.partition("[graph]\n")[2].partition("\n\n[end]")[0].split("\n")
    return [line for line in lines if not line.startswith("input ")]


def calls(function, x=None, **members):
    return graph(Forward(function, **members), torch.ones(2, 4) if x is None else x)


X = torch.ones(2, 4)
FIRST = torch.zeros(2, 1, dtype=torch.int64)
attend = F.scaled_dot_product_attention


def inferred(x, mode):
    with torch.inference_mode(mode):
        y = x.sin()
    return y.clone()


def hooked(x, factor):
    x = x.clone().requires_grad_()
    x.register_hook(functools.partial(torch.mul, other=factor))
    return x * 2


@torch.library.custom_op("nnviz_tests::attend_in", mutates_args=())
def attend_in(x: torch.Tensor, *, layout: str = "bshd", generator: int = 0, _mode: str = "a") -> torch.Tensor:
    return x.clone()


@pytest.mark.parametrize(
    "spellings",
    [
        [lambda m, x: x + x.sin(), lambda m, x: x.add(x.sin()), lambda m, x: torch.add(x, torch.sin(x))],
        [lambda m, x: x.softmax(1), lambda m, x: F.softmax(x, dim=1), lambda m, x: torch.softmax(x, dim=1)],
        [lambda m, x: F.relu(x), lambda m, x: torch.relu(x), lambda m, x: x.relu()],
        [lambda m, x: x.float(), lambda m, x: x.to(torch.float32), lambda m, x: x.type(torch.float32)],
        [lambda m, x: x.view(4, 2), lambda m, x: x.view((4, 2)), lambda m, x: x.view(torch.Size([4, 2]))],
        [lambda m, x: x.transpose(0, 1), lambda m, x: torch.swapaxes(x, 0, 1), lambda m, x: torch.transpose(x, 0, 1)],
        [lambda m, x: 1 - x, lambda m, x: torch.rsub(x, 1), lambda m, x: torch.sub(1, x)],
        [lambda m, x: torch.cat([x, x]), lambda m, x: torch.concat([x, x], dim=0), lambda m, x: torch.cat([x, x], 0)],
        [lambda m, x: x.mean(dim=1), lambda m, x: torch.mean(x, 1), lambda m, x: x.mean(axis=1)],
        [lambda m, x: x @ x.T, lambda m, x: torch.matmul(x, x.T), lambda m, x: x.matmul(x.T)],
        [lambda m, x: x / 2, lambda m, x: torch.true_divide(x, 2), lambda m, x: x.div(2)],
        [lambda m, x: x.where(x > 0, 0.0), lambda m, x: torch.where(x > 0, x, 0.0)],
        [
            lambda m, x: torch.arange(3),
            lambda m, x: torch.arange(0, 3, device=x.device),
            lambda m, x: torch.arange(0, 3),
        ],
        [lambda m, x: x.clamp(min=0), lambda m, x: torch.clip(x, 0), lambda m, x: x.clamp(0, None)],
        [lambda m, x: torch.ops.aten.relu(x), lambda m, x: x.relu()],
        [lambda m, x: 2 * x, lambda m, x: torch.mul(2, x), lambda m, x: x.mul(2)],
        [lambda m, x: x.new_ones(x.shape), lambda m, x: x.new_ones(size=x.shape), lambda m, x: x.new_ones(2, 4)],
        [lambda m, x: F.max_pool1d(x, 2), lambda m, x: F.max_pool1d(x, kernel_size=2, stride=None)],
        [lambda m, x: x.scatter(1, FIRST, 2.0), lambda m, x: torch.scatter(x, 1, FIRST, value=2.0)],
        [lambda m, x: x.norm(dim=1), lambda m, x: x.norm(2, 1), lambda m, x: torch.norm(x, dim=1, p=2.0)],
    ],
)
def test_one_call_written_in_several_ways_is_one_record(spellings):
    first, *others = [calls(spelling) for spelling in spellings]
    assert all(other == first for other in others)
    assert len(first) > 1


def test_a_comparison_with_a_parameter_is_not_turned_round():
    """Python hands ``x > weight`` to the weight, the class derived from Tensor."""
    spellings = [lambda m, x: x > m.weight, lambda m, x: torch.gt(x, m.weight), lambda m, x: m.weight < x]
    records = [calls(spelling, weight=nn.Parameter(torch.ones(4))) for spelling in spellings]
    assert records == [["gt(x, self.weight) -> bool[2, 4]", "return %gt"]] * 3
    assert calls(lambda m, x: m.weight < 0, weight=nn.Parameter(torch.ones(4)))[0] == "lt(self.weight, 0) -> bool[4]"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda m, x: x - x.sin(), lambda m, x: x.sin() - x),
        (lambda m, x: x.softmax(1), lambda m, x: x.softmax(0)),
        (lambda m, x: torch.add(x, x), lambda m, x: torch.add(x, x, alpha=2)),
        (lambda m, x: x + 1, lambda m, x: x + 1.0),
        (lambda m, x: x * 0.5, lambda m, x: x * 0.25),
        (lambda m, x: x.sin(), lambda m, x: x.sin().detach()),
        (lambda m, x: x[:, 0], lambda m, x: x[:, 1]),
        (lambda m, x: attend(x, x, x), lambda m, x: attend(x, x, x, is_causal=True)),
        (lambda m, x: x.relu(), lambda m, x: x.relu_()),
        (lambda m, x: x.view(4, 2), lambda m, x: x.view(4, -1)),
        (lambda m, x: F.pad(x, (1, 1)), lambda m, x: F.pad(x, (1, 1), value=1.0)),
        (lambda m, x: torch.cat([x, x.sin()]), lambda m, x: torch.cat([x.sin(), x])),
        (lambda m, x: (x, x.sin()), lambda m, x: (x.sin(), x)),
        (lambda m, x: {"a": x.sin()}, lambda m, x: {"b": x.sin()}),
        (lambda m, x: attend_in(x, layout="bshd"), lambda m, x: attend_in(x, layout="bhsd")),
        (lambda m, x: x.detach().requires_grad_() * 2, lambda m, x: x.detach() * 2),
        (lambda m, x: inferred(x, mode=True), lambda m, x: inferred(x, mode=False)),
        (lambda m, x: hooked(x, 0.5), lambda m, x: hooked(x, 0.25)),
        (lambda m, x: attend_in(x, generator=1), lambda m, x: attend_in(x, generator=2)),
        (lambda m, x: attend_in(x, _mode="a"), lambda m, x: attend_in(x, _mode="b")),
    ],
)
def test_two_programs_are_two_records(one, other):
    assert calls(one) != calls(other)


def test_the_latest_of_a_name_and_those_before():
    def forward(m, x):
        a = x + 1
        b = x + 2
        return a * b

    assert calls(forward) == [
        "add(x, 1) -> f32[2, 4]",
        "add(x, 2) -> f32[2, 4]",
        "mul(%add~1, %add) -> f32[2, 4]",
        "return %mul",
    ]


def test_a_write_through_a_view_is_seen_by_who_reads_the_whole():
    def forward(m, x):
        y = x * 1
        y[0].zero_()
        return y + 1

    assert calls(forward) == [
        "mul(x, 1) -> f32[2, 4]",
        "getitem(%mul, 0) -> f32[4]",
        "zero_(%getitem) -> f32[4]",
        "add(%mul after %zero_, 1) -> f32[2, 4]",
        "return %add",
    ]


def test_an_assignment_by_index_makes_a_new_version():
    def forward(m, x):
        y = x * 1
        y[:, 0] = 5.0
        return y

    assert calls(forward)[-2:] == ["setitem(%mul, (:, 0), 5.0) -> f32[2, 4]", "return %setitem"]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_memory_format_and_dtype_do_not_decide_where_an_edge_starts(layout):
    x = torch.ones(1, 2, 3, 3).to(memory_format=layout)

    def forward(m, x):
        y = x.contiguous().float()
        return y + x

    assert calls(forward, x) == [
        "contiguous(x) -> f32[1, 2, 3, 3]",
        "to(%contiguous, dtype=torch.float32) -> f32[1, 2, 3, 3]",
        "add(%to, x) -> f32[1, 2, 3, 3]",
        "return %add",
    ]


def test_names_inside_a_module_are_its_own():
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, a, *, gain):
            return a * self.weight * gain

    lines = calls(lambda m, x: m.inner(x, gain=m.scale), inner=Inner(), scale=nn.Parameter(torch.ones(1)))
    assert lines == [
        "self.inner(a=x, gain=self.scale) -> f32[2, 4]",
        "  mul(a, self.weight) -> f32[2, 4]",
        "  mul(%mul, gain) -> f32[2, 4]",
        "  return %mul",
        "return %inner",
    ]


def test_what_comes_from_outside_is_reached_by_leaving_scopes():
    class Inner(nn.Module):
        def forward(self, a):
            return a + self.held[0] + self.held[1]

    inner = Inner()
    scale = nn.Parameter(torch.ones(4))

    def forward(m, x):
        inner.held = [x.sin(), scale]
        return m.inner(x.cos())

    assert calls(forward, inner=inner, scale=scale)[2:5] == [
        "self.inner(a=%cos) -> f32[2, 4]",
        "  add(a, ^%sin) -> f32[2, 4]",
        "  add(%add, ^self.scale) -> f32[2, 4]",
    ]


def test_what_a_finished_call_left_behind_is_reached_through_it():
    class Inner(nn.Module):
        def forward(self, a):
            self.left = a.exp()
            return self.left + 1

    assert calls(lambda m, x: m.inner(x) * m.inner.left, inner=Inner())[-2] == "mul(%inner, %inner%exp) -> f32[2, 4]"


class Box:
    def __init__(self, a, b):
        self.a, self.b = a, b


class Unpack(nn.Module):
    def forward(self, box):
        self.left = Box(box.b.exp(), box.a)
        return box.a - box.b


def test_tensors_in_an_object_go_by_the_names_that_they_have_outside():
    def forward(m, x):
        difference = m.inner(Box(x.sin(), x))
        return difference * m.inner.left.a

    assert calls(forward, inner=Unpack()) == [
        "sin(x) -> f32[2, 4]",
        "self.inner(box=<Box>) -> f32[2, 4]",
        "  exp(^x) -> f32[2, 4]",
        "  sub(^%sin, ^x) -> f32[2, 4]",
        "  return %sub",
        "mul(%inner, %inner%exp) -> f32[2, 4]",
        "return %mul",
    ]


def test_an_object_is_written_out_where_nothing_else_says_what_becomes_of_it():
    def forward(m, x):
        result = Box([m.inner(Box(x.sin(), x))], "plain")
        result.itself, result.again = result, [result]
        return result

    assert graph(Forward(forward, inner=Unpack()), X, options=Options(opaque=("inner",))) == [
        "sin(x) -> f32[2, 4]",
        "self.inner(box=Box(a=%sin, b=x)) -> f32[2, 4]",
        "return Box(a=[%inner], again=[<Box>])",
    ]


def test_equal_siblings_are_written_once():
    text = dumps(trace(models.ResNet(), torch.ones(1, 3, 8, 8)))
    assert "  blocks: Sequential()" in text
    assert "    1: same as 0\n    2: same as 1\n" in text
    assert "  self.1(x=%0) same as %0\n  self.2(x=%1) same as %1\n" in text


def test_modules_that_are_never_called_and_tied_parameters_show():
    text = dumps(trace(models.ResNet(), torch.ones(1, 3, 8, 8)))
    assert "out_features=4), never called\n    weight = ^head.weight\n    bias f32[4]\n" in text
    model = models.ResNet()
    model.unused = nn.Sequential(nn.Linear(2, 2))
    text = dumps(trace(model, torch.ones(1, 3, 8, 8)))
    assert "  unused: Sequential(), never called\n    0: Linear(in_features=2, out_features=2)\n" in text


def test_frozen_parameters_and_buffers_that_are_not_saved_show():
    model = models.ResNet()
    model.stem.weight.requires_grad_(False)
    model.register_buffer("mask", torch.ones(2, dtype=torch.bool), persistent=False)
    text = dumps(trace(model, torch.ones(1, 3, 8, 8)))
    assert "    weight f32[8, 3, 3, 3], frozen\n" in text
    assert "  buffer mask bool[2], not saved\n" in text


def _circular(layer, x, weight, bias):
    return F.conv1d(F.pad(x, (1, 1), mode="circular"), weight, bias)


def test_a_layer_of_torch_with_a_method_that_is_not_torchs_shows_its_inside():
    layer = nn.Conv1d(2, 2, 3)
    layer._conv_forward = types.MethodType(_circular, layer)
    assert '  pad(input, pad=(1, 1), mode="circular") -> f32[2, 6]' in graph(nn.Sequential(layer), X)


@pytest.mark.parametrize("method", ["forward", "_conv_forward"])
def test_a_class_of_torch_with_a_method_that_is_not_torchs_shows_its_inside(monkeypatch, method):
    model = nn.Sequential(nn.Conv1d(2, 2, 3))
    inner = getattr(nn.Conv1d, method)
    monkeypatch.setattr(nn.Conv1d, method, lambda layer, x, *args: inner(layer, x.tanh(), *args))
    lines = graph(model, X)
    assert any(line.startswith("  tanh(") for line in lines)


def test_what_is_put_in_the_place_of_a_method_that_forward_does_not_call_changes_nothing(monkeypatch):
    expected = graph(nn.Sequential(nn.Linear(4, 4)), X)
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda layer: None)
    assert graph(nn.Sequential(nn.Linear(4, 4)), X) == expected


def test_configuration_is_read_from_the_live_attributes():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=(2, 2), padding_mode="reflect"), nn.BatchNorm2d(4))
    model[1].eps = 0.125
    text = dumps(trace(model, torch.ones(1, 3, 8, 8)))
    assert '0: Conv2d(in_channels=3, out_channels=4, kernel_size=3, stride=2, padding_mode="reflect")' in text
    assert "1: BatchNorm2d(num_features=4, eps=0.125)" in text


def test_a_changed_default_of_the_authors_own_class_shows():
    def make(default):
        class DropPath(nn.Module):
            def __init__(self, p=default):
                super().__init__()
                self.p = p

            def forward(self, x):
                return x

        return DropPath()

    assert "DropPath(p=0.1)" in dumps(trace(make(0.1), X))
    assert dumps(trace(make(0.1), X)) != dumps(trace(make(0.2), X))


def test_the_defaults_of_torchs_constructors_do_not_show_in_a_class_that_uses_them():
    class Own(nn.BatchNorm1d):
        pass

    class Further(nn.LayerNorm):
        def __init__(self, *args, scale=1.0, **kwargs):
            super().__init__(*args, **kwargs)
            self.scale = scale

    text = dumps(trace(nn.Sequential(Own(4, eps=0.5), Further(4), Further(4, bias=False)), X))
    assert "  0: Own(num_features=4, eps=0.5)\n" in text
    assert "  1: Further(scale=1.0, normalized_shape=(4,))\n" in text
    assert "  2: Further(scale=1.0, normalized_shape=(4,), bias=False)\n" in text


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(4, affine=False), nn.LayerNorm(4, elementwise_affine=False)])
def test_a_norm_without_weights_does_not_say_that_it_has_no_bias(norm):
    text = dumps(trace(norm, X))
    assert "affine=False)\n" in text
    assert "bias" not in text


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(4), nn.GroupNorm(2, 4), nn.LayerNorm(4)])
def test_a_norm_without_its_bias_says_so_in_every_release(norm):
    norm.bias = None
    assert "bias=False" in dumps(trace(norm, X))


def test_an_index_among_siblings_does_not_make_them_different():
    class Layer(nn.Module):
        def __init__(self, layer_idx):
            super().__init__()
            self.layer_idx = layer_idx
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(x)

    model = nn.Sequential(*map(Layer, range(3)))
    text = dumps(trace(model, X))
    assert "0: Layer(layer_idx=<index>)" in text
    assert "    2: same as 1" not in text
    assert "  2: same as 1\n" in text
    model[1].layer_idx = 7
    assert "1: Layer(layer_idx=7)" in dumps(trace(model, X))


def test_a_module_made_in_forward_shows_its_configuration():
    assert calls(lambda m, x: nn.Softmax(dim=-1)(x))[0] == "new Softmax(dim=-1)(x) -> f32[2, 4]"


@pytest.mark.parametrize("write", [lambda x: x.mul_(2), lambda x: x.data.mul_(2), lambda x: x[0].mul_(2)])
def test_every_pass_starts_from_the_inputs_as_they_were_given(write):
    def forward(m, x):
        write(x)
        return x[x > 3]

    x = torch.ones(2, 4)
    assert calls(forward, x)[-2].endswith("%gt) -> f32[0]")
    assert torch.equal(x, torch.ones(2, 4))


def test_tensors_that_no_module_registers():
    held = torch.ones(4)
    model = Forward(lambda m, x: x + m.table + held)
    model.table = torch.ones(4)
    assert graph(model, X)[:2] == [
        "add(x, const self.table f32[4]) -> f32[2, 4]",
        "add(%add, const f32[4]) -> f32[2, 4]",
    ]


def test_a_tensor_out_of_nowhere_is_said_and_warned_about_with_its_place():
    def forward(m, x):
        return torch.from_numpy(x.numpy() + 1) * 2

    with pytest.warns(UntrackedTensorWarning, match=r"f32\[2, 4\] used in Forward") as caught:
        lines = calls(forward)
    assert lines == ["numpy(x)", "mul(untracked f32[2, 4], 2) -> f32[2, 4]", "return %mul"]
    assert caught[0].filename == __file__


def test_inputs_and_outputs_keep_their_structure():
    text = dumps(trace(models.DictNet(), {"ids": torch.zeros(2, 3, dtype=torch.long)}, scale=2.0))
    assert "input batch: {ids: i64[2, 3]}\ninput scale: 2.0\nself.embed(batch[ids]) -> f32[2, 3, 4]\n" in text
    assert "return {hidden: %mul, pooled: (%mean, [%max[0]])}\n" in text


def test_packed_sequences_and_several_results():
    lines = graph(models.Packed(), torch.ones(2, 3, 4), torch.tensor([3, 2]))
    assert any(line.startswith("self.gru(PackedSequence(data=") for line in lines)
    assert lines[-1].startswith("return ")


def test_opaque_modules_are_one_call_with_their_parameters():
    by_path = graph(models.ResNet(), torch.ones(1, 3, 8, 8), options=Options(opaque=("blocks.*",)))
    by_class = graph(models.ResNet(), torch.ones(1, 3, 8, 8), options=Options(opaque=("*.Block",)))
    assert by_path == by_class
    assert "  self.0(x=input) -> f32[1, 8, 8, 8]" in by_path
    assert not any("conv1" in line for line in by_path)


def test_no_forward_needs_no_inputs():
    text = dumps(Options(forward=False).trace(models.ResNet()))
    assert "[graph]" not in text
    assert "never called" not in text
    assert dumps(loads(text)) == text


def test_meta_gives_the_same_text_and_moves_nothing():
    model = nn.Sequential(models.ResNet(), nn.LSTM(4, 5, batch_first=True))
    model[0].table = torch.ones(1)
    x = torch.ones(1, 3, 8, 8)
    assert dumps(Options(device="meta").trace(model, x)) == dumps(trace(model, x))
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert model[0].table.device.type == "cpu"
    assert model[1]._flat_weights[0] is model[1].weight_ih_l0


def test_a_model_on_meta_takes_real_inputs():
    with torch.device("meta"):
        model = models.ResNet()
    x = torch.ones(1, 3, 8, 8)
    assert dumps(trace(model, x)) == dumps(trace(models.ResNet(), x))
    assert x.device.type == "cpu"


def test_where_meta_cannot_go_on_the_error_names_the_call_and_the_ways_out():
    with pytest.raises(TraceError, match=r"bool\(\.\.\.\) in the model itself at .*models\.py:\d+") as caught:
        Options(device="meta").trace(models.Branching(), X)
    for way in ('device="as-is"', "opaque", "forward=False"):
        assert way in str(caught.value)


def _state(model):
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        {name: dict(module.__dict__) for name, module in model.named_modules()},
        [list(module._forward_hooks) for module in model.modules()],
        [module.training for module in model.modules()],
        torch.get_rng_state(),
        random.getstate(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    )


def _assert_same_state(now, before):
    assert now[0].keys() == before[0].keys()
    assert all(torch.equal(now[0][name], before[0][name]) for name in before[0])
    for name, attributes in before[1].items():
        assert now[1][name].keys() == attributes.keys()
        assert all(now[1][name][key] is attributes[key] for key in attributes)
    assert now[2:4] == before[2:4]
    assert torch.equal(now[4], before[4])
    assert now[5:] == before[5:]


class Untidy(nn.Module):
    """Leaves traces of every kind."""

    def __init__(self, error=None):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.zeros(1))
        self.weight = nn.Parameter(torch.ones(4))
        self.seen = {"a": [1]}
        self.error = [error]

    def forward(self, x):
        self.steps += 1
        self.weight.data.mul_(2)
        self.weight.clamp_(max=1.5) if not torch.is_grad_enabled() else None
        self.seen["a"].append(2)
        self.note = x
        random.random()
        torch.set_default_dtype(torch.float64)
        x = self.drop(self.norm(x)) * self.weight + torch.rand(4)
        if self.error[0] is not None:
            raise self.error[0]
        return x.float()


@pytest.mark.parametrize("error", [None, ValueError("mine"), KeyboardInterrupt()])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_model_comes_back_as_it_was(error, mode):
    model = Untidy(error).train(mode == "eval")
    x = torch.rand(3, 4)
    kept, before = x.clone(), _state(model)
    if error is None:
        Options(mode=mode).trace(model, x)
    else:
        with pytest.raises(type(error)):
            Options(mode=mode).trace(model, x)
    _assert_same_state(_state(model), before)
    assert model.seen == {"a": [1]}
    assert torch.equal(x, kept)
    assert nn.Module.__call__ is nn.Module._wrapped_call_impl


def test_an_input_that_forward_writes_to_comes_back():
    x = -torch.ones(2, 4)
    trace(nn.Sequential(nn.ReLU(inplace=True)), x)
    calls(lambda m, x: x.add_(1), x)
    assert torch.equal(x, -torch.ones(2, 4))


def test_nothing_of_the_model_stays_alive():
    model = models.ResNet()
    alive = weakref.ref(model)
    trace(model, torch.ones(1, 3, 8, 8))
    del model
    gc.collect()
    assert alive() is None


def test_a_forward_that_raises_says_where():
    def forward(m, x):
        return m.inner(x.sin())

    class Inner(nn.Module):
        def forward(self, a):
            return a.cos() @ torch.ones(9)

    with pytest.raises(RuntimeError) as caught:
        calls(forward, inner=Inner())
    (note,) = caught.value.__notes__
    assert note.startswith("pytest-nnviz: raised in inner")
    assert "after cos(a)" in note


@pytest.mark.parametrize("opaque", [(), ("1",)])
def test_a_layer_that_raises_is_named_with_what_it_was_handed(opaque):
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Linear(5, 5)))
    with pytest.raises(RuntimeError) as caught:
        Options(opaque=opaque).trace(model, X)
    (note,) = caught.value.__notes__
    where = "1" if opaque else "1.1"
    assert note.startswith(f"pytest-nnviz: raised in {where}, which was handed f32[2, 4]\n  after self.0(")


def test_a_graph_that_changes_says_in_which_module():
    class Counting(nn.Module):
        count = 0

        def forward(self, x):
            self.count += 1
            return x * self.count

    with pytest.raises(UnstableArchitecture, match=r"instead of 'mul\(.* \(in self.1 > self.0\)"):
        trace(nn.Sequential(nn.ReLU(), nn.Sequential(Counting())), X)


def test_a_difference_in_the_graph_is_said_before_one_of_modules():
    class Deciding(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            Deciding.turn = not Deciding.turn
            return self.a(x) if Deciding.turn else self.b(x)

    Deciding.turn = True
    with pytest.raises(UnstableArchitecture, match=r"is 'self\.[ab]\(x\)"):
        trace(Deciding(), X)


def test_a_model_that_fills_a_cache_is_the_same_fresh_and_used():
    fresh, used = models.Caching(), models.Caching()
    used(X)
    text = dumps(trace(fresh, X))
    assert text == dumps(trace(used, X))
    assert "add(%linear, const self.table f32[4])" in text
    assert fresh.table is None


class Cached:
    """A method that caches its result; all instances are one to the cache."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    @lru_cache  # noqa: B019
    def table(self, n):
        return torch.randn(n)


@lru_cache
def cached_table(n):
    return torch.randn(n)


@pytest.mark.parametrize("held", ["closure", "module", "class", "attribute"])
@pytest.mark.parametrize("device", ["as-is", "meta"])
def test_a_cached_table_shows_how_it_is_computed_whoever_filled_it(held, device):
    @lru_cache
    def table(n):
        return torch.randn(n)

    def forward(m, x):
        function = {"closure": table, "module": cached_table, "class": Cached().table, "attribute": m.table}[held]
        return x + function(4) + function(4)

    caches = [table, cached_table, Cached.table]
    model = Forward(forward, table=table)
    for cache in caches:
        cache.cache_clear()
    cold = graph(model, X, options=Options(device=device))
    assert cold[:2] == ["randn(4) -> f32[4]", "add(x, %randn) -> f32[2, 4]"]
    if device == "meta":
        assert [cache.cache_info().currsize for cache in caches] == [0, 0, 0]
    expected = model(X)
    assert graph(model, X, options=Options(device=device)) == cold
    assert torch.equal(model(X), expected), "a filled table is the user's"


def test_a_graph_that_never_settles_is_refused():
    count = iter(range(1000))
    with pytest.raises(
        UnstableArchitecture, match=r"from one forward pass to the next; line \d+ of the text is 'add\(x, \d"
    ):
        calls(lambda m, x: x + next(count))


def test_a_graph_that_values_decide_is_refused_with_the_reason():
    torch.manual_seed(0)
    with open_session(Options(), models.Branching(), (X,), {}) as session:
        with pytest.raises(UnstableArchitecture, match=r"values are read by bool at .*models\.py:\d+") as caught:
            session.check_values(session.settle(session.run()))
        assert "line" in str(caught.value)
        assert 'values="fixed"' in str(caught.value)
    with open_session(Options(values="fixed"), models.Branching(), (X,), {}) as session:
        session.check_values(session.settle(session.run()))


def test_one_trace_is_one_forward_pass():
    count = []
    model = Forward(lambda m, x: count.append(1) or x + 1)
    with open_session(Options(), model, (X,), {}) as session:
        session.run()
    assert len(count) == 1


@pytest.mark.parametrize(
    ("model", "args", "message"),
    [
        (None, (), "got a NoneType"),
        (nn.Linear, (X,), r"got the class Linear, not a model: make an instance, Linear\(\.\.\.\)"),
        (len, (X,), "got a builtin_function_or_method, .* a function goes into a module"),
        (nn.Linear(4, 4), (), "missing a required argument: 'input'"),
        (nn.Linear(4, 4), (X, X), "too many positional arguments"),
    ],
)
def test_what_is_no_call_of_a_model_is_refused(model, args, message):
    with pytest.raises(TraceError, match=message):
        trace(model, *args)


def test_a_module_that_holds_itself_is_traced_as_it_is():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].outer = model
    with pytest.raises(TraceError, match=r"1\.outer is the model itself, which holds it: eval\(\) of torch never"):
        trace(model, X)
    assert all(module.training for module in model.modules())
    assert "outer: = ^self" in dumps(Options(mode="as-is").trace(model, X))


def test_a_part_that_holds_itself_is_named():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4)))
    model[1][0].outer = model[1]
    model.eval = lambda: nn.Module.train(model, False)
    with pytest.raises(TraceError, match=r"1\.0\.outer is the module 1, which holds it"):
        trace(model, X)


@pytest.mark.parametrize("script", [torch.jit.script, lambda model: torch.jit.trace(model, X)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_that_is_a_script_as_a_whole_is_a_module(script):
    model = script(nn.Linear(4, 4))
    assert graph(model, X) == ["self(input=input) -> f32[2, 4]", "return %self"]


class Unmade(nn.Module):
    def __init__(self):
        pass


def test_a_model_that_never_became_a_module_is_refused():
    with pytest.raises(
        TraceError, match=r"Unmade is no module yet: its __init__ has to call super\(\).__init__\(\) first"
    ):
        trace(Unmade(), X)


def test_an_argument_that_forward_does_not_take_is_named():
    with pytest.raises(TraceError, match=r"0 positional and 1 keyword arguments \(img\) \(missing a required argument"):
        trace(nn.Linear(4, 4), img=X)


def test_an_option_given_as_an_argument_of_forward_is_told_where_it_belongs():
    with pytest.raises(TraceError, match=r"takes no 'mode': .* nnviz_snapshot\.using\(mode='train'\)\(model, \.\.\.\)"):
        trace(nn.Linear(4, 4), X, mode="train")


def test_what_is_shown_is_short():
    traced = trace(models.ResNet(), torch.ones(1, 3, 8, 8))
    assert repr(traced) == "<Architecture of ResNet, eval, 3,816 parameters>"
    assert repr(diff(traced, traced)) == "<Drift of ResNet: 0 changes>"
    assert words(diff(traced, trace(nn.Linear(3, 3), X[:, :3])))


def test_inputs_on_another_device_than_the_model():
    with pytest.raises(TraceError, match="inputs are on meta, the model on cpu"):
        trace(nn.Sequential(nn.Linear(4, 4), Forward(lambda m, x: x @ torch.ones(4, 4))), X.to("meta"))


def test_a_trace_inside_a_trace_is_refused():
    with pytest.raises(TraceError, match="another trace is running"):
        calls(lambda m, x: trace(nn.Linear(4, 4), x) and x)


def test_wrappers_are_looked_through():
    model = models.ResNet()
    x = torch.ones(1, 3, 8, 8)
    assert trace(nn.DataParallel(model), x) == trace(model, x)
    assert trace(torch.compile(model, backend="eager"), x) == trace(model, x)


def test_compiled_functions_are_recorded_as_written():
    compiled = torch.compile(lambda x: x.sin() + 1, backend="eager")
    assert calls(lambda m, x: compiled(x)) == calls(lambda m, x: x.sin() + 1)


def test_a_lazy_module_is_the_same_before_and_after_its_first_call():
    lazy = nn.Sequential(nn.LazyLinear(3))
    text = dumps(trace(lazy, X))
    assert text == dumps(trace(lazy, X))
    assert "0: Linear(in_features=4, out_features=3)" in text
    with pytest.raises(TraceError, match=r"0\.weight is lazy"):
        Options(forward=False).trace(nn.Sequential(nn.LazyLinear(3)))


def test_observing_hooks_change_nothing():
    model = models.ResNet()
    x = torch.ones(1, 3, 8, 8)
    text = dumps(trace(model, x))
    seen = []
    model.stem.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    assert dumps(trace(model, x)) == text
    assert seen


def test_without_torch_the_error_says_how_to_get_it():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from pytest_nnviz import dumps, loads, trace\n"
        "from pytest_nnviz.errors import MissingTorch\n"
        "assert dumps(loads(sys.argv[1])) == sys.argv[1]\n"
        "try: trace(object())\n"
        "except MissingTorch as error: print(error)"
    )
    text = dumps(Options(forward=False).trace(nn.Linear(2, 2)))
    done = subprocess.run([sys.executable, "-c", script, text], capture_output=True, text=True, check=True)
    assert "torch, which is not installed: pip install 'pytest-nnviz[torch]'" in done.stdout
