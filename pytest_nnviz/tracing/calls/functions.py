"""Canonical names and arguments of torch functions: the same call written another way is the same record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_nnviz.architecture import Literal, Tree, Value
from pytest_nnviz.tracing.calls.operations import ALIASES, CASTS, KEYWORDS, REFLECTED
from pytest_nnviz.tracing.calls.signatures import SIGNATURES
from pytest_nnviz.tracing.describing.plain import plain_value
from pytest_nnviz.tracing.describing.values import NONE
from pytest_nnviz.tracing.keeping.caching import once_a_function, once_a_trace

__all__ = ["Facts", "Signature", "canonical_name", "facts_of", "is_default", "one_size", "signature_of"]


_SIZES = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"})


def one_size(name: str, value: Any) -> Any:
    """A size that is the same in all directions as one number, as is the only one of several dims.

    An index stays as it is: a list picks elements, a tuple says one for each dimension.
    """
    if not isinstance(value, (tuple, list)) or name == "index":
        return value
    numbers = set(value) if all(type(item) is int for item in value) else ()
    folds = name in _SIZES or (name == "dim" and len(value) == 1)
    return value[0] if folds and len(numbers) == 1 else tuple(value) if numbers else value


@dataclass(frozen=True)
class Signature:
    """Parameters by name with their defaults (None without one); the first ``operands`` are shown without names.

    ``spread`` is the index of the parameter that takes sizes or dims written out.
    """

    names: tuple[str, ...]
    defaults: tuple[Value | None, ...]
    operands: int
    spread: int | None = None

    @functools.cached_property
    def default_of(self) -> dict[str, Value | None]:
        """Defaults by name."""
        return dict(zip(self.names, self.defaults, strict=True))

    @functools.cached_property
    def shown_bare(self) -> frozenset[str]:
        """The parameters that are shown without their names."""
        return frozenset(self.names[: self.operands])

    @functools.cached_property
    def spreads(self) -> str | None:
        """The parameter that takes sizes or dims written out."""
        return None if self.spread is None else self.names[self.spread]

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
            elif key != "out":
                return None
        if self.spreads is not None and isinstance(found.get(self.spreads), (list, tuple)):
            found[self.spreads] = tuple(found[self.spreads])
        if "stride" in found and self._says_its_stride_twice(found):
            del found["stride"]
        pairs = [
            (name, one_size(name, found[name]) if isinstance(found[name], (tuple, list)) else found[name])
            for name in self.names
            if name in found
        ]
        if kwargs.get("out") is not None and "out" not in found:
            pairs.append(("out", kwargs["out"]))
        return pairs

    def _says_its_stride_twice(self, found: dict[str, Any]) -> bool:
        """Whether a pooling is told to stride by its kernel, as it does if it is told nothing."""
        if not is_default(self.default_of["stride"], NONE):
            return False
        stride = one_size("stride", found["stride"])
        return stride in (None, (), one_size("kernel_size", found.get("kernel_size")))


def is_default(default: Value | None, value: Value) -> bool:
    """Whether an argument is what a function takes if it is left out; ``1.0`` is if the default is ``1``."""
    if isinstance(default, Literal) and isinstance(value, Literal):
        return value.text in (default.text, f"{default.text}.0")
    return value == default


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
        defaults.append(_default(default) if separator else None)
    if spread is not None:
        operands = max(operands, spread + 1)
    return Signature(tuple(names), tuple(defaults), operands, spread)


def _default(text: str) -> Value:
    if not text.startswith("("):
        return Literal(text)
    return Tree("tuple", tuple(Literal(part) for part in _split(text[1:-1]) if part))


@functools.cache
def _table() -> dict[str, Signature]:
    table = {}
    for line in SIGNATURES.strip().splitlines():
        name, _, parameters = line.partition("(")
        table[name] = _parse(parameters.rstrip()[:-1])
    return table


@dataclass(frozen=True, slots=True)
class Facts:
    """What a function says of itself.

    Attributes:
        name: the canonical name.
        is_attribute: whether it is an attribute that is read or set.
        is_torchs: whether it is torch's own; what torch has in C has no module, an author's operator has a namespace.
        is_reflected: whether it takes its operands the other way round.
    """

    name: str
    is_attribute: bool
    is_torchs: bool
    is_reflected: bool


def facts_of(func: Callable[..., Any]) -> Facts:
    """What a function says of itself, asked once a trace."""
    try:
        return _known_facts(func)
    except TypeError:  # not hashable
        return _facts(func)


def _facts(func: Callable[..., Any]) -> Facts:
    name, is_attribute = canonical_name(func)
    module = getattr(func, "__module__", None) or "torch"
    is_torchs = module.partition(".")[0] == "torch" and not name.startswith("ops.")
    return Facts(name, is_attribute, is_torchs, getattr(func, "__name__", "") in REFLECTED)


@once_a_trace
def _known_facts(func: Callable[..., Any]) -> Facts:
    return _facts(func)


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


@once_a_function
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
