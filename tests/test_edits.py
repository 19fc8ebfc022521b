"""One edit of each kind is noticed, with its place and the old and new value; what changes nothing is not."""

from __future__ import annotations

import inspect

import architectures
import models
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from pytest_nnviz import Options, diff, dumps, trace
from pytest_nnviz.architecture import Module
from pytest_nnviz.drift.defaults import defaults_of
from pytest_nnviz.gates import GATES
from pytest_nnviz.textformat import without_comments
from pytest_nnviz.textformat.write import format_value
from pytest_nnviz.tracing.describing.plain import plain_value
from pytest_nnviz.wording import headline, words

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class Net(nn.Module):
    """A model whose forward is given."""

    def __init__(self, function):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.inner = nn.Linear(4, 4)
        self._function = [function]

    def forward(self, x):
        return self._function[0](self, x)


def said(old, new):
    """What the words say about the way from one architecture to another, on one line for each change."""
    assert without_comments(dumps(old)) != without_comments(dumps(new))
    drift = diff(old, new)
    return [headline(drift, "test_arch"), *words(drift, gate=frozenset(GATES))]


def _edit(**changes):
    def edit(module):
        for name, value in changes.items():
            setattr(module, name, value)

    return edit


def _drop_weight_tie(model):
    model.spare.weight = nn.Parameter(torch.zeros(4, 8))


def _parameter_to_buffer(model):
    bias = model.head.bias.detach()
    del model.head.bias
    model.head.register_buffer("bias", bias)


def _swap_blocks(model):
    model.blocks[0], model.blocks[1] = model.blocks[1], model.blocks[0]
    model.blocks[0].bn1.eps = 0.5


def _save_extra_state(model):
    class Counting(nn.Conv2d):
        def get_extra_state(self):
            return {"steps": 3}

        def set_extra_state(self, state):
            pass

    Counting.__qualname__ = "Conv2d"
    model.stem.__class__ = Counting


MODULE_EDITS = {
    "eps": (lambda m: _edit(eps=0.001)(m.blocks[1].bn2), ["blocks.1.bn2", "eps 1e-05 -> 0.001"]),
    "dropout p": (lambda m: _edit(p=0.3)(m.drop), ["drop", "p 0.1 -> 0.3", "training only"]),
    "activation class": (lambda m: m.blocks.append(nn.ReLU()), ["blocks.3", "ReLU"]),
    "kernel size": (
        lambda m: _edit(conv1=nn.Conv2d(8, 8, 5, padding=2, bias=False))(m.blocks[1]),
        ["blocks.1.conv1", "kernel_size 3 -> 5", "padding 1 -> 2", "breaks checkpoints"],
    ),
    "dilation with padding": (
        lambda m: _edit(dilation=(2, 2), padding=(2, 2))(m.blocks[1].conv1),
        ["blocks.1.conv1", "padding, dilation 1 -> 2", "changes the function"],
    ),
    "padding mode": (
        lambda m: _edit(padding_mode="reflect")(m.blocks[0].conv1),
        ["blocks.0.conv1", 'padding_mode "zeros" -> "reflect"'],
    ),
    "groups": (
        lambda m: _edit(conv1=nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False))(m.blocks[0]),
        ["blocks.0.conv1", "groups 1 -> 2", "parameters -288", "breaks checkpoints"],
    ),
    "bias": (
        lambda m: _edit(head=nn.Linear(8, 4, bias=False))(m),
        ["head", "bias True -> False", "breaks checkpoints"],
    ),
    "freeze": (lambda m: m.stem.weight.requires_grad_(False), ["stem", "weight", "frozen", "training only"]),
    "untie": (_drop_weight_tie, ["spare", "weight", "head.weight"]),
    "parameter to buffer": (_parameter_to_buffer, ["head", "bias", "buffer"]),
    "extra buffer": (lambda m: m.register_buffer("mean", torch.zeros(3)), ["mean", "f32[3]", "breaks checkpoints"]),
    "extra state": (_save_extra_state, ["stem", "extra state", "breaks checkpoints"]),
    "state dict hook": (
        lambda m: m.stem._register_state_dict_hook(lambda module, state, prefix, local: state.pop(f"{prefix}weight")),
        ["stem", "save hook", "breaks checkpoints"],
    ),
    "state dict of its own": (
        lambda m: setattr(m.stem, "state_dict", lambda *args, **kwargs: {}),
        ["stem", "save hook", "breaks checkpoints"],
    ),
    "gradient hook": (
        lambda m: m.head.weight.register_hook(lambda gradient: gradient * 0),
        ["head", "gradient hook", "training only"],
    ),
    "unused module": (lambda m: m.add_module("unused", nn.Linear(3, 3)), ["unused", "Linear"]),
    "identity": (lambda m: _edit(bn2=nn.Identity())(m.blocks[2]), ["blocks.2.bn2", "BatchNorm2d", "Identity"]),
    "width": (lambda m: _edit(stem=nn.Conv2d(3, 8, 3, padding=1).double())(m) or m.double(), ["f32", "f64"]),
    "order of modules": (_swap_blocks, ["blocks.0", "eps"]),
    "weight norm": (
        lambda m: parametrizations.weight_norm(m.head),
        ["head", "Parametrized", "keys changed, load hook"],
    ),
    "number of blocks": (lambda m: m.blocks.append(models.Block(8)), ["blocks.3", "Block"]),
}


