"""The state dict of a model: which keys ``state_dict()`` has, and what stands behind each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pytest_nnviz.architecture import (
    Buffer,
    Module,
    Parameter,
    TensorSpec,
    is_within,
    join,
    resolve_shared,
    walk_modules,
)

__all__ = ["Entry", "Registered", "registered", "resolve", "state_dict", "tensors_saved"]

_EXTRA = "_extra_state"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a key: its tensor (None for an extra state), and the key under which it is registered first."""

    spec: TensorSpec | None
    first: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A module under one of its names: that ``path``, the ``first`` one, and the path that the name goes to."""

    path: str
    first: str
    goes: str
    module: Module


def state_dict(root: Module) -> dict[str, Entry]:
    """The keys of ``model.state_dict()`` in torch's own order.

    Tied parameters and shared modules stand under each of their names; buffers that are not persistent do not.
    """
    return {
        join(module.path, name): entry for module in registered(root) for name, entry in tensors_saved(module).items()
    }


def tensors_saved(module: Registered) -> dict[str, Entry]:
    """What one module adds to the state dict: parameters, persistent buffers, its extra state."""
    found: dict[str, Entry] = {}
    buffers = [buffer for buffer in module.module.buffers if buffer.persistent]
    tensors: list[Parameter | Buffer] = [*module.module.parameters, *buffers]
    for tensor in tensors:
        if not f"{tensor.name}.".startswith(f"{_EXTRA}."):
            place = join(module.first, tensor.name) if tensor.tied is None else resolve(module.first, tensor.tied)
            found[tensor.name] = Entry(tensor.spec, place)
    if "extra state" in module.module.marks:  # what it holds may show as buffers of a longer name
        state = next((buffer.spec for buffer in buffers if buffer.name == _EXTRA), None)
        found[_EXTRA] = Entry(state, join(module.first, _EXTRA))
    return found


def registered(root: Module, goes: Callable[[str], str] = str) -> Iterator[Registered]:
    """Every module under every name that it has, as ``state_dict()`` walks them.

    ``goes`` says where what was first registered at a path is now; second names follow. A name that leads back to a
    module around it is left out; ``state_dict()`` never comes to an end there.
    """
    modules = dict(walk_modules(root))
    stack: list[tuple[Registered, tuple[str, ...]]] = [(Registered("", "", goes(""), root), ())]
    while stack:
        top, left = stack.pop()  # where the walk left first names for second ones
        yield top
        for name, child in reversed(top.module.children):
            first = join(top.first, name)
            path, way = join(top.path, name), _below(goes(first), goes(top.first), top.goes)
            since = left
            if child.shared is not None:
                first = resolve(top.first, child.shared)
                child, since = modules.get(first, child), (*left, top.first)
                if any(is_within(place, first) for place in since):
                    continue
            if child.shared is None:
                stack.append((Registered(path, first, way, child), since))


def _below(place: str, parent: str, other: str) -> str:
    """``place``, which lies below ``parent``, as far below ``other``; as it is where it lies elsewhere."""
    return join(other, place[len(parent) + 1 :]) if place.startswith(f"{parent}.") else place


def resolve(owner: str, place: str) -> str:
    """As `resolve_shared`; a place outside of the model stays as it is written."""
    try:
        return resolve_shared(owner, place)
    except ValueError:
        return place
