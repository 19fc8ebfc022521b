"""Caches that live as long as a trace: nothing of a model, its classes and functions included, stays alive in them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["clear_caches", "once_a_trace"]

_F = TypeVar("_F", bound=Callable[..., object])
_CLEAR: list[Callable[[], None]] = []


def once_a_trace(function: _F) -> _F:
    """Remember what a function returns until `clear_caches`."""
    cached = functools.cache(function)
    _CLEAR.append(cached.cache_clear)
    return cast("_F", cached)


def clear_caches() -> None:
    """A trace is over."""
    for clear in _CLEAR:
        clear()
