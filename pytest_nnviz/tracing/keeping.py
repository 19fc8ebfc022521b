"""Hand the model back as it was: keep its state before a trace, restore it afterwards, whatever happened."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pytest_nnviz.tracing.origins import storage_of
from pytest_nnviz.tracing.values import is_uninitialized

__all__ = ["Keeper", "collector_off", "same_randomness"]

_MAX_DEPTH = 6


class Keeper:
    """The state of a model and of torch. `restore` puts back what differs, and touches nothing else."""

    def __init__(self, model: torch.nn.Module, inputs: Any, *, gradients: bool) -> None:
        self.modules = list(model.modules())
        self.lazy = [module for module in self.modules if _is_lazy(module)]
        self.attributes = [(module, _shallow(module)) for module in self.modules]
        self.buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers() if not _is_valueless(buffer)]
        self.gradients = [
            (parameter, parameter.grad, parameter.grad.clone() if gradients and parameter.grad is not None else None)
            for parameter in model.parameters()
        ]
        self.written: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.before = {storage_of(tensor) for tensor in (*model.parameters(), *inputs)}
        self.default_dtype = torch.get_default_dtype()
        self.randomness = _randomness()

    def before_write(self, tensor: torch.Tensor) -> None:
        """Keep the values of a tensor that was there before the trace and is about to be written to."""
        if not _is_valueless(tensor) and storage_of(tensor) in self.before:
            self.written.append((tensor, tensor.detach().clone()))

    def restore(self) -> None:
        """Put everything back."""
        for module, saved in self.attributes:
            if module not in self.lazy:
                saved()
        with torch.no_grad():
            for tensor, values in reversed(self.written):
                tensor.data.copy_(values)
            for buffer, values in self.buffers:
                if not _is_valueless(buffer) and buffer.shape == values.shape and not _same(buffer, values):
                    buffer.data.copy_(values)
        for parameter, gradient, kept in self.gradients:
            parameter.grad = gradient
            if gradient is not None and kept is not None:
                gradient.data.copy_(kept)
        torch.set_default_dtype(self.default_dtype)
        self.randomness()


def _same(tensor: torch.Tensor, values: torch.Tensor) -> bool:
    return bool(torch.equal(tensor, values))


def _is_valueless(tensor: torch.Tensor) -> bool:
    return tensor.is_meta or is_uninitialized(tensor)


def _is_lazy(module: torch.nn.Module) -> bool:
    tensors = (*module._parameters.values(), *module._buffers.values())
    return any(is_uninitialized(tensor) for tensor in tensors)


def _shallow(thing: Any) -> Callable[[], None]:
    """A function that puts the attributes of a module, and the containers in them, back as they are now."""
    restores: list[Callable[[], None]] = []
    seen: set[int] = set()
    stack: list[tuple[Any, int]] = [(thing.__dict__, 0)]
    while stack:
        top, depth = stack.pop()
        if id(top) in seen or depth > _MAX_DEPTH:
            continue
        seen.add(id(top))
        restores.append(_keep_container(top))
        items = top.values() if isinstance(top, dict) else top
        stack.extend((item, depth + 1) for item in items if isinstance(item, dict | list | set))

    def restore_all() -> None:
        for restore in restores:
            restore()

    return restore_all


def _keep_container(container: Any) -> Callable[[], None]:
    if isinstance(container, dict):
        entries = list(container.items())

        def restore_dict() -> None:
            if not _identical(list(container.items()), entries):
                container.clear()
                container.update(entries)

        return restore_dict
    if isinstance(container, list):
        items = list(container)

        def restore_list() -> None:
            if len(container) != len(items) or any(a is not b for a, b in zip(container, items, strict=True)):
                container[:] = items

        return restore_list
    members = set(container)

    def restore_set() -> None:
        if container != members:
            container.clear()
            container.update(members)

    return restore_set


def _identical(now: list[tuple[Any, Any]], before: list[tuple[Any, Any]]) -> bool:
    return len(now) == len(before) and all(a[0] is b[0] and a[1] is b[1] for a, b in zip(now, before, strict=True))


def _randomness() -> Callable[[], None]:
    """A function that puts every random generator back."""
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
def collector_off() -> Iterator[None]:
    """Keep what is made during a forward pass among the young objects, so that it can be told from what was there."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
