"""Hand the model back as it was: keep its state before a trace, restore it afterwards, whatever happened."""

from __future__ import annotations

import functools
import gc
import random
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pytest_nnviz.errors import NNVizWarning
from pytest_nnviz.tracing.handover import storage_of
from pytest_nnviz.tracing.values import SHARED, is_uninitialized, walk

__all__ = ["Keeper", "caches_cleared", "collector_off", "same_randomness"]

_MAX_DEPTH = 8
_Restore = Callable[[], None]


class Keeper:
    """The state of a model, its inputs and torch. `restore` puts back what differs, and touches nothing else."""

    def __init__(self, model: torch.nn.Module, inputs: Any, *, gradients: bool) -> None:
        tensors = [*model.parameters(), *(leaf for _, leaf in walk(inputs) if isinstance(leaf, torch.Tensor))]
        self._there = {storage_of(tensor) for tensor in (*tensors, *model.buffers())} - {None}
        seen: set[int] = set()
        # In this order: what matters to everybody first, and each whether or not another fails.
        self._restores: list[_Restore] = [_randomness(), _default_dtype()]
        self._restores += [
            restore for module in model.modules() if not _is_lazy(module) for restore in _keep(module, seen)
        ]
        self._restores += [restore for _, leaf in walk(inputs, shared=True) for restore in _keep_generator(leaf)]
        self._restores += [_buffer(buffer) for buffer in model.buffers() if not _is_valueless(buffer)]
        self._restores += [_flags(tensor, gradients) for tensor in tensors if not is_uninitialized(tensor)]
        self._written: list[_Restore] = []

    def before_write(self, tensor: torch.Tensor, *, was_there: bool) -> None:
        """Keep the values of a tensor that is about to be written to, if it or its memory was there before."""
        if not _is_valueless(tensor) and (was_there or storage_of(tensor) in self._there):
            values = tensor.detach().clone()
            self._written.append(lambda: _copy_back(tensor, values))

    def before_set_data(self, tensor: torch.Tensor) -> None:
        """Keep the memory of a tensor that is about to get another; what is lazy stays initialised."""
        if is_uninitialized(tensor):
            return
        data = tensor.data

        def restore() -> None:
            tensor.data = data

        self._written.append(restore)

    def after_swap(self, one: torch.Tensor, other: torch.Tensor) -> None:
        """Note that two tensors have traded places."""
        self._written.append(lambda: torch.utils.swap_tensors(one, other))  # type: ignore[no-untyped-call]

    def restore(self) -> None:
        """Put everything back; what cannot be is a warning, never in the way of the rest or of a user's error."""
        failures = []
        with torch.no_grad():
            for restore in (*self._restores[:2], *reversed(self._written), *self._restores[2:]):
                try:
                    restore()
                except Exception as error:
                    failures.append(f"{type(error).__name__}: {error}")
        if failures:
            warnings.warn(
                f"after the trace {len(failures)} pieces of the model's state could not be put back: {failures[0]}",
                NNVizWarning,
                stacklevel=2,
            )


def _copy_back(tensor: torch.Tensor, values: torch.Tensor) -> None:
    if tensor.shape != values.shape:  # observers resize their buffers
        tensor.resize_(values.shape)
    tensor.data.copy_(values)


def _buffer(buffer: torch.Tensor) -> _Restore:
    values = buffer.detach().clone()

    def restore() -> None:
        if not _same(buffer, values):  # the count of writes does not tell: batch norm writes without it
            _copy_back(buffer, values)

    return restore


def _same(tensor: torch.Tensor, values: torch.Tensor) -> bool:
    try:
        return torch.equal(tensor, values)
    except (RuntimeError, NotImplementedError):  # sparse layouts, some dtypes
        return False


def _flags(tensor: torch.Tensor, gradients: bool) -> _Restore:
    """Whether a tensor requires a gradient, and the gradient that it has."""
    leaf, requires_grad = tensor.is_leaf, tensor.requires_grad
    gradient = tensor.grad if leaf else None
    values = gradient.detach().clone() if gradients and gradient is not None else None

    def restore() -> None:
        if not leaf:
            return
        if tensor.requires_grad is not requires_grad:
            tensor.requires_grad_(requires_grad)
        if tensor.grad is not gradient:
            tensor.grad = gradient
        if gradient is not None and values is not None:
            _copy_back(gradient, values)

    return restore


def _is_valueless(tensor: torch.Tensor) -> bool:
    return is_uninitialized(tensor) or tensor.is_meta


def _is_lazy(module: torch.nn.Module) -> bool:
    return any(is_uninitialized(tensor) for tensor in (*module._parameters.values(), *module._buffers.values()))


def _keep(module: torch.nn.Module, seen: set[int]) -> Iterator[_Restore]:
    """Put the attributes of a module, and the containers and objects in them, back as they are now; each once."""
    stack: list[tuple[Any, int]] = [(module.__dict__, 0)]
    while stack:
        top, depth = stack.pop()
        if id(top) in seen or depth > _MAX_DEPTH:
            continue
        seen.add(id(top))
        yield _keep_container(top)
        for item in top.values() if isinstance(top, dict) else top:
            yield from _keep_generator(item)
            inside = _inside(item)
            if inside is not None:
                stack.append((inside, depth + 1))


def _inside(item: Any) -> Any:
    """The container that holds what an object is made of, None for plain values, tensors and other modules."""
    if isinstance(item, dict | list | set | deque):
        return item
    if isinstance(item, (torch.Tensor, type, *SHARED)) or callable(item) or not hasattr(item, "__dict__"):
        return None
    return item.__dict__


def _keep_container(container: Any) -> _Restore:
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


def _keep_generator(thing: Any) -> Iterator[_Restore]:
    """Random generators that a model or its inputs hold."""
    if isinstance(thing, torch.Generator):
        state = thing.get_state()
        yield lambda: _discard(thing.set_state(state))
    elif isinstance(thing, random.Random):
        numbers = thing.getstate()
        yield lambda: thing.setstate(numbers)
    elif type(thing).__module__.startswith("numpy.random") and hasattr(thing, "bit_generator"):
        bits, inner = thing.bit_generator, thing.bit_generator.state
        yield lambda: setattr(bits, "state", inner)


def _discard(_: object) -> None:
    """For calls whose result does not matter."""


def _default_dtype() -> _Restore:
    dtype = torch.get_default_dtype()
    return lambda: torch.set_default_dtype(dtype)


def _randomness() -> _Restore:
    """Put every global random generator back."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    numbers = numpy.random.get_state() if numpy is not None else None

    def restore() -> None:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(numbers)

    return restore


@contextmanager
def same_randomness() -> Iterator[None]:
    """Start from the same random state each time."""
    restore = _randomness()
    try:
        yield
    finally:
        restore()


@contextmanager
def caches_cleared() -> Iterator[None]:
    """Clear each ``lru_cache`` that is filled meanwhile: a meta tensor in it would be handed out for ever after."""
    caches = [thing for thing in gc.get_objects() if type(thing) is functools._lru_cache_wrapper]
    sizes = [cache.cache_info().currsize for cache in caches]
    try:
        yield
    finally:
        for cache, size in zip(caches, sizes, strict=True):
            ours = str(getattr(cache, "__module__", "")).startswith("pytest_nnviz")
            if not ours and cache.cache_info().currsize > size:
                cache.cache_clear()


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep what is made during a forward pass among the young objects, so that it can be told from what was there."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
