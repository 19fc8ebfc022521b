"""Hand the model back as it was: keep its state before a trace, restore it afterwards, whatever happened."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_nnviz.errors import NNVizWarning
from pytest_nnviz.tracing.calls.functions import canonical_name
from pytest_nnviz.tracing.describing.values import SHARED, is_array, is_uninitialized, tensors_in, walk
from pytest_nnviz.tracing.keeping.contents import keep_contents, view_of
from pytest_nnviz.tracing.keeping.surroundings import Restore, keep_generator, keep_surroundings, put_back
from pytest_nnviz.tracing.provenance.handover import may_write, storage_of, targets_of, unwrapped

__all__ = ["Keeper", "Watch", "children_in_place"]

_MAX_DEPTH = 8
_PLAIN = frozenset({type(None), bool, int, float, str})
_HEAP_TYPE = 1 << 9  # a class that is written in Python
_CONTAINERS = (dict, list, set, deque)


class Keeper:
    """The state of a model, its inputs and torch. `restore` puts back what differs, and touches nothing else."""

    def __init__(self, model: torch.nn.Module, inputs: Any, *, gradients: bool) -> None:
        given = [leaf for _, leaf in walk(inputs) if isinstance(leaf, torch.Tensor)]
        tensors = [t for t in (*model.parameters(), *given, *model.buffers()) if not is_uninitialized(t)]
        grads = [tensor.grad for tensor in tensors if tensor.is_leaf and tensor.grad is not None]
        self._there = {storage_of(tensor) for tensor in (*tensors, *grads)}
        self._restores = [restore for tensor in tensors for restore in _keep_tensor(tensor)]
        self._restores += [restore for tensor in model.buffers() if (restore := keep_contents(tensor)) is not None]
        self._restores += [restore for grad in grads if gradients and (restore := keep_contents(grad)) is not None]
        seen: set[int] = set()
        modules = [module for module in model.modules() if not _is_lazy(module)]
        self._restores += [restore for module in modules for restore in self._keep(module, seen)]
        self._restores += [_keep_mode(module) for module in modules if isinstance(module, torch.jit.ScriptModule)]
        self._restores += [_keep_container(hooks) for hooks in _global_hooks()]
        self._restores += [restore for _, leaf in walk(inputs, shared=True) for restore in keep_generator(leaf)]
        self._shapes = [_data(tensor) for tensor in (*given, *model.buffers()) if not is_uninitialized(tensor)]
        self._surroundings = keep_surroundings()
        self._given = {storage_of(tensor) for tensor in (*given, *model.buffers())}
        self._overwritten: list[Restore] = []
        self._written: dict[object, list[Restore]] = {}

    def restore_inputs(self) -> None:
        """Inputs with the shapes and values that they were given with, buffers with theirs, for the next pass."""
        put_back([*self._shapes, *reversed(self._overwritten)])

    def _keep(self, module: torch.nn.Module, seen: set[int]) -> Iterator[Restore]:
        """Put the attributes of a module, and the containers and objects in them, back as they are now; each once."""
        stack: list[tuple[Any, int]] = [(module.__dict__, 0)]
        while stack:
            top, depth = stack.pop()
            if id(top) in seen or depth > _MAX_DEPTH:
                continue
            seen.add(id(top))
            if not isinstance(top, tuple):
                yield _keep_container(top)
            for item in top.values() if isinstance(top, dict) else top:
                if type(item) in _PLAIN:
                    continue
                if not isinstance(item, _CONTAINERS):
                    yield from keep_generator(item)
                    yield from _keep_array(item)
                    yield from _keep_slots(item)
                inside = _inside(item)
                if inside is not None:
                    stack.append((inside, depth + 1))
                elif isinstance(item, torch.Tensor):
                    self._there.add(storage_of(item))

    def before_write(self, tensor: torch.Tensor, *, was_there: bool = False) -> None:
        """Keep what a tensor holds that is about to be written to for the first time, if it or its memory was there."""
        if was_there or (storage_of(tensor) or 0) in self._there:
            view = view_of(tensor)
            if view not in self._written:
                contents = keep_contents(tensor)
                self._written[view] = [_data(tensor), *([contents] if contents is not None else [])]
                if contents is not None and storage_of(tensor) in self._given:
                    self._overwritten.append(contents)

    def before_call(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what a call may write to."""
        if name == "set_data":
            self.before_set_data(args[0])
            return
        targets = tensors_in((args, kwargs)) if may_write(name, func) else targets_of(name, args, kwargs)
        if targets:
            with torch._C.DisableTorchFunction():
                for tensor in targets:
                    self.before_write(unwrapped(tensor))

    def before_set_data(self, tensor: torch.Tensor) -> None:
        """Keep the memory of a tensor that is about to get another; what is lazy stays initialised."""
        if not is_uninitialized(tensor):
            self._written.setdefault(("data", id(tensor)), [_data(tensor)])

    def after_swap(self, back: Restore) -> None:
        """Note that two tensors have traded places, and how they trade back."""
        self._written["swap", len(self._written)] = [back]

    def restore(self) -> None:
        """Put everything back; what cannot be is a warning, never in the way of the rest or of a user's error."""
        written = [restore for restores in reversed(self._written.values()) for restore in restores]
        with torch.no_grad():
            failures = put_back([*self._surroundings, *written, *self._restores])
        if failures:
            warnings.warn(
                f"after the trace {len(failures)} pieces of the model's state could not be put back: {failures[0]}",
                NNVizWarning,
                stacklevel=2,
            )


