"""Caches that live as long as a trace: nothing of a model, its classes and functions included, stays alive in them."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["clear_caches", "once_a_function", "once_a_trace", "signature", "table_of_a_trace"]

_F = TypeVar("_F", bound=Callable[..., object])
_CLEAR: list[Callable[[], None]] = []


def once_a_trace(function: _F) -> _F:
    """Remember what a function returns until `clear_caches`."""
    cached = functools.cache(function)
    _CLEAR.append(cached.cache_clear)
    return cast("_F", cached)


def table_of_a_trace() -> dict[Any, Any]:
    """A table that is empty after each trace."""
    table: dict[Any, Any] = {}
    _CLEAR.append(table.clear)
    return table


def clear_caches() -> None:
    """A trace is over."""
    for clear in _CLEAR:
        clear()


def once_a_function(look: _F) -> _F:
    """Remember what is found of a function: of torch's own, which stay alive anyway, for good, of others until
    `clear_caches`. Of what is no plain function it is looked up each time.
    """
    lasting, passing = functools.cache(look), once_a_trace(look)

    @functools.wraps(look)
    def found(function: Any, *how: Any) -> object:
        if type(function) is not types.FunctionType:
            return look(function, *how)
        is_torchs = function.__closure__ is None and str(function.__module__).startswith("torch.")
        return (lasting if is_torchs else passing)(function, *how)

    return cast("_F", found)


@once_a_function
def signature(function: Callable[..., Any], follow_wrapped: bool = True) -> inspect.Signature:
    """As `inspect.signature`."""
    return inspect.signature(function, follow_wrapped=follow_wrapped)