@pytest.mark.parametrize("kind", MODULE_EDITS)
def test_an_edit_of_modules(kind):
    edit, expected = MODULE_EDITS[kind]
    x = torch.zeros(1, 3, 8, 8)
    old = trace(models.ResNet(), x)
    model = models.ResNet()
    edit(model)
    new = trace(model, x.double() if kind == "width" else x)
    text = "\n".join(said(old, new))
    for words_expected in expected:
        assert words_expected in text


def _defaults(cls):
    """The defaults of a constructor and of those that it hands ``**kwargs`` to, as the text writes them."""
    found = {}
    for base in cls.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values() if "__init__" in vars(base) else ()
        for parameter in parameters:
            if parameter.default is not parameter.empty and parameter.name[0] != "_":
                found.setdefault(parameter.name, format_value(plain_value(parameter.default)))
        if parameters and not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: text for name, text in found.items() if name not in ("device", "dtype")}


@pytest.mark.parametrize("name", [name for name in dir(nn) if isinstance(getattr(nn, name), type)])
def test_the_defaults_of_torch_are_known(name):
    """An older torch has fewer classes and arguments; a default of a newer one that is not in the table fails here."""
    known = defaults_of(Module(name))
    if name != "Module" and not name.startswith("Lazy") and issubclass(getattr(nn, name), nn.Module):
        held = _defaults(getattr(nn, name))
        assert held == {argument: text for argument, text in known.items() if argument in held}


def _parts(m, x):
    return m.linear(x), m.inner(x)


FORWARD_EDITS = {
    "removed residual": (lambda m, x: m.linear(x) + x, lambda m, x: m.linear(x), ["add(%linear, x) gone"]),
    "swapped -": (
        lambda m, x: m.linear(x) - x,
        lambda m, x: x - m.linear(x),
        ["sub", "%linear, x", "x, %linear"],
    ),
    "swapped /": (lambda m, x: m.linear(x) / x, lambda m, x: x / m.linear(x), ["div", "%linear, x", "x, %linear"]),
    "swapped @": (
        lambda m, x: m.linear(x) @ m.inner(x).T,
        lambda m, x: m.inner(x) @ m.linear(x).T,
        ["matmul"],
    ),
    "swapped cat": (
        lambda m, x: torch.cat(_parts(m, x), 1),
        lambda m, x: torch.cat(_parts(m, x)[::-1], 1),
        ["cat", "[%linear, %inner]", "[%inner, %linear]"],
    ),
    "softmax dim": (
        lambda m, x: m.linear(x).softmax(1),
        lambda m, x: m.linear(x).softmax(0),
        ["softmax dim=1 -> 0"],
    ),
    "is_causal": (
        lambda m, x: F.scaled_dot_product_attention(x, x, x),
        lambda m, x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        ["scaled_dot_product_attention (default) -> is_causal=True"],
    ),
    "float constant": (lambda m, x: m.linear(x) * 0.5, lambda m, x: m.linear(x) * 0.25, ["mul", "0.5", "0.25"]),
    "extra call": (lambda m, x: m.linear(x), lambda m, x: m.linear(x).tanh(), ["tanh(%linear)"]),
    "detach": (lambda m, x: m.linear(x), lambda m, x: m.linear(x).detach(), ["detach(%linear)"]),
    "activation": (lambda m, x: F.relu(m.linear(x)), lambda m, x: F.gelu(m.linear(x)), ["relu", "gelu"]),
    "interpolation": (
        lambda m, x: F.interpolate(x[None, None], scale_factor=2, mode="nearest"),
        lambda m, x: F.interpolate(x[None, None], scale_factor=2, mode="bilinear"),
        ["interpolate", "mode", "bilinear"],
    ),
    "pooling": (
        lambda m, x: F.max_pool1d(x[None], 2),
        lambda m, x: F.avg_pool1d(x[None], 2),
        ["max_pool1d", "avg_pool1d"],
    ),
    "slice": (lambda m, x: m.linear(x)[:, 1:], lambda m, x: m.linear(x)[:, 2:], ["getitem", "1:", "2:"]),
    "call to another module": (lambda m, x: m.inner(m.linear(x)), lambda m, x: m.linear(m.linear(x)), ["inner"]),
    "order of calls": (
        lambda m, x: m.linear(x).tanh().exp(),
        lambda m, x: m.linear(x).exp().tanh(),
        ["exp", "tanh"],
    ),
    "output key": (lambda m, x: {"a": m.linear(x)}, lambda m, x: {"b": m.linear(x)}, ["{a: ", "{b: "]),
    "in place": (lambda m, x: m.linear(x).relu(), lambda m, x: m.linear(x).relu_(), ["relu_"]),
    "dtype": (lambda m, x: m.linear(x), lambda m, x: m.linear(x).half(), ["to(%linear, dtype=torch.float16)"]),
}


