"""Hand the model back as it was: keep its state before a trace, restore it afterwards, whatever happened."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_nnviz.errors import NNVizWarning, warn
from pytest_nnviz.tracing.calls.functions import canonical_name
from pytest_nnviz.tracing.describing.places import modules_of, tensors_of
from pytest_nnviz.tracing.describing.values import ORDINARY, USUAL, is_uninitialized, tensors_in, walk
from pytest_nnviz.tracing.keeping.contents import keep_all_contents, keep_contents, view_of
from pytest_nnviz.tracing.keeping.holdings import Holdings
from pytest_nnviz.tracing.keeping.memory import keep_data, keep_tensors
from pytest_nnviz.tracing.keeping.surroundings import Restore, keep_generator, keep_surroundings, put_back, quiet
from pytest_nnviz.tracing.provenance.handover import may_write, storage_of, targets_of, unwrapped

__all__ = ["Keeper", "Watch"]


class Keeper:
    """The state of a model, its inputs and torch. `restore` puts back what differs, and touches nothing else."""

    def __init__(self, model: torch.nn.Module, inputs: Any, *, gradients: bool) -> None:
        modules = modules_of(model)
        buffers = _initialized(tensors_of(modules, "_buffers"))
        given = _initialized(leaf for _, leaf in walk(inputs) if isinstance(leaf, torch.Tensor))
        tensors = [*_initialized(tensors_of(modules, "_parameters")), *given, *buffers]
        grads = [tensor.grad for tensor in tensors if tensor.is_leaf and tensor.grad is not None]
        holdings = Holdings(list(itertools.filterfalse(_is_lazy, modules)))
        for container in (*(tensor.__dict__ for tensor in tensors), *_hooks_of(tensors), *_global_hooks()):
            holdings.note(container)
        contents = keep_all_contents([*buffers, *(grads if gradients else ())])
        self._restores = [*keep_tensors(tensors), *contents]
        self._restores += holdings.restores()
        self._restores += [_keep_mode(module) for module in modules if isinstance(module, torch.jit.ScriptModule)]
        self._restores += [restore for _, leaf in walk(inputs, shared=True) for restore in keep_generator(leaf)]
        self._shapes = keep_data([*given, *buffers])
        self._surroundings = keep_surroundings()
        self._tensors = [*tensors, *grads, *holdings.held]
        self._handed = [*given, *buffers]
        self._there: set[int | None] = set()
        self._given: set[int | None] = set()
        self._overwritten: list[Restore] = []
        self._written: dict[object, list[Restore]] = {}

    def restore_inputs(self) -> None:
        """Inputs with the shapes and values that they were given with, buffers with theirs, for the next pass."""
        put_back([*self._shapes, *reversed(self._overwritten)])

    def _find_memory(self) -> None:
        """Look up what memory was there, before the first write: most passes make none."""
        if not self._there:
            self._there = set(map(storage_of, self._tensors))
            self._given = set(map(storage_of, self._handed))

    def before_write(self, tensor: torch.Tensor, *, was_there: bool = False) -> None:
        """Keep what a tensor holds that is about to be written to for the first time, if it or its memory was there."""
        self._find_memory()
        if was_there or (storage_of(tensor) or 0) in self._there:
            view = view_of(tensor)
            if view not in self._written:
                contents = keep_contents(tensor)
                self._written[view] = [*keep_data([tensor]), *([contents] if contents is not None else [])]
                if contents is not None and storage_of(tensor) in self._given:
                    self._overwritten.append(contents)

    def before_call(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what a call may write to."""
        if name == "set_data":
            self.before_set_data(args[0])
            return
        targets = tensors_in((args, kwargs)) if may_write(name, func, args, kwargs) else targets_of(name, args, kwargs)
        if targets:
            with torch._C.DisableTorchFunction():
                for tensor in targets:
                    self.before_write(unwrapped(tensor))

    def before_set_data(self, tensor: torch.Tensor) -> None:
        """Keep the memory of a tensor that is about to get another; what is lazy stays initialised."""
        self._find_memory()
        if not is_uninitialized(tensor):
            self._written.setdefault(("data", id(tensor)), keep_data([tensor]))

    def after_swap(self, back: Restore) -> None:
        """Note that two tensors have traded places, and how they trade back."""
        self._written["swap", len(self._written)] = [back]

    def restore(self) -> None:
        """Put everything back; what cannot be is a warning, never in the way of the rest or of a user's error."""
        written = [restore for restores in reversed(self._written.values()) for restore in restores]
        with torch.no_grad(), quiet():
            failures = put_back([*self._surroundings, *written, *self._restores])
        if failures:
            warn(
                f"after the trace {len(failures)} pieces of the model's state could not be put back: {failures[0]}",
                NNVizWarning,
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


def _keep_mode(module: torch.jit.ScriptModule) -> Restore:
    """Whether a scripted module trains stands in C++; one that is frozen does not know."""
    training: Any = getattr(module, "training", None)

    def restore() -> None:
        if getattr(module, "training", None) is not training:
            module.training = training

    return restore


def _global_hooks() -> Iterator[dict[Any, Any]]:
    names = [name for name in vars(torch.nn.modules.module) if name[:8] == "_global_"]
    tables = (getattr(torch.nn.modules.module, name) for name in names)
    return (table for table in tables if isinstance(table, dict))


def _is_lazy(module: torch.nn.Module) -> bool:
    tensors = (*module._parameters.values(), *module._buffers.values())
    return not USUAL.issuperset(map(type, tensors)) and any(map(is_uninitialized, tensors))


def _initialized(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor for tensor in tensors if type(tensor) in ORDINARY or not is_uninitialized(tensor)]


def _hooks_of(tensors: Iterable[torch.Tensor]) -> Iterator[dict[int, Any]]:
    return (hooks for tensor in tensors if (hooks := tensor._backward_hooks) is not None)
