"""How calls are recorded: writes, indices, spellings, numbers, randomness, results that may be the input."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from awkward_tensors import X, calls, linear
from catalogue import Entry, Forward, given
from torch import nn

from pytest_nnviz import Options

__all__ = ["SECTIONS"]


def _in_place(m, x):
    y = x * 1
    y.add_(1)
    y += x
    return torch.relu_(y)


def _not_in_place(m, x):
    y = x * 1
    y = y.add(1)
    y = y + x
    return torch.relu(y)


def _masked(value):
    def forward(m, x):
        y = x * 1
        y[x > 0] = value
        return y

    return calls(forward)


def _out(m, x):
    y = torch.empty(2, 4)
    torch.add(x, 1, out=y)
    return y


def _through_view(place):
    def forward(m, x):
        y = x * 1
        y.t()[place].zero_()
        return y

    return calls(forward)


def _into_element(m, x):
    y = x * 1
    y[0, 1] += 1
    return y


def _through_data(m, x):
    y = x * 1
    y.data.mul_(2)
    return y


def _set(m, x):
    y = x.clone()
    y.set_(x * 2)
    return y + 1


def _assigned(kept):
    def forward(m, x):
        mean = torch.lerp(m.mean, x.mean(0), 0.1)
        if kept:
            m.mean = mean
        return x - mean

    def built():
        model = Forward(forward)
        model.register_buffer("mean", torch.zeros(4))
        return given(model, X)

    return built


def _new_data(m, x):
    y = x * 1
    y.data = x * 2
    return y + 1


def _put(m, x):
    y = x * 1
    y.index_put_((torch.tensor([0]),), x[1])
    y[1].copy_(x[0])
    return y


WRITES = (
    Entry(
        "in place, three spellings",
        "add_, relu_: the written tensor is the result",
        calls(_in_place),
        ("relu_(%add_) -> f32[2, 4]", "add_(%add_, x) -> f32[2, 4]"),
        edited=(calls(_not_in_place),),
    ),
    Entry(
        "written where a mask holds",
        "setitem with the mask",
        _masked(5.0),
        ("setitem(%mul, %gt, 5.0) -> f32[2, 4]", "return %setitem"),
        edited=(_masked(4.0),),
    ),
    Entry("out=", "an argument, and the result", calls(_out), ("add(x, 1, out=%empty) -> f32[2, 4]",)),
    Entry(
        "written through a view",
        "whoever reads the whole reads it after",
        _through_view(0),
        ("return %mul after %zero_",),
        edited=(_through_view(1),),
    ),
    Entry(
        "one element added to",
        "as Python does it: read, add, write",
        calls(_into_element),
        ("setitem(%mul after %add_, (0, 1), %add_) -> f32[2, 4]", "return %setitem"),
    ),
    Entry("written through .data", "a write through a view", calls(_through_data), ("return %mul after %mul_",)),
    Entry("new .data", "a write", calls(_new_data), ("add(%set_data, 1) -> f32[2, 4]",)),
    Entry("set to another", "a write", calls(_set), ("add(%set_, 1) -> f32[2, 4]", "set_(%clone, %mul) -> f32[2, 4]")),
    Entry(
        "assigned to a buffer",
        "at the end of its module: the state that the next call finds",
        _assigned(True),
        ("setattr(self.mean, %lerp) -> f32[4]",),
        edited=(_assigned(False),),
    ),
    Entry(
        "index_put_ and copy_",
        "writes",
        calls(_put),
        ("index_put_(%mul, [%tensor], %getitem) -> f32[2, 4]", "return %index_put_ after %copy_"),
    ),
)


def picked(index, *more):
    return calls(lambda m, x: [x[each] for each in (index, *more)])


INDICES = (
    Entry(
        "slices",
        "as they are written",
        picked((slice(None), slice(1, 3)), slice(None, None, 2), -1, (..., None)),
        (
            "getitem(x, (:, 1:3)) -> f32[2, 2]",
            "getitem(x, ::2) -> f32[1, 4]",
            "getitem(x, (..., None)) -> f32[2, 4, 1]",
        ),
        edited=(picked((slice(None), slice(1, 3)), slice(None, None, 2), -1, (None, ...)),),
    ),
    Entry(
        "lists and tuples as indices",
        "told apart",
        picked([0, 1], (0, 1)),
        ("getitem(x, [0, 1]) -> f32[2, 4]", "getitem(x, (0, 1)) -> f32[]"),
        edited=(picked((0, 1), [0, 1]),),
    ),
    Entry(
        "tensors as indices",
        "operands",
        calls(lambda m, x: x[:, m.at], at=lambda: torch.tensor([1, 0])),
        ("getitem(x, (:, const self.at i64[2])) -> f32[2, 2]",),
    ),
    Entry(
        "boolean mask as an index",
        "an operand; refused when recorded, as values decide the shape",
        calls(lambda m, x: x[x > 0]),
        ("getitem(x, %gt) -> f32[4]",),
        meta=False,
        refused=True,
    ),
    Entry(
        "numbers that come from shapes",
        "by their value",
        calls(lambda m, x: x[:, : x.shape[1] // 2] * math.sqrt(x.size(-1)) + len(x)),
        ("getitem(x, (:, :2)) -> f32[2, 2]", "mul(%getitem, 2.0) -> f32[2, 2]"),
        equal=(calls(lambda m, x: x[:, :2] * 2.0 + 2),),
    ),
)


def summed(*spellings):
    return calls(lambda m, x: [torch.einsum(*spelling(x)) for spelling in spellings])


def shortened(number):
    return calls(lambda m, x: x * number)


SPELLINGS = (
    Entry(
        "einsum",
        "with its equation",
        summed(lambda x: ("ij,kj->ik", x, x)),
        ('einsum("ij,kj->ik", x, x) -> f32[2, 2]',),
        edited=(summed(lambda x: ("ij,kj->ki", x, x)),),
        equal=(summed(lambda x: ("i j, k j -> i k", x, x)), summed(lambda x: ("ij,kj->ik", [x, x]))),
    ),
    Entry(
        "einsum with lists of dimensions",
        "with the equation that torch makes of them",
        summed(lambda x: (x, [0, 1], x, [2, 1], [0, 2])),
        ('einsum("AB,CB->AC", x, x) -> f32[2, 2]',),
    ),
    Entry(
        "floats",
        "by six significant digits",
        shortened(1 / 3),
        ("mul(x, 0.333333) -> f32[2, 4]",),
        edited=(shortened(0.33334), shortened(1)),
        equal=(shortened(0.3333333), shortened(np.float64(1 / 3))),
    ),
    Entry(
        "infinite",
        "by their sign",
        calls(lambda m, x: x.masked_fill(x > 0, -math.inf)),
        ("masked_fill(x, %gt, -inf) -> f32[2, 4]",),
        edited=(calls(lambda m, x: x.masked_fill(x > 0, math.inf)),),
    ),
    Entry(
        "devices",
        "never shown",
        calls(lambda m, x: torch.zeros(4, device="cpu") + x.to("cpu").cpu() + x.to(x.device)),
        ("zeros(4) -> f32[4]", "to(x) -> f32[2, 4]", "to(%to) -> f32[2, 4]"),
        equal=(calls(lambda m, x: torch.zeros(4, device=x.device) + x.cpu().to(device="cpu") + x.to("cpu")),),
    ),
)


def drawn(draw):
    return calls(lambda m, x: x * draw(x))


RANDOM = (
    Entry(
        "random calls",
        "calls, whatever they draw",
        drawn(lambda x: torch.rand_like(x) + torch.randn(2, 4) + torch.bernoulli(x.sigmoid()) + torch.randint(3, (4,))),
        ("rand_like(x) -> f32[2, 4]", "randint(3, (4,)) -> i64[4]"),
        edited=(drawn(torch.rand_like),),
    ),
    Entry(
        "random writes",
        "calls",
        drawn(lambda x: torch.empty(4).uniform_(0, 2)),
        ("uniform_(%empty, 0, 2) -> f32[4]",),
        edited=(drawn(lambda x: torch.empty(4).uniform_(0, 1)),),
    ),
    Entry(
        "generator of one's own",
        "not shown",
        drawn(lambda x: torch.randn(4, generator=torch.Generator().manual_seed(3))),
        ("randn(4) -> f32[4]",),
        equal=(drawn(lambda x: torch.randn(4)),),
    ),
    Entry(
        "dropout in training",
        "a call with its probability",
        calls(lambda m, x: F.dropout(x, 0.3, m.training)),
        ("dropout(x, p=0.3) -> f32[2, 4]",),
        options=Options(mode="train"),
    ),
)


def _own(*names):
    """A chain of calls that hand back what they are handed, if there is nothing to do."""

    def forward(m, x):
        y = x
        for name, *args in names:
            y = getattr(y, name)(*args)
        return y + x

    return forward


SAME_SHAPES = ("contiguous",), ("float",), ("to", torch.float32), ("reshape", 2, 4), ("expand", 2, 4), ("squeeze",)
MORE = ("broadcast_to", (2, 4)), ("flatten", 0, 0), ("positive",), ("narrow", 0, 0, 2), ("conj",), ("view", 2, 4)
IDLE = {"drop": nn.Dropout, "same": nn.Identity}

OWN_INPUT = (
    Entry(
        "contiguous, float, to, reshape, expand, squeeze",
        "calls, whether they copy or not",
        calls(_own(*SAME_SHAPES)),
        ("add(%squeeze, x) -> f32[2, 4]",),
        equal=(calls(_own(*SAME_SHAPES), X.t().contiguous().t()),),
    ),
    Entry(
        "broadcast_to, flatten, positive, narrow, conj, view",
        "calls, whether they copy or not",
        calls(_own(*MORE)),
        ("add(%view, x) -> f32[2, 4]",),
    ),
    Entry(
        "view_as, type_as, expand_as",
        "calls, whether they copy or not",
        calls(lambda m, x: x.view_as(x).type_as(x).expand_as(x) + x),
        ("add(%expand_as, x) -> f32[2, 4]",),
    ),
    Entry(
        "broadcast_tensors, atleast_1d",
        "calls; each part of the result has a name of its own",
        calls(lambda m, x: torch.atleast_1d(*torch.broadcast_tensors(x, x * 2))[0] + x),
        ("atleast_1d(%broadcast_tensors[0], %broadcast_tensors[1]) -> (f32[2, 4], f32[2, 4])",),
    ),
    Entry(
        "eval dropout and Identity",
        "calls of the modules",
        calls(lambda m, x: m.same(m.drop(x)) + x, **IDLE),
        ("add(%same, x) -> f32[2, 4]", "self.same(%drop) -> f32[2, 4]"),
    ),
    Entry(
        "functional dropout in eval mode",
        "a call",
        calls(lambda m, x: F.dropout(x, 0.5, training=False) + x),
        ("add(%dropout, x) -> f32[2, 4]",),
    ),
    Entry(
        "module moved in forward",
        "the moves of its weights, which go nowhere",
        calls(lambda m, x: m.layer.to("cpu")(x), layer=linear),
        ("self.layer(x) -> f32[2, 3]",),
    ),
)

SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Writes": WRITES,
    "Indices and shapes": INDICES,
    "Spellings and numbers": SPELLINGS,
    "Randomness": RANDOM,
    "Calls that may hand back their input": OWN_INPUT,
}
