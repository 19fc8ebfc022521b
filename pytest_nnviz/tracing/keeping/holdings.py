"""What modules hold besides tensors: attributes, containers and objects in these, classes; put back as they were."""

from __future__ import annotations

import functools
import inspect
import types
from collections import OrderedDict, deque
from collections.abc import Iterator
from operator import is_
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import ORDINARY, SHARED, is_array
from pytest_nnviz.tracing.keeping.caching import once_a_trace
from pytest_nnviz.tracing.keeping.surroundings import Restore, keep_generator

__all__ = ["Holdings", "children_in_place"]

_MAX_DEPTH = 8
_PLAIN = frozenset({type(None), bool, int, float, str, torch.dtype, torch.device})
_HEAP_TYPE = 1 << 9  # a class that is written in Python
_CONTAINERS = (dict, list, set, deque)
_EXACT = frozenset({dict, OrderedDict, list, set, deque, tuple})  # put back without code of somebody else's
_HANDED_ON = (torch.nn.Module, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class Holdings:
    """What modules hold, each container and object once; ``held`` are the tensors among it.

    Most containers of most modules are empty: these, and those of Python's own classes, are put back in one go.
    """

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        self.held: list[torch.Tensor] = []
        self._empty: list[Any] = []
        self._dicts: list[tuple[dict[Any, Any], tuple[Any, ...], tuple[Any, ...]]] = []
        self._others: list[tuple[Any, tuple[Any, ...]]] = []
        self._restores: list[Restore] = []
        seen: set[int] = set()
        for module in modules:
            self._keep(module.__dict__, seen)
        self._modules = [(module, type(module)) for module in modules]
        authors = {cls for _, kind in self._modules for cls in kind.__mro__ if not cls.__module__.startswith("torch.")}
        self._classes = [(cls, _attributes_of(cls)) for cls in authors - {object}]

    def restores(self) -> list[Restore]:
        """How to put everything back."""
        return [self._restore, *self._restores]

    def _keep(self, attributes: dict[str, Any], seen: set[int]) -> None:
        stack: list[tuple[Any, int]] = [(attributes, 0)]
        empty = self._empty
        while stack:
            top, depth = stack.pop()
            if id(top) in seen or depth > _MAX_DEPTH:
                continue
            seen.add(id(top))
            self.note(top)
            for item in top.values() if isinstance(top, dict) else top:
                kind = type(item)
                if kind in _PLAIN:
                    continue
                if kind in _EXACT:
                    if item:
                        stack.append((item, depth + 1))
                    elif kind is not tuple:
                        empty.append(item)
                elif kind in ORDINARY:
                    self.held.append(item)
                elif not _is_handed_on(kind):
                    inside = self._look_into(item)
                    if inside is not None:
                        stack.append((inside, depth + 1))

    def note(self, container: Any) -> None:
        """Keep what a container holds now, not what is inside of that."""
        kind = type(container)
        if not container and kind in _EXACT:
            self._empty.append(container)
        elif kind is dict or kind is OrderedDict:
            self._dicts.append((container, tuple(container), tuple(container.values())))
        elif kind in _EXACT:
            self._others.extend([(container, tuple(container))] if kind is not tuple else [])
        elif not isinstance(container, tuple):
            self._restores.append(_keep_container(container))

    def _look_into(self, item: Any) -> Any:
        """Keep what is not told by identity; returns the container of what else there is inside."""
        if isinstance(item, (*_CONTAINERS, tuple)):
            return item
        self._restores += [*keep_generator(item), *_keep_array(item), *_keep_slots(item)]
        if isinstance(item, torch.Tensor):
            self.held.append(item)
            return None
        if isinstance(item, (type, *SHARED)) or inspect.isroutine(item):
            return None
        return getattr(item, "__dict__", None) or [thing for _, thing in _slots(item)]

    def _restore(self) -> None:
        for container in filter(None, self._empty):
            container.clear()
        for table, keys, values in self._dicts:
            if not (len(table) == len(keys) and all(map(is_, table, keys)) and all(map(is_, table.values(), values))):
                table.clear()
                table.update(zip(keys, values, strict=True))
        for container, items in self._others:
            if not (len(container) == len(items) and all(map(is_, container, items))):
                container.clear()
                container.update(items) if isinstance(container, set) else container.extend(items)
        for module, kind in self._modules:
            if type(module) is not kind:
                module.__class__ = kind
        for cls, kept in self._classes:
            now = _attributes_of(cls)
            for name in now.keys() - kept.keys():
                delattr(cls, name)
            for name, value in kept.items():
                if name not in now or now[name] is not value:
                    setattr(cls, name, value)


def _attributes_of(cls: type) -> dict[str, Any]:
    """What a class holds itself, but for what Python has in it."""
    return {name: value for name, value in vars(cls).items() if not name.startswith("__") and name != "_abc_impl"}


@once_a_trace
def _is_handed_on(kind: type) -> bool:
    """Whether things of a class are kept by their identity alone."""
    return issubclass(kind, _HANDED_ON) and "__slots__" not in vars(kind)


def _keep_container(container: Any) -> Restore:
    """Put a container of any class back."""
    if isinstance(container, dict):
        entries = list(container.items())
        keys_and_values = [*container, *container.values()]

        def restore_dict() -> None:
            if not _identical([*container, *container.values()], keys_and_values):
                container.clear()
                container.update(entries)

        return restore_dict
    items = list(container)

    def restore() -> None:
        if not _identical(list(container), items):
            container.clear()
            container.update(items) if isinstance(container, set) else container.extend(items)

    return restore


def _identical(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def _keep_slots(item: Any) -> Iterator[Restore]:
    if "__slots__" in vars(type(item)):
        for slot, before in _slots(item):
            yield functools.partial(_fill, slot, item, before)


def _slots(item: Any) -> list[tuple[Any, Any]]:
    """The slots of an object that are filled, and what is in them."""
    return [(slot, slot.__get__(item)) for slot in _slots_of(type(item)) if hasattr(item, slot.__name__)]


@once_a_trace
def _slots_of(kind: type) -> list[Any]:
    """The slots of a class that are written in Python."""
    found = [slot for cls in kind.__mro__ for slot in vars(cls).values() if inspect.ismemberdescriptor(slot)]
    return [slot for slot in found if slot.__objclass__.__flags__ & _HEAP_TYPE]


def _fill(slot: Any, item: Any, before: Any) -> None:
    if slot.__get__(item) is not before:
        slot.__set__(item, before)


def _keep_array(item: Any) -> Iterator[Restore]:
    """What an array of numpy holds; one that cannot be written to has not been."""
    if is_array(item) and item.flags.writeable:
        values = item.copy()
        yield lambda: None if item.tobytes() == values.tobytes() else item.__setitem__(..., values)


def children_in_place(modules: list[torch.nn.Module]) -> Restore:
    """Put children that only traded places back; new ones stay where they are."""
    tables = [(module._modules, list(module._modules.items())) for module in modules if module._modules]

    def restore() -> None:
        changed = [(table, children) for table, children in tables if list(table.items()) != children]
        now = sorted(id(child) for table, _ in changed for child in table.values())
        if now != sorted(id(child) for _, children in changed for _, child in children):
            return
        for table, children in changed:
            table.clear()
            table.update(children)

    return restore
