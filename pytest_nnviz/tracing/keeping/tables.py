"""Tables that functions keep in an ``lru_cache``: computed anew in a pass, so that it shows how, and left to nobody."""

from __future__ import annotations

import functools
import gc
from types import TracebackType
from typing import Any, Literal, Self

import torch

from pytest_nnviz.tracing.describing.values import walk
from pytest_nnviz.tracing.keeping.surroundings import put_back

__all__ = ["Tables"]


class Tables:
    """Watches each ``lru_cache`` for the length of a pass, and clears those that the pass used and that hold tensors.

    ``warm`` says that one of them was not empty before: what it held was computed in an earlier pass, or outside. A
    meta tensor left in one would be handed out for ever after.
    """

    def __init__(self) -> None:
        self.warm = False
        self._caches = [thing for thing in gc.get_objects() if type(thing) is functools._lru_cache_wrapper]
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self.warm = False
        self._before = [cache.cache_info() for cache in self._caches]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> Literal[False]:
        pairs = zip(self._caches, self._before, strict=True)
        used = [(cache, before) for cache, before in pairs if cache.cache_info()[:2] != before[:2]]
        tables = [(cache, before) for cache, before in used if _holds_tensors(cache)]
        self.warm = any(before.currsize for _, before in tables)
        put_back([cache.cache_clear for cache, _ in tables])
        return False


def _holds_tensors(cache: Any) -> bool:
    return any(isinstance(leaf, torch.Tensor) for _, leaf in walk(gc.get_referents(cache)))