class Watch(TorchFunctionMode):
    """Let the keeper know of what is written to where nothing is recorded."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self.keeper = keeper

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function of its Python API."""
        self.keeper.before_call(canonical_name(func)[0], func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def _data(tensor: torch.Tensor) -> Restore:
    """The memory that a tensor shows, and how."""
    data, view = tensor.data, view_of(tensor)

    def restore() -> None:
        if view_of(tensor) != view:
            tensor.data = data

    return restore


def _keep_mode(module: torch.jit.ScriptModule) -> Restore:
    """Whether a scripted module trains stands in C++; one that is frozen does not know."""
    training: Any = getattr(module, "training", None)

    def restore() -> None:
        if getattr(module, "training", None) is not training:
            module.training = training

    return restore


def _global_hooks() -> Iterator[dict[Any, Any]]:
    for name, table in vars(torch.nn.modules.module).items():
        if name.startswith("_global_") and isinstance(table, dict):
            yield table


def _keep_tensor(tensor: torch.Tensor) -> Iterator[Restore]:
    """Its memory, its gradient, whether it requires one, its hooks and attributes; not what it holds."""
    yield _data(tensor)
    yield _keep_container(tensor.__dict__)
    if tensor.is_leaf:
        yield _flags(tensor)
    hooks = tensor._backward_hooks
    yield (lambda: setattr(tensor, "_backward_hooks", None)) if hooks is None else _keep_container(hooks)


def _flags(tensor: torch.Tensor) -> Restore:
    requires_grad, gradient = tensor.requires_grad, tensor.grad

    def restore() -> None:
        if tensor.requires_grad is not requires_grad:
            tensor.requires_grad_(requires_grad)
        if tensor.grad is not gradient:
            tensor.grad = gradient

    return restore


def children_in_place(model: torch.nn.Module) -> Restore:
    """Put children that only traded places back; new ones stay where they are."""
    tables = [(module._modules, dict(module._modules)) for module in model.modules()]
    before = sorted(id(child) for _, children in tables for child in children.values())

    def restore() -> None:
        if sorted(id(child) for table, _ in tables for child in table.values()) != before:
            return
        for table, children in tables:
            if dict(table) != children:
                table.clear()
                table.update(children)

    return restore


def _is_lazy(module: torch.nn.Module) -> bool:
    return any(is_uninitialized(tensor) for tensor in (*module._parameters.values(), *module._buffers.values()))


def _inside(item: Any) -> Any:
    """The container that holds what an object is made of, None for plain values, tensors and other modules."""
    if isinstance(item, (*_CONTAINERS, tuple)):
        return item
    if isinstance(item, (torch.Tensor, type, *SHARED)) or inspect.isroutine(item):
        return None
    return getattr(item, "__dict__", None) or [thing for _, thing in _slots(item)]


def _slots(item: Any) -> list[tuple[Any, Any]]:
    """The slots of an object that are filled, and what is in them."""
    found = [slot for cls in type(item).__mro__ for slot in vars(cls).values() if inspect.ismemberdescriptor(slot)]
    authors = [slot for slot in found if slot.__objclass__.__flags__ & _HEAP_TYPE]
    return [(slot, slot.__get__(item)) for slot in authors if hasattr(item, slot.__name__)]


def _keep_slots(item: Any) -> Iterator[Restore]:
    if "__slots__" in vars(type(item)):
        for slot, before in _slots(item):
            yield functools.partial(_fill, slot, item, before)


def _fill(slot: Any, item: Any, before: Any) -> None:
    if slot.__get__(item) is not before:
        slot.__set__(item, before)


def _keep_array(item: Any) -> Iterator[Restore]:
    """What an array of numpy holds; one that cannot be written to has not been."""
    if is_array(item) and item.flags.writeable:
        values = item.copy()
        yield lambda: None if item.tobytes() == values.tobytes() else item.__setitem__(..., values)


def _keep_container(container: Any) -> Restore:
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
    return len(now) == len(before) and all(a is b for a, b in zip(now, before, strict=True))
