"""Tensors of a pass with other tensors than the model's own: none of them stays in what lies outside of the model."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import SHARED, walk

__all__ = ["Leftovers", "classes_of"]

_MAX_DEPTH = 6
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, CodeType})
_CONTAINERS = frozenset({list, tuple, set, frozenset, deque})
_OTHERS = frozenset({"torch", "numpy", "builtins", *sys.stdlib_module_names})
_MISSING = object()


class Leftovers:
    """What the code of a model leads to outside of it, and the tensors that must not stay there.

    A function that keeps a table in a dictionary, a class attribute or a global variable would hand it to the next
    real call: a tensor without values, or one made of perturbed weights. `clear` puts back what was in its place.
    Followed are the methods of the model's classes, its hooks, and whatever functions and variables those name, in
    modules that are not torch's, numpy's or of the standard library; nothing else is touched.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._before: dict[int, tuple[Any, dict[Any, Any]]] = {}
        self._seen: set[int] = set()
        self._made: list[weakref.ref[torch.Tensor]] = []
        self._follow([thing for module in model.modules() for thing in (vars(module), *type(module).__mro__)])

    def watch(self, tensors: Iterable[torch.Tensor]) -> None:
        """Tensors that have to be gone when all is over."""
        self._made += [weakref.ref(tensor) for tensor in tensors]

    def clear(self) -> None:
        """Take those that are still there from where they are held."""
        alive = {id(tensor) for reference in self._made if (tensor := reference()) is not None}
        for holder, before in list(self._before.values()) if alive else ():
            _restore(holder, before, alive)
        self._before.clear()

    def _follow(self, things: list[Any]) -> None:
        stack = [(thing, 0) for thing in things]
        while stack:
            thing, depth = stack.pop()
            if type(thing) in _PLAIN or id(thing) in self._seen or depth > _MAX_DEPTH:
                continue
            self._seen.add(id(thing))
            stack += [(inside, depth + 1) for inside in self._inside(thing)]

    def _inside(self, thing: Any) -> Iterable[Any]:
        """What a thing leads to; what of it can change is kept."""
        cls = type(thing)  # not isinstance: that asks the object, which may answer with code
        if issubclass(cls, (*SHARED, torch.Tensor, ModuleType)):
            return ()
        if cls is FunctionType:
            return self._of_function(thing) if _is_authors(thing) else ()
        if cls is MethodType:
            return (thing.__func__, thing.__self__)
        if issubclass(cls, type) and not _is_authors(thing):
            return ()
        entries = _entries(thing)
        if cls not in (tuple, frozenset):
            self._before[id(thing)] = (thing, entries)
        return [*entries.values()]

    def _of_function(self, function: FunctionType) -> Iterator[Any]:
        yield from function.__closure__ or ()
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__, function.__dict__)
        names = _names(function.__code__)
        yield from self._named(function.__globals__, names)

    def _named(self, namespace: dict[str, Any], names: frozenset[str]) -> Iterator[Any]:
        """The variables of a module that code names, and those of the modules that it names."""
        self._before.setdefault(id(namespace), (namespace, dict(namespace)))
        for name in names & namespace.keys():
            value = namespace[name]
            if type(value) is ModuleType and value.__name__.partition(".")[0] not in _OTHERS:
                inner = vars(value)
                self._before.setdefault(id(inner), (inner, dict(inner)))
                yield from (inner[name] for name in names & inner.keys())
            else:
                yield value


def _is_authors(thing: Any) -> bool:
    return str(thing.__module__).partition(".")[0] not in _OTHERS


def _names(code: CodeType) -> frozenset[str]:
    inner = (const for const in code.co_consts if type(const) is CodeType)
    return frozenset(code.co_names).union(*map(_names, inner))


def _entries(thing: Any) -> dict[Any, Any]:
    """What a container, a cell, a class or an object holds, by key, index or name."""
    cls = type(thing)
    if issubclass(cls, dict):
        return dict(dict.items(thing))  # subclasses may make what they are asked for
    if cls in _CONTAINERS:
        return dict(enumerate(thing))
    if cls is CellType:
        return {} if _is_empty(thing) else {0: thing.cell_contents}
    if issubclass(cls, type):
        return dict(vars(thing))
    return {name: value for name in _attributes(thing) if (value := _attribute(thing, name)) is not _MISSING}


def _is_empty(cell: CellType) -> bool:
    try:
        return cell.cell_contents is _MISSING
    except ValueError:  # nothing was put in yet
        return True


def _attributes(thing: Any) -> list[str]:
    try:
        own = object.__getattribute__(thing, "__dict__")
    except (AttributeError, TypeError):
        own = ()
    slots = (vars(cls).get("__slots__", ()) for cls in type(thing).__mro__)
    return [*own, *(name for found in slots for name in ((found,) if isinstance(found, str) else found))]


def _attribute(thing: Any, name: str) -> Any:
    try:
        return object.__getattribute__(thing, name)
    except Exception:  # a slot that is empty, a property that raises
        return _MISSING


def _restore(holder: Any, before: dict[Any, Any], alive: set[int]) -> None:
    """Put back each entry that became another and leads to a tensor that has to go."""
    now = _entries(holder)
    changed = [key for key, value in now.items() if before.get(key, _MISSING) is not value and _leads(value, alive)]
    for key in reversed(changed):
        _put(holder, key, before.get(key, _MISSING))


def _leads(value: Any, alive: set[int]) -> bool:
    try:
        return any(id(leaf) in alive for _, leaf in walk(value))
    except Exception:  # an object that does not let itself be looked into
        return False


def _put(holder: Any, key: Any, value: Any) -> None:
    cls = type(holder)
    if issubclass(cls, dict):
        dict.pop(holder, key) if value is _MISSING else dict.__setitem__(holder, key, value)
    elif cls is set:
        holder.discard(list(holder)[key])
    elif cls in (list, deque):
        if value is _MISSING:
            del holder[key]
        else:
            holder[key] = value
    elif cls is CellType:
        if value is _MISSING:
            del holder.cell_contents
        else:
            holder.cell_contents = value
    elif value is _MISSING:
        delattr(holder, key)
    else:
        setattr(holder, key, value)


def classes_of(namespace: dict[str, Any]) -> Iterator[type]:
    """The class whose namespace this is: it has to be told of a change."""
    if "__module__" in namespace and "__name__" not in namespace:
        yield from (thing for thing in gc.get_referrers(namespace) if isinstance(thing, type))
