"""Which argument of forward is which: calls of modules by the names of their signature."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch

__all__ = ["bind", "leading_names"]


@functools.lru_cache(maxsize=4096)
def _forward_parameters(cls: Any) -> dict[str, inspect.Parameter]:
    """Parameters of forward without self; none where they cannot be known (ScriptModules)."""
    try:
        parameters = dict(inspect.signature(cls.forward).parameters)
    except (TypeError, ValueError, AttributeError):
        return {}
    parameters.pop(next(iter(parameters), ""), None)
    return parameters


def bind(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and values of the arguments of forward, in the order of its signature; defaults left out."""
    if "forward" in vars(module):
        parameters = dict(inspect.signature(module.forward).parameters)
    else:
        parameters = _forward_parameters(_class(module))
    rest = list(args)
    pairs: list[tuple[str, Any]] = []
    given = dict(kwargs)
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            pairs.extend([(name, tuple(rest))] if rest else [])
            rest = []
        elif parameter.kind is parameter.VAR_KEYWORD:
            continue
        elif rest and parameter.kind is not parameter.KEYWORD_ONLY:
            pairs.append((name, rest.pop(0)))
        elif name in given:
            pairs.append((name, given.pop(name)))
    pairs.extend((f"arg{index}", thing) for index, thing in enumerate(rest))
    pairs.extend(given.items())
    return [pair for pair in pairs if not _is_default(parameters.get(pair[0]), pair[1])]


def _is_default(parameter: inspect.Parameter | None, value: Any) -> bool:
    if parameter is None or parameter.default is parameter.empty:
        return False
    default = parameter.default
    return value is default or (
        isinstance(value, bool | int | float | str) and type(value) is type(default) and value == default
    )


def _class(module: torch.nn.Module) -> Any:
    return type(module)


def leading_names(module: torch.nn.Module) -> list[str]:
    """The arguments of a module's forward, in order."""
    return list(_forward_parameters(_class(module)))
