"""Canonical names and arguments of torch functions: the same call written another way is the same record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_nnviz.architecture import Literal, Tree, Value
from pytest_nnviz.tracing.operations import ALIASES, CASTS, DROPPED, KEYWORDS, REFLECTED, SIGNATURES
from pytest_nnviz.tracing.plain import plain_value
from pytest_nnviz.tracing.values import DtypeText

__all__ = ["Signature", "canonical_name", "signature_of", "spell"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters by name with their defaults (None without one); the first ``operands`` are shown without names."""

    names: tuple[str, ...]
    defaults: tuple[Value | None, ...]
    operands: int
    spread: int | None = None

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]] | None:
        """Pairs of name and value in the order of the signature, or None where the arguments do not fit."""
        if self.spread is not None and len(args) > self.spread:
            rest = args[self.spread :]
            single = len(rest) == 1 and isinstance(rest[0], list | tuple)
            args = (*args[: self.spread], tuple(rest[0] if single else rest))
        if len(args) > len(self.names):
            return None
        found = dict(zip(self.names, args, strict=False))
        for key, value in kwargs.items():
            name = key if key in self.names else KEYWORDS.get(key, key)
            if name in self.names:
                if name in found:
                    return None
                found[name] = value
            elif key not in DROPPED and key != "out" and not key.startswith("_"):
                return None
        if self.spread is not None and isinstance(found.get(self.names[self.spread]), list | tuple):
            found[self.names[self.spread]] = tuple(found[self.names[self.spread]])
        pairs = [(name, found[name]) for name in self.names if name in found]
        if kwargs.get("out") is not None and "out" not in found:
            pairs.append(("out", kwargs["out"]))
        return pairs

    def default(self, name: str) -> Value | None:
        """The default of a parameter, None where there is none."""
        return self.defaults[self.names.index(name)] if name in self.names else None

    def spreads(self, name: str) -> bool:
        """Whether the parameter takes sizes or dims written out."""
        return self.spread is not None and self.names[self.spread] == name

    def is_operand(self, name: str) -> bool:
        """Whether the parameter is shown without its name."""
        return name in self.names[: self.operands]


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def _parse(parameters: str) -> Signature:
    names: list[str] = []
    defaults: list[Value | None] = []
    operands, spread = 0, None
    for part in _split(parameters):
        if part == "/":
            operands = len(names)
            continue
        name, separator, default = part.partition("=")
        if name.startswith("*"):
            spread = len(names)
            name = name[1:]
        names.append(name)
        defaults.append((Tree("tuple", ()) if default == "()" else Literal(default)) if separator else None)
    if spread is not None:
        operands = max(operands, spread + 1)
    return Signature(tuple(names), tuple(defaults), operands, spread)


@functools.cache
def _table() -> dict[str, Signature]:
    table = {}
    for line in SIGNATURES.strip().splitlines():
        name, _, parameters = line.partition("(")
        table[name] = _parse(parameters.rstrip()[:-1])
    return table


def canonical_name(func: Callable[..., Any]) -> tuple[str, bool]:
    """The name of a function, and whether it is an attribute that is read.

    Operators, methods, functions and ``torch.ops`` of one operation share one name.
    """
    if getattr(func, "__name__", "") in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        getter = getattr(owner, "fget", None)
        name = getattr(owner, "__name__", None) or getattr(getter, "__name__", "attribute")
        return (str(name) if func.__name__ == "__get__" else f"set_{name}"), True
    schema = getattr(func, "_schema", None) or getattr(func, "_qualified_op_name", None)
    if schema is not None:
        return _operator_name(str(getattr(schema, "name", schema))), False
    raw = getattr(func, "__name__", type(func).__name__)
    name = raw
    if raw in CASTS:
        return f"cast_{raw}", False
    if raw.startswith("__") and raw.endswith("__"):
        name = "bitwise_and" if raw == "__rand__" else raw[2:-2]
    elif raw.startswith("_") and not raw.startswith("__"):
        name = raw.lstrip("_")
    return ALIASES.get(name, name), False


def _operator_name(qualified: str) -> str:
    namespace, _, name = qualified.partition("::")
    return name if namespace == "aten" else f"ops.{namespace}.{name}"


@functools.lru_cache(maxsize=4096)
def _python_signature(func: Callable[..., Any]) -> Signature | None:
    if not inspect.isfunction(func):
        return None
    names: list[str] = []
    defaults: list[Value | None] = []
    operands = 0
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        if parameter.default is parameter.empty:
            operands += operands == len(names)
            defaults.append(None)
        else:
            defaults.append(plain_value(parameter.default))
        names.append(parameter.name)
    return Signature(tuple(names), tuple(defaults), operands)


def signature_of(name: str, func: Callable[..., Any]) -> Signature | None:
    """How to read the arguments of a function: our table, else its Python signature, else None (as spelled)."""
    if name == "embedding" and not inspect.isfunction(func):
        return None  # torch.embedding takes the weight first
    table = _table()
    found = table.get(name) or (table.get(name[:-1]) if name.endswith("_") else None)
    return found or _python_signature(func)


Spelled = tuple[str, tuple[Any, ...], dict[str, Any]]


def spell(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """Bring special spellings of common operations to the one that is recorded."""
    kwargs = {key: value for key, value in kwargs.items() if key not in DROPPED}
    if kwargs.get("inplace") is True:
        name, kwargs = f"{name}_", {key: value for key, value in kwargs.items() if key != "inplace"}
    if getattr(func, "__name__", "") in REFLECTED:
        operands = (*args, *(kwargs[key] for key in ("input", "self", "other") if key in kwargs))
        if len(operands) == 2:
            return name, operands[::-1], {}
    special = _SPECIAL.get(name)
    if special is not None:
        return special(func, args, kwargs)
    return name, args, kwargs


def _spell_cast(dtype: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        return "to", args[:1], {"dtype": DtypeText(dtype)}

    return spelled


def _spell_to(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    import torch

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
    import torch

    if len(args) == 2 and isinstance(args[1], torch.dtype):
        return "to", args[:1], {"dtype": args[1]}
    return "type", args, kwargs


def _spell_arange(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    given = dict(zip(("start", "end", "step") if len(args) > 1 else ("end",), args, strict=False))
    given |= {key: kwargs[key] for key in ("start", "end", "step") if key in kwargs}
    rest = {key: value for key, value in kwargs.items() if key not in given}
    return "arange", (given.get("start", 0), given.get("end"), given.get("step", 1)), rest


def _spell_extremum(name: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        import torch

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


def _spell_where(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    import torch

    if len(args) == 1 and not kwargs:
        return "nonzero", args, {"as_tuple": True}
    if func is torch.Tensor.where:
        return "where", (*args[1:2], args[0], *args[2:]), kwargs
    return "where", args, kwargs


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
    "einsum": _spell_einsum,
    **dict.fromkeys(("cpu", "cuda", "xpu"), _spell_transfer),
    **{f"cast_{name}": _spell_cast(dtype) for name, dtype in CASTS.items()},
}
