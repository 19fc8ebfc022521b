"""What models are called with, what they hand back, and where tensors come from that are neither."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from awkward_tensors import X, calls, linear
from catalogue import Entry, Forward, given
from torch import nn

os.environ.setdefault("HF_HUB_OFFLINE", "1")

__all__ = ["SECTIONS"]


class Color(enum.Enum):
    """A choice among inputs."""

    RED = 1
    BLUE = 2


class Pair(NamedTuple):
    """A named tuple."""

    first: torch.Tensor
    second: str = "b"


@dataclass
class Batch:
    """A dataclass."""

    values: torch.Tensor
    scale: int = 3
    mask: torch.Tensor | None = None


class Graph:
    """An ordinary class, as graph libraries hand them around."""

    def __init__(self, x, edges=None):
        self.x = x
        self.edges = edges


class Slotted:
    """A class without a ``__dict__``."""

    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


class OnlyKeywords(nn.Module):
    """A forward that takes keywords alone."""

    def forward(self, *, ids, mask=None, **rest):
        return ids * 2 if mask is None else ids * mask + rest["bias"]


class Anything(nn.Module):
    """A forward that takes anything."""

    def forward(self, *args, **kwargs):
        return sum(args) * kwargs["scale"]["by"]


class Generator(nn.Module):
    """A forward that takes nothing."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self):
        return self.layer(torch.randn(2, 4))


def written(m, graph):
    graph.x = m.layer(graph.x)
    return graph


def written_otherwise(m, graph):
    m.layer(graph.x)
    return graph


