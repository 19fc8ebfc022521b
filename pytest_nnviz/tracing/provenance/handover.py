"""What a call was handed: which of it the call wrote to, and what comes back as it was."""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

from pytest_nnviz.tracing.describing.values import tensors_in

__all__ = ["Handover", "may_write", "says_it_writes", "storage_of", "targets_of", "unwrapped"]

_COUNT_OF_WRITES = attrgetter("_version")
_WITHOUT_SCHEMA = frozenset(
    {types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType}
)
_SHOWS_MEMORY = frozenset({"numpy", "array"})
_WRITERS = frozenset({"setitem", "set_data"})
# What says that a layer with state writes to it, and where it stands in both spellings of the function.
_WRITES_IF = {
    "batch_norm": (5, "training"),
    "instance_norm": (5, "use_input_stats"),
    "embedding": (3, "max_norm"),
    "embedding_bag": (3, "max_norm"),
}


@functools.lru_cache(1024)
def says_it_writes(name: str) -> bool:
    """Whether a function says by its name that it writes to its first argument."""
    return (name.endswith("_") and not name.endswith("__")) or name in _WRITERS


def targets_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """What a call says that it writes to: ``out=``, or the first argument of ``add_`` or ``relu(inplace=True)``."""
    if kwargs and kwargs.get("out") is not None:
        return tensors_in(kwargs["out"])
    if says_it_writes(name) or (kwargs and kwargs.get("inplace")):
        return tensors_in(args[:1] or list(kwargs.values())[:1])
    return []


def may_write(name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call may write to what it is handed without saying so: layers with state, custom operators, arrays
    that show its memory.
    """
    if name in _SHOWS_MEMORY:
        return True
    if name in _WRITES_IF:
        position, key = _WRITES_IF[name]
        told = args[position] if len(args) > position else kwargs.get(key, key != "max_norm")
        return told is not None and told is not False
    if type(func) in _WITHOUT_SCHEMA:
        return False
    one, several = getattr(func, "_schema", None), getattr(func, "_schemas", None)
    if one is None and not several:
        return False
    return any(schema is not None and schema.is_mutable for schema in (one, *(several or {}).values()))


def unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with memory that one inside of a ``torch.func`` transform stands for."""
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def storage_of(tensor: torch.Tensor) -> int | None:
    """Identity of the memory of a tensor, None for tensors without a storage."""
    try:
        return int(unwrapped(tensor).untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError, ValueError):  # ValueError: not initialised yet
        return None


class Handover:
    """The tensors that a call is handed, noted before it runs."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self.tensors = tensors
        self._ids = set(map(id, tensors))
        self._versions = _versions(tensors)

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether the call was handed this very tensor."""
        return id(tensor) in self._ids

    def written(self, targets: Sequence[torch.Tensor] = ()) -> list[torch.Tensor]:
        """The tensors that the call wrote to: the ``targets`` that it names, else those whose writes were counted.

        Not every write is counted, and views of one memory count together.
        """
        if targets:
            aims = set(map(id, targets))
            wrote = [id(tensor) in aims for tensor in self.tensors]
        elif (versions := _versions(self.tensors)) == self._versions:
            return []
        else:
            wrote = [now != before for now, before in zip(versions, self._versions, strict=True)]
        return list({id(tensor): tensor for tensor in itertools.compress(self.tensors, wrote)}.values())

    def with_identities(self, result: Any, written: list[torch.Tensor]) -> Any:
        """The result, with a tensor that comes back as it was handed given an identity of its own.

        Whether ``contiguous`` or ``to`` hands back its input depends on memory format, dtype and device; where an edge
        starts must not.
        """
        if isinstance(result, torch.Tensor):
            return self._with_identity(result, written)
        if type(result) in (tuple, list):
            return type(result)(self._with_identity(item, written) for item in result)
        return result

    def _with_identity(self, thing: Any, written: list[torch.Tensor]) -> Any:
        if id(thing) not in self._ids or any(thing is tensor for tensor in written):
            return thing
        return _alias(thing)


def _versions(tensors: list[torch.Tensor]) -> list[int | None]:
    with torch._C.DisableTorchFunction():  # a mode that forward pushes sees the calls of forward alone
        if not any(map(is_functorch_wrapped_tensor, tensors)):
            try:
                return list(map(_COUNT_OF_WRITES, tensors))
            except (RuntimeError, NotImplementedError):  # one of them keeps none
                pass
        return [_version(tensor) for tensor in tensors]


def _version(tensor: torch.Tensor) -> int | None:
    try:
        return (unwrapped(tensor) if is_functorch_wrapped_tensor(tensor) else tensor)._version
    except (RuntimeError, NotImplementedError):  # inference tensors keep no count of writes
        return None


def _alias(tensor: torch.Tensor) -> torch.Tensor:
    try:
        return tensor.view_as(tensor)
    except (RuntimeError, NotImplementedError):  # sparse and nested tensors have no views
        differentiated = torch.is_grad_enabled() and tensor.requires_grad
        return tensor if differentiated else tensor.detach()
