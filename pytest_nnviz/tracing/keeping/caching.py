"""Caches that live as long as a trace: nothing of a model, its classes and functions included, stays alive in them."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["clear_caches", "once_a_trace", "signature", "table_of_a_trace"]

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


def signature(function: Callable[..., Any], *, follow_wrapped: bool = True) -> inspect.Signature:
    """As `inspect.signature`; that of torch's own functions, which stay alive anyway, is asked once a process."""
    plain = type(function) is types.FunctionType and function.__closure__ is None
    if plain and str(function.__module__).startswith("torch."):
        return _lasting(function, follow_wrapped)
    return inspect.signature(function, follow_wrapped=follow_wrapped)


@functools.cache
def _lasting(function: Callable[..., Any], follow_wrapped: bool) -> inspect.Signature:
    return inspect.signature(function, follow_wrapped=follow_wrapped)