INPUTS = (
    Entry(
        "dict, nested",
        "by its keys",
        calls(lambda m, x: x["a"]["b"][0] + x["c"], {"a": {"b": [X]}, "c": X * 2}),
        ("input x: {a: {b: [f32[2, 4]]}, c: f32[2, 4]}", "add(x[a][b][0], x[c]) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x["c"] + x["a"]["b"][0], {"a": {"b": [X]}, "c": X * 2}),),
    ),
    Entry(
        "a list as one argument",
        "stays one",
        calls(lambda m, x: torch.cat(x), [X, X * 2]),
        ("input x: [f32[2, 4], f32[2, 4]]", "cat([x[0], x[1]]) -> f32[4, 4]"),
        edited=(calls(lambda m, x: torch.cat(x), (X, X * 2)), calls(lambda m, *x: torch.cat(x), X, X * 2)),
    ),
    Entry(
        "named tuple",
        "by its fields",
        calls(lambda m, x: x.first * 2, Pair(X)),
        ('input x: Pair(first=f32[2, 4], second="b")', "mul(x[first], 2) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x.first * 2, Pair(X, "c")),),
    ),
    Entry(
        "dataclass",
        "by its fields",
        calls(lambda m, x: x.values * x.scale, Batch(X)),
        ("input x: Batch(values=f32[2, 4], scale=3, mask=None)", "mul(x[values], 3) -> f32[2, 4]"),
    ),
    Entry(
        "object",
        "its class and the tensors that it holds; they go by its attributes",
        calls(lambda m, x: x.x * x.edges, Graph(X, X * 2)),
        ("input x: <Graph f32[2, 4] x2>", "mul(x[x], x[edges]) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x.edges * x.x, Graph(X, X * 2)),),
    ),
    Entry(
        "object with slots",
        "as other objects",
        calls(lambda m, x: x.x * 2, Slotted(X)),
        ("input x: <Slotted f32[2, 4]>", "mul(x[x], 2) -> f32[2, 4]"),
    ),
    Entry(
        "strings, numbers, enums, sets, ranges, None",
        "as they are",
        calls(lambda m, x, *rest: x * 2, X, "mean", 2, 0.1, Color.RED, {"b", "a"}, range(3), None),
        ('input args: ("mean", 2, 0.1, <Color.RED>, set("a", "b"), range(0, 3, 1), None)',),
        edited=(calls(lambda m, x, *rest: x * 2, X, "mean", 2, 0.1, Color.BLUE, {"b", "a"}, range(3), None),),
    ),
    Entry(
        "keywords alone",
        "by their names",
        lambda: given(OnlyKeywords(), ids=X, mask=X > 0, bias=X),
        ("input bias: f32[2, 4]", "mul(ids, mask) -> f32[2, 4]"),
        edited=(lambda: given(OnlyKeywords(), ids=X),),
    ),
    Entry(
        "any arguments",
        "by the names that forward gives them",
        lambda: given(Anything(), X, X * 2, scale={"by": X}),
        ("input args: (f32[2, 4], f32[2, 4])", "mul(%add, scale[by]) -> f32[2, 4]"),
    ),
    Entry(
        "no inputs at all",
        "the random call that it starts from",
        lambda: given(Generator()),
        ("randn(2, 4) -> f32[2, 4]", "self.layer(%randn) -> f32[2, 3]"),
    ),
    Entry(
        "one tensor twice",
        "told apart by which of the two is used",
        calls(lambda m, x, y: x - y * 2, X, X),
        ("sub(x, %mul) -> f32[2, 4]", "mul(args[0], 2) -> f32[2, 4]"),
        edited=(calls(lambda m, x, y: x - x * 2, X, X),),
    ),
)


def _llama(cache=False, **inputs):
    import transformers

    def built():
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=8,
            vocab_size=9,
        )
        model = transformers.LlamaForCausalLM(config).eval()
        filled = {"past_key_values": _filled(model)} if cache else {}
        return given(model, input_ids=torch.ones(1, 2, dtype=torch.long), **inputs, **filled)

    return built


def _filled(model):
    with torch.no_grad():
        return model(torch.arange(3)[None]).past_key_values


def handed(make):
    return calls(lambda m, x: make(x * 2, x * 3))


OUTPUTS = (
    Entry("several tensors", "a tuple", calls(lambda m, x: (x, x * 2)), ("return (x, %mul)",)),
    Entry(
        "dict, nested",
        "by its keys",
        handed(lambda a, b: {"a": a, 1: [b, (a,)]}),
        ("return {a: %mul~1, 1: [%mul, (%mul~1,)]}",),
        edited=(handed(lambda a, b: {"b": a, 1: [b, (a,)]}), handed(lambda a, b: {"a": a, 1: [b, [a]]})),
    ),
    Entry("named tuple", "by its fields", handed(lambda a, b: Pair(a)), ('return Pair(first=%mul~1, second="b")',)),
    Entry(
        "dataclass",
        "by its fields",
        handed(lambda a, b: Batch(a, 4, b)),
        ("return Batch(values=%mul~1, scale=4, mask=%mul)",),
        edited=(handed(lambda a, b: Batch(b, 4, a)), handed(lambda a, b: Batch(a, 5, b))),
    ),
    Entry(
        "object",
        "by the tensors that it holds",
        handed(lambda a, b: Graph(a, b)),
        ("return Graph(x=%mul~1, edges=%mul)",),
        edited=(handed(lambda a, b: Graph(b, a)),),
    ),
    Entry(
        "object of the inputs that forward writes to",
        "by the tensors that it holds then",
        lambda: given(Forward(written, layer=linear()), Graph(X)),
        ("return Graph(x=%layer)",),
        edited=(lambda: given(Forward(written_otherwise, layer=linear()), Graph(X)),),
    ),
    Entry(
        "None, numbers, strings, classes, functions",
        "as they are",
        calls(lambda m, x: (None, 1, 0.5, "s", {1, 2}, Color.RED, torch.float32, x.shape, int, len)),
        ('return (None, 1, 0.5, "s", set(1, 2), <Color.RED>, torch.float32, (2, 4), <int>, <len>)',),
    ),
    Entry(
        "cache made by the model",
        "by the tensors that it holds",
        _llama(),
        ("self.lm_head(%getitem) -> f32[1, 2, 9]",),
        edited=(_llama(use_cache=False),),
    ),
    Entry(
        "cache handed in and filled further",
        "the object by its name inside, its tensors by their places",
        _llama(cache=True),
        ("input past_key_values: <DynamicCache f32[1, 1, 3, 4] x4>",),
    ),
)

GLOBAL, OTHER = torch.ones(4), torch.ones(4)
TABLE = np.arange(4, dtype=np.float32)


BY_SPEC = "mul(x, const f32[4]) -> f32[2, 4]"


def _default(m, x, table=OTHER):
    return x * table


def _closure(tensor):
    return lambda m, x: x * tensor


ORIGINS = (
    Entry(
        "tensors that modules hold unregistered",
        "const, by the attribute",
        calls(
            lambda m, x: x * m.a + m.b[0] + m.c["k"], a=GLOBAL.clone, b=lambda: [GLOBAL], c=lambda: {"k": GLOBAL * 2}
        ),
        ("mul(x, const self.a f32[4]) -> f32[2, 4]", "add(%add, const self.c.k f32[4]) -> f32[2, 4]"),
    ),
    Entry(
        "tensor of a closure", "const, by its spec", calls(_closure(GLOBAL * 3)), ("mul(x, const f32[4]) -> f32[2, 4]",)
    ),
    Entry(
        "tensor of a default argument", "const, by its spec", calls(_default), ("mul(x, const f32[4]) -> f32[2, 4]",)
    ),
    Entry(
        "two tensors of nobody's",
        "const, numbered",
        calls(lambda m, x: x * GLOBAL + OTHER),
        ("add(%mul, const #2 f32[4]) -> f32[2, 4]",),
        edited=(calls(lambda m, x: x * GLOBAL + GLOBAL),),
    ),
    Entry(
        "through numpy and back",
        "untracked; a warning names the line",
        calls(lambda m, x: torch.from_numpy(np.sin(x.numpy())) + x),
        ("add(untracked f32[2, 4], x) -> f32[2, 4]", "numpy(x)"),
        untracked=True,
        meta=False,
    ),
    Entry(
        "through numpy and back by as_tensor",
        "untracked; its values are not of the program",
        calls(lambda m, x: torch.as_tensor(np.asarray(x) * 2) + x),
        ("as_tensor(<untracked ndarray float32[2, 4]>) -> f32[2, 4]",),
        untracked=True,
        meta=False,
    ),
    Entry(
        "numpy table",
        "its values, by a digest",
        calls(lambda m, x: x * torch.as_tensor(TABLE)),
        ("as_tensor(<ndarray float32[4], digest 4c9c4f354e74>) -> f32[4]",),
        edited=(calls(lambda m, x: x * torch.as_tensor(TABLE + 1)),),
    ),
    Entry(
        "numbers of a tensor made a tensor",
        "the values; refused when recorded, as they decide the text",
        calls(lambda m, x: torch.tensor(x[0].tolist()) + x),
        ("tolist(%getitem)",),
        meta=False,
        refused=True,
    ),
    Entry(
        "from a buffer of bytes",
        "untracked; a warning names the line",
        calls(lambda m, x: x + torch.frombuffer(bytearray(16), dtype=torch.float32)),
        ("add(x, untracked f32[4]) -> f32[2, 4]",),
        untracked=True,
    ),
    Entry(
        "through DLPack",
        "untracked; a warning names the line",
        calls(lambda m, x: torch.from_dlpack(x) + 1),
        ("add(untracked f32[2, 4], 1) -> f32[2, 4]",),
        untracked=True,
        meta=False,
    ),
    Entry(
        "by a constructor of old",
        "untracked; a warning names the line",
        calls(lambda m, x: x + torch.Tensor([1, 2, 3, 4])),
        ("add(x, untracked f32[4]) -> f32[2, 4]",),
        untracked=True,
    ),
)


def _tied(tie):
    def built():
        embed, head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        if tie:
            head.weight = embed.weight
        return given(Forward(lambda m, x: m.head(m.embed(x)), embed=embed, head=head), torch.tensor([1, 2]))

    return built


def _shared(share):
    def built():
        first = nn.Linear(4, 4)
        second = first if share else nn.Linear(4, 4)
        return given(Forward(lambda m, x: m.second(m.first(x)), first=first, second=second), X)

    return built


def _buffered(persistent):
    def built():
        model = Forward(lambda m, x: x + m.offset)
        model.register_buffer("offset", torch.ones(4), persistent=persistent)
        return given(model, X)

    return built


PARAMETERS = (
    Entry(
        "parameter used in forward",
        "an operand",
        calls(lambda m, x: x * m.scale, scale=lambda: nn.Parameter(GLOBAL.clone())),
        ("mul(x, self.scale) -> f32[2, 4]",),
        edited=(calls(lambda m, x: x * m.scale, scale=lambda: nn.Buffer(GLOBAL.clone())),),
    ),
    Entry(
        "ParameterList and ParameterDict",
        "operands, by their places",
        calls(
            lambda m, x: x * m.many[0] + m.named["bias"],
            many=lambda: nn.ParameterList([torch.ones(4), torch.ones(4)]),
            named=lambda: nn.ParameterDict({"bias": torch.ones(4)}),
        ),
        ("add(%mul, self.named.bias) -> f32[2, 4]", "mul(x, self.many.0) -> f32[2, 4]"),
    ),
    Entry(
        "tied parameters", "the later one names the first", _tied(True), ("weight = ^embed.weight",), (_tied(False),)
    ),
    Entry(
        "module under two names",
        "the later one names the first",
        _shared(True),
        ("second: = first",),
        (_shared(False),),
    ),
    Entry(
        "buffer that is not saved",
        "a mark",
        _buffered(False),
        ("buffer offset f32[4], not saved",),
        edited=(_buffered(True),),
    ),
)

SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Inputs": INPUTS,
    "Outputs": OUTPUTS,
    "Tensors from elsewhere": ORIGINS,
    "Parameters and buffers": PARAMETERS,
}
