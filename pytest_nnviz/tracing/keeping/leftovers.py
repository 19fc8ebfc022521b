"""Tensors of a pass with other tensors than the model's own: none of them stays in what lies outside of the model."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import SHARED

__all__ = ["Leftovers", "classes_of"]

_MAX_DEPTH = 6
_MAX_LEVELS = 4
_EMPTY = object()


class Leftovers:
    """What the modules in which a model is written hold, and the tensors that must not stay there.

    A function that keeps a table in a dictionary, a class attribute or a global variable would hand it to the next
    real call: a tensor without values, or one made of perturbed weights. `clear` puts back what was there before. What
    lies in modules that the model only imports loses the entry, as a cache does.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        names = {cls.__module__ for module in model.modules() for cls in type(module).__mro__}
        self._authors = {name for name in names if name.partition(".")[0] not in ("torch", "builtins")}
        self._before: dict[int, tuple[Any, Any]] = {}
        self._made: list[weakref.ref[torch.Tensor]] = []
        self._keep([vars(sys.modules[name]) for name in sorted(self._authors) if name in sys.modules])

    def watch(self, tensors: Iterable[torch.Tensor]) -> None:
        """Tensors that have to be gone when all is over."""
        self._made += [weakref.ref(tensor) for tensor in tensors]

    def clear(self) -> None:
        """Take those that are still there from where they are held."""
        if not _alive(self._made):
            return
        gc.collect()  # what only holds itself is no leftover
        found: list[Any] = _alive(self._made)
        ours: list[Any] = [found]
        while found and len(ours) <= _MAX_LEVELS:
            wanted = {id(thing) for thing in found}
            holders = [thing for thing in gc.get_referrers(*found) if not any(thing is other for other in ours)]
            found = [holder for holder in holders if not self._restore(holder, wanted) and _hands_on(holder)]
            ours += [holders, found]
        self._before.clear()

    def _keep(self, things: list[Any]) -> None:
        """Note what every container holds that the author's functions, classes and variables lead to."""
        stack = [(thing, 0) for thing in things]
        while stack:
            top, depth = stack.pop()
            if id(top) in self._before or depth > _MAX_DEPTH:
                continue
            inside = self._contents(top)
            if inside is not None:
                self._before[id(top)] = (top, inside)
                values = inside.values() if isinstance(inside, dict) else inside
                stack += [(value, depth + 1) for value in values if not isinstance(value, _PLAIN)]

    def _contents(self, thing: Any) -> Any:
        """A shallow copy of what a thing holds; None for what is not the author's, and for what holds nothing."""
        if isinstance(thing, CellType):
            return [_content(thing)]
        if isinstance(thing, dict):
            return dict(dict.items(thing))  # subclasses may make what they are asked for
        if type(thing) in (list, tuple, set, deque):
            return list(thing)
        if isinstance(thing, FunctionType):
            held = (thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__)
            return [part for part in held if part] if thing.__module__ in self._authors else None
        if isinstance(thing, type):
            return dict(vars(thing)) if thing.__module__ in self._authors else None
        if isinstance(thing, (*SHARED, torch.Tensor, ModuleType)) or inspect.isroutine(thing):
            return None
        attributes = getattr(thing, "__dict__", None)
        return [attributes] if attributes and type(attributes) is dict else None

    def _restore(self, holder: Any, wanted: set[int]) -> bool:
        """Put a container back as it was; an entry that nobody knows of goes. False for what cannot be changed."""
        was = self._before.get(id(holder), (None, None))[1]
        if isinstance(holder, dict):
            self._restore_entries(holder, wanted)
        elif was is None:
            return isinstance(holder, list | set | deque)
        elif isinstance(holder, CellType):
            _fill(holder, was[0])
        elif isinstance(holder, list):
            holder[:] = was
        elif isinstance(holder, set | deque):
            holder.clear()
            holder.update(was) if isinstance(holder, set) else holder.extend(was)
        else:
            return False
        return True

    def _restore_entries(self, holder: dict[Any, Any], wanted: set[int]) -> None:
        cls = next(classes_of(holder), None)
        before = self._before.get(id(holder if cls is None else cls), (None, {}))[1]
        for key in [key for key, value in dict.items(holder) if id(value) in wanted]:
            if cls is None and key in before:
                dict.__setitem__(holder, key, before[key])
            elif cls is None:
                dict.__delitem__(holder, key)
            elif key in before:
                setattr(cls, key, before[key])
            else:
                delattr(cls, key)


_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def _alive(references: list[weakref.ref[torch.Tensor]]) -> list[torch.Tensor]:
    return [tensor for reference in references if (tensor := reference()) is not None]


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing was put in yet
        return _EMPTY


def _fill(cell: CellType, content: Any) -> None:
    if content is _EMPTY:
        del cell.cell_contents
    else:
        cell.cell_contents = content


def _hands_on(holder: Any) -> bool:
    """Whether a thing stands for the tensor that it holds: a tuple of them, an object that keeps them."""
    return not isinstance(holder, (*SHARED, ModuleType, type)) and not inspect.isframe(holder)


def classes_of(namespace: dict[str, Any]) -> Iterator[type]:
    """The class whose namespace this is: it has to be told of a change."""
    if "__module__" in namespace and "__name__" not in namespace:
        yield from (thing for thing in gc.get_referrers(namespace) if isinstance(thing, type))
