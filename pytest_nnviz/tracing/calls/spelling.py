"""Special spellings of common operations, brought to the one that is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pytest_nnviz.tracing.calls.functions import Facts
from pytest_nnviz.tracing.calls.operations import CASTS, DROPPED
from pytest_nnviz.tracing.describing.values import DtypeText

__all__ = ["spell"]

_OPERANDS = ("input", "self", "other")
Spelled = tuple[str, tuple[Any, ...], dict[str, Any]]


def spell(facts: Facts, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """Bring special spellings of torch's own operations to the one that is recorded; others stay as they are."""
    name = facts.name
    if not facts.is_torchs:
        return name, args, kwargs
    if name == "requires_grad_":
        return name, (*args, *kwargs.values()), {}
    if kwargs:
        kwargs = {key: value for key, value in kwargs.items() if key not in DROPPED and key[0] != "_"}
        if kwargs.get("inplace") is True:
            name, kwargs = f"{name}_", {key: value for key, value in kwargs.items() if key != "inplace"}
    if facts.is_reflected:
        first, second, *rest = (*args, *(kwargs[key] for key in _OPERANDS if key in kwargs))
        return name, (second, first, *rest), {key: value for key, value in kwargs.items() if key not in _OPERANDS}
    special = _SPECIAL.get(name)
    if special is not None:
        return special(func, args, kwargs)
    return name, args, kwargs


