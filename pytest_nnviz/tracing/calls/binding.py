"""Which argument of forward is which: calls of modules by the names of their signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from pytest_nnviz.tracing.keeping.caching import once_a_trace, signature

__all__ = ["bind", "entry_point", "leading_names", "takes_operand"]

_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_POSITIONAL_OR_KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD
_EMPTY = inspect.Parameter.empty


class _Parameter(NamedTuple):
    """What of an `inspect.Parameter` is asked at each call; there it is computed each time."""

    kind: Any
    default: Any


_Parameters = dict[str, _Parameter]


def entry_point(module: torch.nn.Module) -> Callable[..., Any]:
    """What a call of the module reaches first: a ``__call__`` of its own, else its forward."""
    own_call = type(module).__call__ not in (torch.nn.Module.__call__, torch.nn.Module._wrapped_call_impl)
    return module.__call__ if own_call else module.forward


def bind(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, call: bool = False
) -> list[tuple[str, Any]]:
    """Names and values of the arguments of forward, in the order of its signature; defaults left out.

    ``call`` binds what the module is called with, which a ``__call__`` of its own may name otherwise.
    """
    parameters = _called_with(module) if call else _parameters(module)
    rest = list(args)
    pairs: list[tuple[str, Any]] = []
    given = dict(kwargs)
    for name, parameter in parameters.items():
        if not rest and not given:
            break
        if parameter.kind is _VAR_POSITIONAL:
            pairs.extend([(name, tuple(rest))] if rest else [])
            rest = []
        elif parameter.kind is _VAR_KEYWORD:
            continue
        elif rest and parameter.kind is not _KEYWORD_ONLY:
            pairs.append((name, rest.pop(0)))
        elif name in given and parameter.kind is not _POSITIONAL_ONLY:
            pairs.append((name, given.pop(name)))
    if rest:
        pairs.extend((f"arg{index}", thing) for index, thing in enumerate(rest))
    if given:
        taken = {name for name, _ in pairs}
        pairs.extend((f"{name}_" if name in taken else name, thing) for name, thing in sorted(given.items()))
    return [pair for pair in pairs if not _is_default(parameters.get(pair[0]), pair[1])]


def leading_names(module: torch.nn.Module) -> list[str]:
    """The arguments of a module's forward, in order."""
    return list(_parameters(module))


@once_a_trace
def takes_operand(cls: Any) -> bool:
    """Whether the first argument of a class's forward may be handed by position."""
    first = next(iter(_class_parameters(cls).values()), None)
    return (
        first is not None
        and not issubclass(cls, torch.jit.ScriptModule)
        and first.kind in (_POSITIONAL_ONLY, _POSITIONAL_OR_KEYWORD)
    )


def _called_with(module: torch.nn.Module) -> _Parameters:
    """What a call of the module takes; what takes anything hands it on to forward."""
    parameters = _own_parameters(entry_point(module))
    anything = all(parameter.kind in (_VAR_POSITIONAL, _VAR_KEYWORD) for parameter in parameters.values())
    return _parameters(module) if anything else parameters


def _parameters(module: torch.nn.Module) -> _Parameters:
    if isinstance(module, torch.jit.ScriptModule):
        return _script_parameters(module)
    if "forward" in vars(module):
        return _own_parameters(module.forward)
    cls: Any = type(module)
    return _class_parameters(cls)


def _script_parameters(module: torch.nn.Module) -> _Parameters:
    schema = getattr(getattr(module, "forward", None), "schema", None)
    names = [argument.name for argument in schema.arguments[1:]] if schema is not None else []
    return dict.fromkeys(names, _Parameter(_POSITIONAL_OR_KEYWORD, _EMPTY))


@once_a_trace
def _class_parameters(cls: Any) -> _Parameters:
    """Parameters of forward without self."""
    try:
        raw = inspect.getattr_static(cls, "forward")
    except AttributeError:
        return {}
    parameters = _own_parameters(getattr(cls, "forward", raw))
    first = next(iter(parameters.values()), None)
    if isinstance(raw, staticmethod | classmethod) or first is None or first.kind is _VAR_POSITIONAL:
        return parameters
    return dict(list(parameters.items())[1:])


def _own_parameters(function: Callable[..., Any]) -> _Parameters:
    """Parameters as they are called, not those of what a decorator wraps; none where they cannot be known."""
    try:
        found = signature(function, False).parameters
    except (TypeError, ValueError, AttributeError):  # ScriptModules, and what is written in C
        return {}
    return {name: _Parameter(parameter.kind, parameter.default) for name, parameter in found.items()}


def _is_default(parameter: _Parameter | None, value: Any) -> bool:
    if parameter is None or parameter.default is _EMPTY:
        return False
    default = parameter.default
    return value is default or (
        isinstance(value, bool | int | float | str) and type(value) is type(default) and value == default
    )