@pytest.mark.parametrize("kind", FORWARD_EDITS)
def test_an_edit_of_forward(kind):
    one, other, expected = FORWARD_EDITS[kind]
    x = torch.ones(4, 4)
    text = "\n".join(said(trace(Net(one), x), trace(Net(other), x)))
    for words_expected in expected:
        assert words_expected in text


def test_a_forward_put_in_the_place_of_a_layers_own_changes_the_function():
    old, new = models.ResNet(), models.ResNet()
    new.head.forward = lambda x: F.linear(x, new.head.weight.abs(), new.head.bias)
    x = torch.ones(1, 3, 8, 8)
    assert "self.head one call -> its calls  changes the function" in "\n".join(said(trace(old, x), trace(new, x)))


@pytest.mark.parametrize("name", ["bert", "llama", "t5", "vit"])
def test_the_same_edit_in_a_real_architecture(name):
    model, inputs = architectures.build(name)
    old = trace(model, **inputs)
    path, layer = next((path, m) for path, m in model.named_modules() if isinstance(m, nn.Dropout | nn.Linear))
    if isinstance(layer, nn.Dropout):
        layer.p = 0.77
        expected = [path, "0.77"]
    else:
        layer.weight.requires_grad_(False)
        expected = [path, "frozen"]
    text = "\n".join(said(old, trace(model, **inputs)))
    for words_expected in expected:
        assert words_expected in text


def _reseed(model):
    torch.manual_seed(7)
    for parameter in model.parameters():
        parameter.data.normal_(std=0.02)


def _use(model):
    model(torch.ones(2, 3, 8, 8))


def _hook(model):
    for module in model.modules():
        module.register_forward_hook(lambda module, args, result: None)


def _notes(model):
    model.note = "a remark"
    model.stem.history = [1, 2]


def _other_statistics(model):
    model.train()
    model(torch.rand(4, 3, 8, 8))


NOTHING = {
    "reseeded weights": _reseed,
    "used": _use,
    "hooks": _hook,
    "notes": _notes,
    "batch-norm statistics": _other_statistics,
    "channels_last": lambda model: model.to(memory_format=torch.channels_last),
    "train mode": lambda model: model.train(),
    "gradients": lambda model: model(torch.ones(1, 3, 8, 8)).sum().backward(),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_what_changes_nothing_raises_no_alarm(kind):
    x = torch.ones(1, 3, 8, 8)
    old = dumps(trace(models.ResNet(), x))
    model = models.ResNet()
    NOTHING[kind](model)
    assert dumps(trace(model, x)) == old
    assert dumps(trace(model, x.to(memory_format=torch.channels_last))) == old


@pytest.mark.parametrize("name", ["bert", "llama", "t5", "whisper", "mamba"])
def test_a_reseeded_and_used_real_architecture_is_the_same(name):
    model, inputs = architectures.build(name)
    old = dumps(trace(model, **inputs))
    _reseed(model)
    model.train()
    model(**inputs)
    assert dumps(trace(model, **inputs)) == old


def test_a_mode_is_a_fact():
    x = torch.ones(1, 3, 8, 8)
    text = "\n".join(said(trace(models.ResNet(), x), Options(mode="train").trace(models.ResNet(), x)))
    assert "eval -> train" in text
