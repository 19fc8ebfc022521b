"""The same calls spelled otherwise: operator, method, function; by position, by keyword, with defaults written out."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from edits_of_forward import Called, Counting
from torch import Tensor

__all__ = ["Respelling"]


@dataclass(frozen=True)
class Form:
    """Callables that do the same, their arguments (the first ``positional`` may go without name) and other names."""

    homes: tuple[Callable[..., Any], ...]
    names: tuple[str, ...]
    positional: int
    defaults: dict[str, Any] = field(default_factory=dict)
    other_names: dict[str, str] = field(default_factory=dict)

    def bind(self, call: Called) -> dict[str, Any] | None:
        """The arguments by name, None where they are others."""
        if len(call.args) > len(self.names) or (call.args and isinstance(call.args[0], int | float)):
            return None
        found = dict(zip(self.names, call.args, strict=False))
        back = {other: name for name, other in self.other_names.items()}
        for key, value in call.kwargs.items():
            name = back.get(key, key)
            if name not in self.names or name in found:
                return None
            found[name] = value
        complete = all(name in found for name in self.names if name not in self.defaults)
        return found if complete else None


def _form(signature: str, *homes: Callable[..., Any], **other_names: str) -> Form:
    names, defaults, positional = [], {}, 0
    for part in signature.split(", "):
        name, _, default = part.partition("=")
        positional += not name.startswith("*")
        names.append(name.lstrip("*"))
        if default:
            defaults[names[-1]] = eval(default)
    return Form(homes, tuple(names), positional, defaults, other_names)


def _unary(name: str, *more: Callable[..., Any]) -> Form:
    return _form("input", getattr(torch, name), getattr(Tensor, name), *more)


def _binary(name: str, *more: Callable[..., Any], other: str = "other") -> Form:
    return _form(f"input, {other}", getattr(torch, name), getattr(Tensor, name), *more)


FORMS: dict[str, Form] = {
    **{name: _unary(name) for name in ["exp", "log", "sin", "cos", "sqrt", "rsqrt", "tanh", "erf", "floor", "square"]},
    "sigmoid": _unary("sigmoid", torch.special.expit),
    "abs": _unary("abs", torch.absolute),
    "neg": _unary("neg", torch.negative),
    "relu": _unary("relu"),
    "silu": _form("input, inplace=False", F.silu),
    "gelu": _form("input, *approximate='none'", F.gelu),
    "add": _binary("add"),
    "sub": _binary("sub", torch.subtract),
    "mul": _binary("mul", torch.multiply),
    "div": _binary("div", torch.divide, torch.true_divide),
    "truediv": _binary("div", torch.divide, torch.true_divide),
    "matmul": _binary("matmul", torch.linalg.matmul),
    "bmm": _binary("bmm", other="mat2"),
    "pow": _binary("pow", other="exponent"),
    "maximum": _binary("maximum"),
    "lt": _binary("lt", torch.less),
    "gt": _binary("gt", torch.greater),
    "ge": _binary("ge", torch.greater_equal),
    "softmax": _form("input, dim, dtype=None", torch.softmax, Tensor.softmax, F.softmax),
    "log_softmax": _form("input, dim, dtype=None", torch.log_softmax, Tensor.log_softmax, F.log_softmax),
    "dropout": _form("input, p=0.5, training=True", F.dropout),
    "transpose": _form("input, dim0, dim1", torch.transpose, Tensor.transpose),
    "unsqueeze": _form("input, dim", torch.unsqueeze, Tensor.unsqueeze),
    "flatten": _form("input, start_dim=0, end_dim=-1", torch.flatten, Tensor.flatten),
    "cat": _form("tensors, dim=0", torch.cat, torch.concat, torch.concatenate),
    "stack": _form("tensors, dim=0", torch.stack),
    "chunk": _form("input, chunks, dim=0", torch.chunk, Tensor.chunk),
    "mean": _form("input, dim, keepdim=False", torch.mean, Tensor.mean, dim="axis", keepdim="keepdims"),
    "sum": _form("input, dim, keepdim=False", torch.sum, Tensor.sum, dim="axis", keepdim="keepdims"),
    "cumsum": _form("input, dim", torch.cumsum, Tensor.cumsum, dim="axis"),
    "masked_fill": _form("input, mask, value", torch.masked_fill, Tensor.masked_fill),
    "index_select": _form("input, dim, index", torch.index_select, Tensor.index_select),
    "gather": _form("input, dim, index", torch.gather, Tensor.gather),
    "topk": _form("input, k, dim=-1, largest=True, sorted=True", torch.topk, Tensor.topk),
    "tril": _form("input, diagonal=0", torch.tril, Tensor.tril),
    "triu": _form("input, diagonal=0", torch.triu, Tensor.triu),
    "clamp": _form("input, min=None, max=None", torch.clamp, Tensor.clamp, torch.clip),
    "contiguous": _form("input", Tensor.contiguous, Tensor.contiguous),
    "linear": _form("input, weight, bias=None", F.linear),
    "layer_norm": _form("input, normalized_shape, weight=None, bias=None, eps=1e-5", F.layer_norm),
    "conv1d": _form("input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1", F.conv1d),
    "scaled_dot_product_attention": _form(
        "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False", F.scaled_dot_product_attention
    ),
    "pad": _form("input, pad, mode='constant', value=None", F.pad),
    "zeros_like": _form("input", torch.zeros_like),
    "addmm": _form("input, mat1, mat2", torch.addmm, Tensor.addmm),
    "type_as": _form("input, other", Tensor.type_as),
    "adaptive_avg_pool2d": _form("input, output_size", F.adaptive_avg_pool2d),
    "avg_pool2d": _form("input, kernel_size, stride=None, padding=0", F.avg_pool2d),
}
_OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "truediv": operator.truediv,
    "matmul": operator.matmul,
    "pow": operator.pow,
    "lt": operator.lt,
    "gt": operator.gt,
    "ge": operator.ge,
    "neg": operator.neg,
    "rsub": lambda a, b: operator.sub(b, a),
    "radd": lambda a, b: operator.add(b, a),
    "rmul": lambda a, b: operator.mul(b, a),
    "rdiv": lambda a, b: operator.truediv(b, a),
    "getitem": operator.getitem,
    "add_": operator.iadd,
    "sub_": operator.isub,
    "mul_": operator.imul,
    "div_": operator.itruediv,
    "invert": operator.invert,
    "eq": operator.eq,
}


def _sizes(call: Called) -> Callable[[int], Any] | None:
    """``view(2, 3)``, ``view((2, 3))``, ``view([2, 3])``."""
    sizes = call.args[1:]
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    if call.kwargs or not all(type(size) is int for size in sizes) or not sizes:
        return None
    ways = [sizes, (sizes,), (list(sizes),)]
    method = getattr(Tensor, call.name)
    return lambda way: method(call.args[0], *ways[way % 3])


def _cast(call: Called) -> Callable[[int], Any] | None:
    methods = {torch.float32: "float", torch.float64: "double", torch.int64: "long", torch.bool: "bool"}
    asked = [thing for thing in (*call.args[1:], *call.kwargs.values()) if isinstance(thing, torch.dtype)]
    if call.name in methods.values():
        asked = [dtype for dtype, name in methods.items() if name == call.name]
    if (
        call.func.__name__.startswith("__")
        or len(asked) != 1
        or any(isinstance(thing, Tensor) for thing in call.args[1:])
        or "copy" in call.kwargs
    ):
        return None
    x, dtype = call.args[0], asked[0]
    ways: list[Callable[[], Any]] = [
        lambda: x.to(dtype),
        lambda: x.to(dtype=dtype, non_blocking=False),
        lambda: x.to(x.device, dtype),
        lambda: x.type(dtype),
        lambda: x.to(x.device, dtype=dtype, memory_format=torch.preserve_format),
        *([lambda: getattr(x, methods[dtype])()] if dtype in methods else []),
    ]
    return lambda way: ways[way % len(ways)]()


def _where(call: Called) -> Callable[[int], Any] | None:
    if call.kwargs or len(call.args) != 3 or call.func is Tensor.where or not isinstance(call.args[1], Tensor):
        return None
    condition, one, other = call.args
    ways: list[Callable[[], Any]] = [
        lambda: torch.where(condition, one, other),
        lambda: one.where(condition, other),
        lambda: torch.where(condition=condition, input=one, other=other),
    ]
    return lambda way: ways[way % 3]()


def _arange(call: Called) -> Callable[[int], Any] | None:
    rest = {key: value for key, value in call.kwargs.items() if key in ("dtype", "device")}
    if len(call.args) != 1 or len(rest) != len(call.kwargs):
        return None
    end = call.args[0]
    ways: list[Callable[[], Any]] = [
        lambda: torch.arange(0, end, **rest),
        lambda: torch.arange(end=end, **rest),
        lambda: torch.arange(0, end, 1, **rest),
        lambda: torch.arange(start=0, end=end, step=1, requires_grad=False, **rest),
    ]
    return lambda way: ways[way % 4]()


def _einsum(call: Called) -> Callable[[int], Any] | None:
    equation, *operands = call.args
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    return None if call.kwargs else (lambda way: torch.einsum(equation, *((operands,) if way % 2 else operands)))


_SPECIAL: dict[str, Callable[[Called], Callable[[int], Any] | None]] = {
    **dict.fromkeys(("view", "reshape", "permute", "expand", "repeat"), _sizes),
    **dict.fromkeys(("to", "float", "double", "long", "bool", "type"), _cast),
    "where": _where,
    "arange": _arange,
    "einsum": _einsum,
}


class Respelling(Counting):
    """Spells each call that it knows in another of the ways to spell it; ``told`` counts them."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.told = 0

    def called(self, call: Called) -> Any:
        other = _respelled(call, self.seed + self.count)
        if other is None:
            return super().called(call)
        self.told += 1
        return other()