def _spell_cast(dtype: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        return "to", args[:1], {"dtype": DtypeText(dtype)}

    return spelled


def _spell_to(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    dtypes = [arg for arg in args[1:] if isinstance(arg, torch.dtype)]
    tensors = [arg for arg in args[1:] if isinstance(arg, torch.Tensor)]
    flags = [arg for arg in args[1:] if isinstance(arg, bool)]
    keywords = {key: value for key, value in kwargs.items() if key in ("dtype", "copy")}
    tensors += [kwargs["other"]] if "other" in kwargs else []
    if dtypes:
        keywords["dtype"] = dtypes[0]
    if len(flags) > 1:  # (non_blocking, copy)
        keywords["copy"] = flags[1]
    return "to", (args[0], *tensors), keywords


def _spell_transfer(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """``cpu()``, ``cuda()``: ``to`` a device, which does not show."""
    return "to", args[:1], {}


def _spell_einsum(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """Blanks in an equation say nothing."""
    if args and isinstance(args[0], str):
        args = ("".join(args[0].split()), *args[1:])
    return "einsum", args, kwargs


def _spell_type(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    dtype = kwargs.get("dtype", args[1] if len(args) > 1 else None)
    if isinstance(dtype, str) and dtype.startswith("torch."):
        dtype = getattr(torch, dtype.rpartition(".")[2], None)
    dtype = getattr(dtype, "dtype", dtype)  # of torch.FloatTensor
    if isinstance(dtype, torch.dtype):
        return "to", args[:1], {"dtype": dtype}
    return "type", args, kwargs


def _spell_arange(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    from_zero = len(args) == 1 and "end" not in kwargs
    given = dict(zip(("end",) if from_zero else ("start", "end", "step"), args, strict=False))
    given |= {key: kwargs[key] for key in ("start", "end", "step") if key in kwargs}
    rest = {key: value for key, value in kwargs.items() if key not in given}
    return "arange", (given.get("start", 0), given.get("end"), given.get("step", 1)), rest


def _spell_extremum(name: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        other = kwargs.get("other", args[1] if len(args) > 1 else None)
        if isinstance(other, torch.Tensor):
            return f"{name}imum", (args[0], other), {}
        return name, args, kwargs

    return spelled


def _spell_dims(name: str) -> Callable[..., Spelled]:
    """``sum(0, 1)`` written for ``sum((0, 1))``; ``std(False)`` for ``std(unbiased=False)``."""

    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        first, rest = args[:1], list(args[1:])
        if name in ("std", "var"):
            kwargs = _with_correction(rest, kwargs)
        if len(rest) > 1 and all(type(arg) is int for arg in rest):
            rest = [tuple(rest)]
        return name, (*first, *rest), kwargs

    return spelled


def _with_correction(rest: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """``(unbiased)`` or ``(dim, unbiased, keepdim)``, taken out of ``rest``, as the number that they stand for."""
    flags = [at for at, arg in enumerate(rest) if isinstance(arg, bool)][:1]
    for at in flags:
        kwargs = {**kwargs, **dict(zip(("unbiased", "keepdim"), rest[at:], strict=False))}
        del rest[at:]
    if "unbiased" not in kwargs:
        return kwargs
    return {**{key: value for key, value in kwargs.items() if key != "unbiased"}, "correction": int(kwargs["unbiased"])}


def _spell_commutative(name: str) -> Callable[..., Spelled]:
    """``2 * x`` reaches torch as ``x.mul(2)``; ``torch.mul(2, x)`` is the same."""

    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        number_first = len(args) == 2 and not kwargs and type(args[0]) in (bool, int, float, complex)
        return name, args[::-1] if number_first else args, kwargs

    return spelled


_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}


def _spell_comparison(name: str) -> Callable[..., Spelled]:
    """Python hands ``x > parameter`` to the parameter, the class derived from Tensor: ``parameter < x``."""

    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        weights = [isinstance(arg, torch.nn.Parameter) for arg in args]
        turned = weights == [True, False] and isinstance(args[1], torch.Tensor) and not kwargs
        return (_MIRRORED[name], args[::-1], kwargs) if turned else (name, args, kwargs)

    return spelled


def _spell_where(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    if len(args) == 1 and not kwargs:
        return "nonzero", args, {"as_tuple": True}
    if func is torch.Tensor.where:
        return "where", (*args[1:2], args[0], *args[2:]), kwargs
    return "where", args, kwargs


def _spell_view(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    if "dtype" in kwargs:
        return "view", (*args, kwargs["dtype"]), {}
    return "view", args, kwargs


def _spell_matrix_transpose(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    return "transpose", (*args, -2, -1), kwargs


def _spell_scatter(name: str) -> Callable[..., Spelled]:
    """A number instead of a tensor is the ``value`` by keyword, and needs no name by position."""

    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        return name, args, {"src" if key == "value" else key: thing for key, thing in kwargs.items()}

    return spelled


def _spell_norm(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """The norm of order two is what "fro", the default, stands for."""
    given = {**kwargs, **dict(zip(("p",), args[1:2], strict=False))}
    if type(given.get("p")) in (int, float) and given["p"] == 2:
        given["p"] = "fro"
    rest = dict(zip(("dim", "keepdim", "dtype"), args[2:], strict=False))
    return "norm", args[:1], {**given, **rest}


def _spell_polygamma(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    is_method = len(args) == 2 and not isinstance(args[1], torch.Tensor)
    return "polygamma", args[::-1] if is_method else args, kwargs


def _renamed(name: str) -> Callable[..., Spelled]:
    return lambda _, args, kwargs: (name, args, kwargs)


_SPECIAL: dict[str, Callable[..., Spelled]] = {
    "to": _spell_to,
    "type": _spell_type,
    "arange": _spell_arange,
    "max": _spell_extremum("max"),
    "min": _spell_extremum("min"),
    "sum": _spell_dims("sum"),
    "mean": _spell_dims("mean"),
    "std": _spell_dims("std"),
    "var": _spell_dims("var"),
    "where": _spell_where,
    **{name: _spell_commutative(name) for name in ("add", "mul")},
    **{name: _spell_comparison(name) for name in _MIRRORED},
    "einsum": _spell_einsum,
    **dict.fromkeys(("cpu", "cuda", "xpu"), _spell_transfer),
    "view": _spell_view,
    "polygamma": _spell_polygamma,
    "norm": _spell_norm,
    **{name: _spell_scatter(name) for name in ("scatter", "scatter_")},
    "T": _renamed("t"),
    "mT": _spell_matrix_transpose,
    "H": _renamed("adjoint"),
    "mH": _renamed("adjoint"),
    **{f"cast_{name}": _spell_cast(dtype) for name, dtype in CASTS.items()},
}
