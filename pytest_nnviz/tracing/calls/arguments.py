"""The arguments of a call of torch's Python API, as they are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pytest_nnviz.architecture import Argument, Literal, Tree, Value
from pytest_nnviz.tracing.calls.functions import is_default, signature_of
from pytest_nnviz.tracing.describing.values import ORDINARY, to_value

__all__ = ["as_spelled", "as_value", "written_down"]

ToValue = Callable[[Any], Value]


def written_down(
    name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], value_of: ToValue
) -> tuple[Argument, ...]:
    """Operands by position, the rest by name, defaults left out; as spelled where the signature is not known."""
    signature = signature_of(name, func)
    pairs = signature.bind(args, kwargs) if signature is not None else None
    if signature is None or pairs is None:
        return as_spelled(args, kwargs, value_of)
    arguments: list[Argument] = []
    positional = True
    for key, thing in pairs:
        if key == signature.spreads and type(thing) is tuple:
            arguments.extend(Argument(None, value_of(item)) for item in thing)
            continue
        value = value_of(thing)
        default = signature.default_of.get(key)
        if default is not None and is_default(default, value):
            positional = False
            continue
        positional = positional and key in signature.shown_bare
        arguments.append(Argument(None if positional or key == signature.spreads else key, value))
    return tuple(arguments)


def as_spelled(args: tuple[Any, ...], kwargs: dict[str, Any], value_of: ToValue) -> tuple[Argument, ...]:
    """Positional arguments in order, keywords by their names; a device does not show."""
    positional = [Argument(None, value_of(thing)) for thing in args if not isinstance(thing, torch.device)]
    named = [Argument(key, value_of(thing)) for key, thing in sorted(kwargs.items())]
    return (*positional, *named)


def as_value(name: str, thing: Any, tensor: Callable[[torch.Tensor], Value], other: Callable[[Any], Value]) -> Value:
    """An argument of a function; to all but an index, a list and a tuple are the same."""
    if type(thing) in ORDINARY:
        return tensor(thing)
    value = to_value(thing, tensor, other)
    if type(thing) in (list, tuple) and isinstance(value, Tree) and name not in ("getitem", "setitem"):
        plain = all(isinstance(item, Literal) for item in value.items)
        return Tree("tuple" if plain else "list", value.items)
    return value