def _respelled(call: Called, way: int) -> Callable[[], Any] | None:
    special = _SPECIAL.get(call.name)
    spelled = special(call) if special is not None else None
    if spelled is not None:
        return lambda: spelled(way)
    plain = not call.kwargs and len(call.args) == (1 if call.name in ("neg", "invert") else 2)
    if plain and call.name in _OPERATORS and (way % 2 or call.name not in FORMS):
        return lambda: _OPERATORS[call.name](*call.args)
    form = FORMS.get(call.name)
    bound = form.bind(call) if form is not None else None
    return None if form is None or bound is None else (lambda: _in_form(form, bound, way // 2))


def _in_form(form: Form, bound: dict[str, Any], way: int) -> Any:
    """By position, by keyword behind the first, by other names, all by keyword, with the defaults written out."""
    home = form.homes[way % len(form.homes)]
    style = way // len(form.homes) % 5
    if style == 0 and list(bound) == list(form.names[: len(bound)]) and len(bound) <= form.positional:
        return home(*bound.values())
    (name, first), *rest = bound.items()
    keywords = {form.other_names.get(key, key) if style == 2 else key: value for key, value in rest}
    if style == 4:
        keywords = {**form.defaults, **keywords}
    if style == 3 and not isinstance(home, types.MethodDescriptorType):
        return home(**{name: first}, **keywords)
    return home(first, **keywords)
