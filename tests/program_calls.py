"""The calls that random programs are made of: each with its spellings and its literal arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Kind:
    """A call of so many operands; ``spellings`` are one call written in several ways, ``literals`` their choices."""

    operands: int
    spellings: tuple[Callable[..., Any], ...]
    literals: tuple[dict[str, Any], ...] = ({},)
    numbers: str = ""  # which operand may be a number: "last" or "any"


def _methods(*names: str) -> dict[str, Kind]:
    """Functions of one tensor that are methods too."""
    return {
        name: Kind(1, (operator.methodcaller(name), getattr(torch, name), lambda a, name=name: getattr(a, name)()))
        for name in names
    }


def _operator(name: str, symbol: Callable[..., Any], *more: Callable[..., Any]) -> dict[str, Kind]:
    function = getattr(torch, name)
    return {name: Kind(2, (symbol, function, *more), numbers="any")}


def _set(target, value, index):
    target[index] = value
    return target


def _set_mask(target, mask, value):
    target[mask > 0] = value
    return target


def _add_into(a, b, out):
    if out.shape != torch.broadcast_shapes(a.shape, b.shape):
        raise ValueError("it would be resized")
    return torch.add(a, b, out=out)


DIMS = ({"dim": 0}, {"dim": -1}, {"dim": 1})
KEPT = (*DIMS, {"dim": 0, "keepdim": True}, {"dim": -1, "keepdim": True})
NUMBERS = (0, 1, 2, 0.5, -1, -0.25, 3.0)
INDICES = (0, -1, slice(1, None), slice(None, 1), (slice(None), 0), (..., 1), (None,), (0, slice(0, 2)))
SPLITS = ({"dim": 0}, {"dim": 1}, {"dim": -1})

ELEMENTWISE = {
    **_methods("sin", "cos", "tanh", "sigmoid", "neg", "abs", "erf", "square", "sign", "floor", "isnan", "logical_not"),
    "relu": Kind(1, (F.relu, torch.relu, lambda a: a.relu(), lambda a: torch.ops.aten.relu(a))),
    "gelu": Kind(
        1,
        (lambda a, approximate: F.gelu(a, approximate=approximate),) * 2,
        ({"approximate": "tanh"}, {"approximate": "none"}),
    ),
    "softmax": Kind(
        1, (F.softmax, torch.softmax, lambda a, dim: a.softmax(dim), lambda a, dim: nn.functional.softmax(a, dim)), DIMS
    ),
    "log_softmax": Kind(1, (F.log_softmax, torch.log_softmax, lambda a, dim: a.log_softmax(dim)), DIMS),
    "cumsum": Kind(1, (torch.cumsum, lambda a, dim: a.cumsum(dim), lambda a, dim: torch.cumsum(a, axis=dim)), DIMS),
    "clamp": Kind(
        1,
        (lambda a, low, high: a.clamp(low, high), lambda a, low, high: torch.clip(a, min=low, max=high)),
        ({"low": -0.5, "high": 0.5}, {"low": 0.0, "high": None}, {"low": None, "high": 0.25}),
    ),
    "leaky_relu": Kind(
        1,
        (F.leaky_relu, lambda a, negative_slope: F.leaky_relu(a, negative_slope)),
        ({"negative_slope": 0.01}, {"negative_slope": 0.5}),
    ),
    "dropout": Kind(
        1,
        (lambda a, p, training: F.dropout(a, p, training), F.dropout),
        ({"p": 0.5, "training": True}, {"p": 0.25, "training": True}),
    ),
    "round": Kind(1, (torch.round, lambda a, decimals: a.round(decimals=decimals)), ({"decimals": 0}, {"decimals": 1})),
    "rand_like": Kind(1, (torch.rand_like, lambda a: torch.rand_like(a, dtype=None))),
    "zeros_like": Kind(1, (torch.zeros_like,)),
    "full_like": Kind(
        1,
        (torch.full_like, lambda a, fill_value: torch.full_like(a, fill_value)),
        ({"fill_value": 2}, {"fill_value": 0.5}),
    ),
    "pow": Kind(2, (operator.pow, torch.pow), numbers="any"),
    **_operator("add", operator.add, lambda a, b: torch.add(a, b, alpha=1)),
    **_operator("sub", operator.sub),
    **_operator("mul", operator.mul),
    "div": Kind(2, (operator.truediv,), numbers="any"),
    "div with rounding": Kind(
        2,
        (lambda a, b, mode: torch.div(a, b, rounding_mode=mode), lambda a, b, mode: a.div(b, rounding_mode=mode)),
        ({"mode": "floor"}, {"mode": "trunc"}),
    ),
    "remainder": Kind(2, (operator.mod, torch.remainder), numbers="any"),
    "scaled add": Kind(
        2,
        (lambda a, b, alpha: torch.add(a, b, alpha=alpha), lambda a, b, alpha: a.add(b, alpha=alpha)),
        ({"alpha": 2}, {"alpha": 0.5}),
    ),
    "rsub": Kind(2, (torch.rsub, lambda a, b: b - a)),
    "maximum": Kind(2, (torch.maximum, torch.max, lambda a, b: a.maximum(b))),
    "atan2": Kind(2, (torch.atan2, lambda a, b: a.atan2(b), torch.arctan2)),
    "lerp": Kind(3, (torch.lerp, lambda a, b, c: a.lerp(b, c))),
    "addcmul": Kind(
        3,
        (
            lambda a, b, c, value: torch.addcmul(a, b, c, value=value),
            lambda a, b, c, value: a.addcmul(b, c, value=value),
        ),
        ({"value": 1}, {"value": 0.5}),
    ),
    "gt": Kind(2, (operator.gt, torch.gt, torch.greater), numbers="last"),
    "le": Kind(2, (operator.le, torch.le, torch.less_equal), numbers="last"),
    "where": Kind(3, (lambda a, b, c: torch.where(a > 0, b, c), lambda a, b, c: b.where(a > 0, c)), numbers="last"),
    "masked_fill": Kind(
        2,
        (lambda a, b, value: a.masked_fill(b > 0, value), lambda a, b, value: torch.masked_fill(a, b > 0, value)),
        tuple({"value": number} for number in NUMBERS),
    ),
}

SHAPES = {
    "transpose": Kind(
        1,
        (lambda a, d: a.transpose(0, d), lambda a, d: torch.transpose(a, 0, d), lambda a, d: torch.swapaxes(a, 0, d)),
        ({"d": 1}, {"d": -1}),
    ),
    "T": Kind(1, (lambda a: a.mT,)),
    "permute": Kind(
        1,
        (lambda a, dims: a.permute(dims), lambda a, dims: a.permute(*dims), torch.permute),
        ({"dims": (1, 0)}, {"dims": (1, 0, 2)}, {"dims": (2, 0, 1)}),
    ),
    "reshape": Kind(
        1,
        (lambda a, shape: a.reshape(shape), lambda a, shape: a.reshape(*shape), torch.reshape),
        ({"shape": (-1,)}, {"shape": (4, 2)}, {"shape": (2, 4)}, {"shape": (2, 2, 2)}),
    ),
    "view": Kind(
        1,
        (lambda a, shape: a.view(shape), lambda a, shape: a.view(*shape)),
        ({"shape": (-1,)}, {"shape": (4, 2)}, {"shape": (2, 4)}),
    ),
    "flatten": Kind(1, (torch.flatten, lambda a: a.flatten(), lambda a: a.flatten(0, -1))),
    "unsqueeze": Kind(1, (torch.unsqueeze, lambda a, dim: a.unsqueeze(dim)), DIMS),
    "squeeze": Kind(1, (torch.squeeze, lambda a, dim: a.squeeze(dim)), DIMS),
    "expand": Kind(
        1,
        (lambda a, sizes: a.expand(sizes), lambda a, sizes: a.expand(*sizes)),
        ({"sizes": (2, 2, 4)}, {"sizes": (3, -1, -1)}),
    ),
    "repeat": Kind(
        1, (lambda a, sizes: a.repeat(sizes), lambda a, sizes: a.repeat(*sizes)), ({"sizes": (1, 2)}, {"sizes": (2, 1)})
    ),
    "flip": Kind(1, (lambda a, dims: a.flip(dims), torch.flip), ({"dims": (0,)}, {"dims": (1,)}, {"dims": (0, 1)})),
    "roll": Kind(
        1,
        (torch.roll, lambda a, shifts, dims: a.roll(shifts, dims)),
        ({"shifts": 1, "dims": 0}, {"shifts": 1, "dims": -1}, {"shifts": 2, "dims": 1}),
    ),
    "getitem": Kind(
        1, (lambda a, index: a[index],), tuple({"index": index} for index in (*INDICES, [1, 0], (slice(None), [0, 1])))
    ),
    "narrow": Kind(
        1,
        (torch.narrow, lambda a, dim, start, length: a.narrow(dim, start, length)),
        ({"dim": 0, "start": 0, "length": 1}, {"dim": 1, "start": 1, "length": 2}),
    ),
    "select": Kind(
        1, (torch.select, lambda a, dim, index: a.select(dim, index)), ({"dim": 0, "index": 1}, {"dim": 1, "index": 0})
    ),
    "diagonal": Kind(1, (torch.diagonal, lambda a: a.diagonal())),
    "contiguous": Kind(1, (lambda a: a.contiguous(), lambda a: a.contiguous(memory_format=torch.contiguous_format))),
    "clone": Kind(1, (torch.clone, lambda a: a.clone())),
    "detach": Kind(1, (torch.detach, lambda a: a.detach())),
    "data": Kind(1, (lambda a: a.data,)),
    "double": Kind(
        1,
        (
            lambda a: a.double(),
            lambda a: a.to(torch.float64),
            lambda a: a.to(dtype=torch.float64),
            lambda a: a.type(torch.float64),
        ),
    ),
    "float": Kind(1, (lambda a: a.float(), lambda a: a.to(torch.float32), lambda a: a.type(torch.float32))),
    "long": Kind(1, (lambda a: a.long(), lambda a: a.to(torch.int64), lambda a: a.type(torch.long))),
    "type_as": Kind(2, (lambda a, b: a.type_as(b),)),
    "tril": Kind(1, (torch.tril, lambda a, diagonal: a.tril(diagonal)), ({"diagonal": 0}, {"diagonal": 1})),
    "pad": Kind(
        1,
        (
            lambda a, value: F.pad(a, (1, 0), value=value),
            lambda a, value: F.pad(a, pad=[1, 0], mode="constant", value=value),
        ),
        ({"value": 1.0}, {"value": 0.5}),
    ),
    "pick by mask": Kind(2, (lambda a, b: a[b > 0].sum(), lambda a, b: torch.sum(a[torch.gt(b, 0)]))),
    "pick by index": Kind(2, (lambda a, b: a[b.argmax(0)],)),
}

REDUCTIONS = {
    **{
        name: Kind(1, (getattr(torch, name), lambda a, name=name, **rest: getattr(a, name)(**rest)), (*KEPT, {}))
        for name in ("sum", "mean", "argmax")
    },
    **{
        name: Kind(1, (getattr(torch, name), lambda a, name=name, **rest: getattr(a, name)(**rest)), KEPT)
        for name in ("amax", "prod", "logsumexp")
    },
    "mean over axis": Kind(1, (lambda a, dim: a.mean(axis=dim), lambda a, dim: a.mean(dim, False)), DIMS),
    "std": Kind(
        1,
        (lambda a, dim, c: a.std(dim, correction=c), lambda a, dim, c: torch.std(a, dim, bool(c))),
        tuple({**dim, "c": c} for dim in DIMS for c in (0, 1)),
    ),
    "max": Kind(1, (torch.max, lambda a, dim: a.max(dim)), DIMS),
    "topk": Kind(
        1,
        (torch.topk, lambda a, k, largest: a.topk(k, largest=largest)),
        ({"k": 1, "largest": True}, {"k": 2, "largest": False}, {"k": 2, "largest": True}),
    ),
    "sort": Kind(
        1,
        (torch.sort, lambda a, dim, descending: a.sort(dim, descending)),
        ({"dim": 0, "descending": True}, {"dim": -1, "descending": False}),
    ),
    "chunk": Kind(1, (lambda a, dim: a.chunk(2, dim), lambda a, dim: torch.chunk(a, 2, dim=dim)), SPLITS),
    "split": Kind(
        1,
        (
            lambda a, dim: a.split(1, dim),
            lambda a, dim: torch.split(a, 1, dim=dim),
            lambda a, dim: torch.split(a, split_size_or_sections=1, dim=dim),
        ),
        SPLITS,
    ),
    "split in two sizes": Kind(1, (lambda a: a.split([1, 3], -1), lambda a: torch.split(a, (1, 3), dim=-1))),
    "unbind": Kind(1, (torch.unbind, lambda a, dim: a.unbind(dim)), SPLITS),
    "iterate": Kind(1, (lambda a: tuple(a), lambda a: a.unbind())),
    "aminmax": Kind(1, (lambda a, dim: torch.aminmax(a, dim=dim), lambda a, dim: a.aminmax(dim=dim)), DIMS),
}

COMBINATIONS = {
    "cat": Kind(
        2,
        (
            lambda a, b, dim: torch.cat([a, b], dim),
            lambda a, b, dim: torch.cat((a, b), dim=dim),
            lambda a, b, dim: torch.concat([a, b], axis=dim),
        ),
        DIMS,
    ),
    "cat of three": Kind(
        3,
        (lambda a, b, c, dim: torch.cat([a, b, c], dim), lambda a, b, c, dim: torch.concatenate((a, b, c), dim)),
        DIMS,
    ),
    "stack": Kind(
        2, (lambda a, b, dim: torch.stack([a, b], dim), lambda a, b, dim: torch.stack((a, b), dim=dim)), DIMS
    ),
    "matmul": Kind(2, (operator.matmul, torch.matmul, lambda a, b: a.matmul(b))),
    "matmul with transposed": Kind(2, (lambda a, b: a @ b.mT,)),
    "linear": Kind(2, (F.linear, lambda a, b: F.linear(a, weight=b), lambda a, b: F.linear(a, b, bias=None))),
    "linear with bias": Kind(3, (F.linear, lambda a, b, c: F.linear(a, b, bias=c))),
    "layer_norm": Kind(
        2,
        (
            lambda a, b, eps: F.layer_norm(a, (4,), b, eps=eps),
            lambda a, b, eps: F.layer_norm(a, [4], weight=b, bias=None, eps=eps),
        ),
        ({"eps": 1e-5}, {"eps": 0.1}),
    ),
    "einsum": Kind(
        2,
        (lambda a, b, equation: torch.einsum(equation, a, b), lambda a, b, equation: torch.einsum(equation, [a, b])),
        tuple({"equation": equation} for equation in ("ij,ij->i", "ij,kj->ik", "ij,ij->ji", "...i,...i->...")),
    ),
    "attention": Kind(
        3,
        (
            lambda a, b, c, is_causal: F.scaled_dot_product_attention(a, b, c, is_causal=is_causal),
            lambda a, b, c, is_causal: F.scaled_dot_product_attention(
                a, b, value=c, attn_mask=None, dropout_p=0.0, is_causal=is_causal
            ),
        ),
        ({"is_causal": True}, {"is_causal": False}),
    ),
    "gather": Kind(
        2,
        (
            lambda a, b, dim: a.gather(dim, b.argsort(dim)),
            lambda a, b, dim: torch.gather(a, dim, torch.argsort(b, dim=dim)),
        ),
        ({"dim": 0}, {"dim": -1}),
    ),
    "new Softmax": Kind(1, (lambda a, dim: nn.Softmax(dim=dim)(a), lambda a, dim: nn.Softmax(dim)(a)), DIMS),
    "broadcast": Kind(2, (torch.broadcast_tensors,)),
    "two of one": Kind(1, (lambda a: (a, a.view_as(a)),)),
}
WRITES = {
    "add_": Kind(2, (operator.iadd, lambda a, b: a.add_(b)), numbers="last"),
    "sub_": Kind(2, (operator.isub, lambda a, b: a.sub_(b)), numbers="last"),
    "mul_": Kind(2, (operator.imul, lambda a, b: a.mul_(b)), numbers="last"),
    "copy_": Kind(2, (lambda a, b: a.copy_(b),)),
    "relu_": Kind(1, (torch.relu_, lambda a: a.relu_(), lambda a: F.relu(a, inplace=True), lambda a: F.relu_(a))),
    "tanh_": Kind(1, (torch.tanh_, lambda a: a.tanh_())),
    "clamp_": Kind(
        1,
        (lambda a, low: a.clamp_(min=low), lambda a, low: a.clamp_(low), lambda a, low: torch.clamp_(a, low)),
        ({"low": -0.5}, {"low": 0.25}),
    ),
    "zero_": Kind(1, (lambda a: a.zero_(), torch.zero_)),
    "fill_": Kind(1, (lambda a, value: a.fill_(value), torch.fill_), ({"value": 2}, {"value": 0.5})),
    "masked_fill_": Kind(2, (lambda a, b, value: a.masked_fill_(b > 0, value),), ({"value": 2}, {"value": 0.5})),
    "setitem": Kind(2, (_set,), tuple({"index": index} for index in INDICES[:6]), numbers="last"),
    "setitem by mask": Kind(2, (lambda a, b, value: _set_mask(a, b, value),), ({"value": 2}, {"value": 0.5})),
    "out=": Kind(3, (_add_into,)),
    "unsqueeze_": Kind(1, (lambda a: a.clone().unsqueeze_(0).squeeze_(0),)),
    "write through a view": Kind(2, (lambda a, b: (a[0].mul_(b[0]), a)[1],)),
    "write through data": Kind(1, (lambda a: (a.data.mul_(2), a)[1],)),
}

KINDS = ELEMENTWISE | SHAPES | REDUCTIONS | COMBINATIONS | WRITES
