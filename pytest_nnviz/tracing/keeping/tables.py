"""Tables that functions keep in an ``lru_cache``: computed anew in a pass, so that it shows how, and not touched."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from types import CellType, ModuleType, TracebackType
from typing import Any, Literal, Self

import torch

from pytest_nnviz.tracing.describing.values import walk
from pytest_nnviz.tracing.keeping.leftovers import classes_of
from pytest_nnviz.tracing.keeping.surroundings import put_back

__all__ = ["Tables"]


class Tables:
    """Empty caches for the length of a pass, in the place of each ``lru_cache`` that holds tensors.

    The filled ones are not touched: wherever a variable holds one, it holds another meanwhile. Those that a pass fills
    are cleared after it, as a meta tensor left in one would be handed out for ever after.
    """

    def __init__(self) -> None:
        caches = _caches()
        self._filled = [cache for cache in caches if cache.cache_info().currsize and _holds_tensors(cache)]
        filled = set(map(id, self._filled))
        self._others = [cache for cache in caches if id(cache) not in filled]
        self._places = _places_of(self._filled) if filled else []
        self._before: list[Any] = []
        self._stand_ins = ExitStack()

    def __enter__(self) -> Self:
        self._before = [cache.cache_info() for cache in self._others]
        empty = {cache: functools.lru_cache(**cache.cache_parameters())(cache.__wrapped__) for cache in self._filled}
        with ExitStack() as stack:
            for holder, key, cache in self._places:
                _replace(holder, key, cache, empty[cache], stack)
            self._stand_ins = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> Literal[False]:
        try:
            self._stand_ins.close()
        finally:  # again, for an interrupt that came just before
            self._stand_ins.close()
        pairs = zip(self._others, self._before, strict=True)
        used = [cache for cache, before in pairs if cache.cache_info().misses != before.misses]
        put_back([cache.cache_clear for cache in used if _holds_tensors(cache)])
        return False


_KIND = functools._lru_cache_wrapper
_PACKAGE = __name__.partition(".")[0]
# The caches that there were when they were last looked for, and how many references to their class.
_SEEN: list[tuple[int, list[weakref.ref[Any]]]] = []


def _caches() -> list[Any]:
    """All caches of functions; to look for them is to look at all objects, which is done where there may be others."""
    if _SEEN and sys.getrefcount(_KIND) == _SEEN[0][0]:
        caches = [found() for found in _SEEN[0][1]]
        if None not in caches:
            return caches
    # Objects refer to their class: half of what it takes to look at every object that there is.
    caches = [thing for thing in gc.get_referrers(_KIND) if type(thing) is _KIND and not _is_own(thing)]
    _SEEN[:] = [(sys.getrefcount(_KIND), list(map(weakref.ref, caches)))] if _is_counted() else []
    return caches


def _is_own(cache: Any) -> bool:
    """Whether it is of this package, which keeps names and signatures in its caches, no tensors."""
    return str(getattr(cache, "__module__", "")).startswith(f"{_PACKAGE}.")


def _is_counted() -> bool:
    """Whether a cache counts as a reference to its class, as in each Python where classes are not immortal."""
    before = sys.getrefcount(_KIND)
    another = functools.lru_cache(_is_counted)
    return sys.getrefcount(_KIND) == before + 1 and another is not None


# What was found in a cache, as long as nobody used it since: most are of libraries, and rest.
_FOUND: weakref.WeakKeyDictionary[Any, tuple[object, bool]] = weakref.WeakKeyDictionary()


def _holds_tensors(cache: Any) -> bool:
    state = cache.cache_info()
    known = _FOUND.get(cache)
    if known is None or known[0] != state:
        # Not its keys: what they are called may use the cache.
        kept = [list(held.values()) if type(held) is dict else held for held in gc.get_referents(cache)]
        found = any(isinstance(leaf, torch.Tensor) for _, leaf in walk(kept))
        known = _FOUND[cache] = (state, found)
    return known[1]


_Place = tuple[Any, str, Any]

# Of caches that stood under their names alone when they were last looked for: how many references they had.
_AT_HOME: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def _places_of(caches: list[Any]) -> list[_Place]:
    """Where variables, attributes and entries are these caches: the holder, the key, the cache.

    To look for them is to look at all objects, which is done where one may stand elsewhere than under its name.
    """
    counts = [(cache, sys.getrefcount(cache)) for cache in caches]
    at_home = {id(cache): _homes(cache) for cache in caches}
    if all(at_home[id(cache)] and _AT_HOME.get(cache) == count for cache, count in counts):
        return [place for homes in at_home.values() for place in homes]
    found = list(_searched(caches))
    for cache, count in counts:
        places = [(id(holder), key) for holder, key, value in found if value is cache]
        if sorted(places) == sorted((id(holder), key) for holder, key, _ in at_home[id(cache)]):
            _AT_HOME[cache] = count
    return found


def _homes(cache: Any) -> list[_Place]:
    """The class or the modules in which a cache stands under its name."""
    *path, name = str(getattr(cache, "__qualname__", "")).split(".")
    if not path:
        modules = [vars(module) for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
        return [(names, name, cache) for names in modules if names.get(name) is cache]
    owner: Any = sys.modules.get(str(getattr(cache, "__module__", "")))
    for part in path:
        owner = getattr(owner, "__dict__", {}).get(part)
    return [(owner, name, cache)] if isinstance(owner, type) and vars(owner).get(name) is cache else []


def _searched(caches: list[Any]) -> Iterator[_Place]:
    wanted = set(map(id, caches))
    for holder in gc.get_referrers(*caches):
        if isinstance(holder, CellType):
            yield holder, "cell_contents", holder.cell_contents
        elif isinstance(holder, dict):
            keys = [key for key, value in holder.items() if id(value) in wanted]
            owner = next(classes_of(holder), holder)
            yield from ((owner, key, holder[key]) for key in keys)


def _replace(holder: Any, key: Any, old: Any, new: Any, stack: ExitStack) -> None:
    """Put ``new`` where ``old`` is, until the stack closes."""
    if isinstance(holder, dict):
        if holder.get(key) is old:
            stack.callback(holder.__setitem__, key, old)
            holder[key] = new
    else:
        stack.callback(setattr, holder, key, old)
        setattr(holder, key, new)
