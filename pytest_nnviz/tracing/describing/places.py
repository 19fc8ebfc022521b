"""Where in a model things are: its modules, their parameters and buffers, and the tensors that they hold besides."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from pytest_nnviz.architecture import join
from pytest_nnviz.tracing.describing.values import ORDINARY, leaves

__all__ = ["Places", "modules_of", "relative", "tensors_of", "unwrap"]

_NO_TENSORS = frozenset({type(None), bool, int, float, str, tuple, list, set, dict, OrderedDict})
_NO_CONSTS = _NO_TENSORS - {tuple, list, dict}
_TABLES = frozenset({"_parameters", "_buffers", "_modules"})
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def unwrap(module: torch.nn.Module) -> torch.nn.Module:
    """Look through torch.compile, DataParallel and DistributedDataParallel."""
    while type(module).__name__ in _WRAPPERS and type(module).__module__.startswith("torch."):
        module = getattr(module, _WRAPPERS[type(module).__name__])
    return module


def modules_of(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Each module once, in the order of ``model.modules()``."""
    found: dict[int, torch.nn.Module] = {}
    stack = [model]
    while stack:
        module = stack.pop()
        if id(module) not in found:
            found[id(module)] = module
            if module._modules:
                stack += [child for child in reversed(module._modules.values()) if child is not None]
    return list(found.values())


def tensors_of(modules: Iterable[torch.nn.Module], table: str) -> list[torch.Tensor]:
    """What modules register in a table, ``_parameters`` or ``_buffers``: each tensor once."""
    tables = [held for module in modules if (held := getattr(module, table))]
    return list({id(tensor): tensor for held in tables for tensor in held.values() if tensor is not None}.values())


def relative(owner: str, place: str) -> str:
    """Absolute ``place`` as it is written in the module at ``owner``: one ``^`` for each module to leave."""
    if not owner:
        return place
    if place.startswith(f"{owner}."):
        return place[len(owner) + 1 :]
    inside = owner.split(".")
    parts = place.split(".") if place else []
    common = 0
    while common < min(len(inside), len(parts)) and inside[common] == parts[common]:
        common += 1
    return "^" * (len(inside) - common) + ".".join(parts[common:])


@dataclass(frozen=True, slots=True)
class Places:
    """Where the modules and tensors of a model are registered first, by id, and what else its modules hold.

    ``consts`` are tensors that modules hold without registering them, ``slots`` the ids of all that a module holds by
    name. ``held`` and ``alive`` are the modules and tensors themselves, so that no id is used again for something else
    while forward replaces what the model holds.
    """

    modules: dict[int, str]
    tensors: dict[int, str]
    consts: dict[int, str]
    slots: dict[int, dict[str, int]]
    held: dict[int, torch.nn.Module]
    alive: list[torch.Tensor]

    @classmethod
    def of(cls, model: torch.nn.Module) -> Places:
        """Walk the model once."""
        places = cls.registered(model)
        for module_id, path in places.modules.items():
            module = places.held[module_id]
            places.slots[module_id] = _slots(module)
            for name, thing in module.__dict__.items():
                if type(thing) not in _NO_CONSTS and name not in _TABLES:
                    places._note_consts(join(path, name), thing)
        return places

    @classmethod
    def registered(cls, model: torch.nn.Module) -> Places:
        """Walk the model once, for what is registered alone."""
        places = cls({}, {}, {}, {}, {}, [])
        walked = list(_walk(model, "", places.modules))
        places.held.update({id(module): module for _, module in walked})
        parameters = [(path, module._parameters) for path, module in walked if module._parameters]
        buffers = [(path, module._buffers) for path, module in walked if module._buffers]
        for path, table in parameters + buffers:  # parameters first: a buffer may be one, not the other way round
            for name, tensor in table.items():
                if tensor is not None and id(tensor) not in places.tensors:
                    place = join(path, name)
                    places.note(places.tensors, tensor, place)
                    if type(tensor) not in ORDINARY:
                        places._note_parts(place, tensor)
        return places

    def note(self, table: dict[int, str], tensor: torch.Tensor, path: str) -> None:
        """Give a tensor its place, unless it has one."""
        if id(tensor) not in self.tensors:
            table.setdefault(id(tensor), path)
            self.alive.append(tensor)

    def replaced(self, module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
        """Tensors that a module holds now and did not when the walk came by."""
        before, now = self.slots.get(id(module), {}), _slots(module)
        if now == before:
            return
        for name, thing in _tensors_by_name(module):
            if before.get(name) != id(thing):
                yield name, thing

    def _note_parts(self, path: str, tensor: torch.Tensor) -> None:
        for inside, part in leaves(tensor, hidden=False):
            if inside:
                self.note(self.consts, part, ".".join([path, *map(str, inside)]))

    def _note_consts(self, path: str, thing: Any) -> None:
        if isinstance(thing, torch.Tensor):
            self.note(self.consts, thing, path)
        elif type(thing) in (list, tuple):
            for index, item in enumerate(thing):
                if isinstance(item, torch.Tensor):
                    self.note(self.consts, item, f"{path}.{index}")
        elif type(thing) is dict:
            for key, item in list(thing.items()):
                if isinstance(item, torch.Tensor):
                    name = str(key).replace(".", "_")
                    is_where = name in (item.device.type, str(item.device))  # the same program wherever it runs
                    self.note(self.consts, item, join(path, "device" if is_where else name))


def _walk(module: torch.nn.Module, path: str, seen: dict[int, str]) -> Iterator[tuple[str, torch.nn.Module]]:
    stack = [(path, module)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen[id(module)] = path
        yield path, module
        if module._modules:
            children = reversed(module._modules.items())
            stack += [(join(path, name), unwrap(child)) for name, child in children if child is not None]


def _slots(module: torch.nn.Module) -> dict[str, int]:
    return {name: id(tensor) for name, tensor in _tensors_by_name(module)}


def _tensors_by_name(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    found: list[tuple[str, torch.Tensor]] = []
    for table in (module._parameters, module._buffers, module.__dict__):
        if table and not _NO_TENSORS.issuperset(map(type, table.values())):
            found += [(name, thing) for name, thing in table.items() if isinstance(thing, torch.Tensor)]
    return found
