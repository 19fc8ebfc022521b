"""The module tree of a model -> Module: classes, constructor arguments, parameters, buffers, children."""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from pytest_nnviz.architecture import Argument, Buffer, Literal, Module, Parameter, TensorSpec, Value, join
from pytest_nnviz.errors import TraceError
from pytest_nnviz.textformat.write import format_spec, format_value
from pytest_nnviz.tracing.calls.functions import one_size
from pytest_nnviz.tracing.describing.plain import plain_value
from pytest_nnviz.tracing.describing.releases import later_arguments
from pytest_nnviz.tracing.describing.values import NONE, is_uninitialized, leaves, named, qualified_name, spec_of, walk
from pytest_nnviz.tracing.keeping.caching import once_a_trace

__all__ = ["Held", "Places", "class_name", "configuration", "describe", "held_by", "relative", "unwrap"]

_INDEX_NAME = re.compile(r"(^|_)(idx|index|id|number)$")
_HELD_AS = {("PairwiseDistance", "p"): "norm"}
_LEFT_OUT = frozenset({"self", "device", "args", "kwargs"})
_NO_TENSORS = frozenset({type(None), bool, int, float, str, tuple, list, set, dict, OrderedDict})
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def unwrap(module: torch.nn.Module) -> torch.nn.Module:
    """Look through torch.compile, DataParallel and DistributedDataParallel."""
    while type(module).__name__ in _WRAPPERS and type(module).__module__.startswith("torch."):
        module = getattr(module, _WRAPPERS[type(module).__name__])
    return module


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
    name. ``alive`` keeps all of them, so that no id is used again for something else while forward replaces what the
    model holds.
    """

    modules: dict[int, str]
    tensors: dict[int, str]
    consts: dict[int, str]
    slots: dict[int, dict[str, int]]
    alive: list[object]

    @classmethod
    def of(cls, model: torch.nn.Module) -> Places:
        """Walk the model once."""
        places = cls({}, {}, {}, {}, [])
        modules = list(_walk(model, "", places.modules))
        for table in ("_parameters", "_buffers"):  # parameters first: a buffer may be one, not the other way round
            for path, module in modules:
                for name, tensor in getattr(module, table).items():
                    if tensor is not None:
                        places.note(places.tensors, tensor, join(path, name))
                        places._note_parts(join(path, name), tensor)
        for path, module in modules:
            places.alive.append(module)
            places.slots[id(module)] = {name: id(tensor) for name, tensor in _slots(module)}
            for name, thing in module.__dict__.items():
                if name not in ("_parameters", "_buffers"):
                    places._note_consts(join(path, name), thing)
        return places

    def note(self, table: dict[int, str], tensor: torch.Tensor, path: str) -> None:
        """Give a tensor its place, unless it has one."""
        if id(tensor) not in self.tensors:
            table.setdefault(id(tensor), path)
            self.alive.append(tensor)

    def replaced(self, module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
        """Tensors that a module holds now and did not when the walk came by."""
        before = self.slots.get(id(module), {})
        return ((name, tensor) for name, tensor in _slots(module) if before.get(name) != id(tensor))

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
            for key, item in thing.items():
                if isinstance(item, torch.Tensor):
                    self.note(self.consts, item, f"{path}.{str(key).replace('.', '_')}")


def _walk(module: torch.nn.Module, path: str, seen: dict[int, str]) -> Iterator[tuple[str, torch.nn.Module]]:
    stack = [(path, module)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen[id(module)] = path
        yield path, module
        children = [(name, unwrap(child)) for name, child in module._modules.items() if child is not None]
        stack.extend((join(path, name), child) for name, child in reversed(children))


def _slots(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for table in (module._parameters, module._buffers, module.__dict__):
        if not _NO_TENSORS.issuperset(map(type, table.values())):
            yield from [(name, thing) for name, thing in table.items() if isinstance(thing, torch.Tensor)]


def class_name(module: torch.nn.Module) -> str:
    """Qualified name of the class; of a ScriptModule, of the class that it was made from."""
    if isinstance(module, torch.jit.ScriptModule):
        return str(getattr(module, "original_name", "") or qualified_name(type(module)))
    return qualified_name(type(module))


Held = dict[int, tuple[Argument, ...]]


def held_by(model: torch.nn.Module) -> Held:
    """The configuration of each module that is not torch's own, by id: what a forward pass may change."""
    return {id(module): configuration(module) for module in model.modules() if not _is_torchs(type(module))}


def describe(
    model: torch.nn.Module, places: Places, used: set[int] | None, training: bool | None, before: Held
) -> Module:
    """The tree of a model.

    Args:
        model: the model, not wrapped.
        places: where things are registered first.
        used: ids of the modules that took part in the forward pass; None when there was none.
        training: the mode of the trace; modules that differ are marked. None compares with the model's own.
        before: what the modules held before the forward pass; what it changed counts or caches, and is left out.
    """
    reached = None if used is None else _with_ancestors(used, places)
    return _Describer(places, reached, model.training if training is None else training, before).module(model, "")


def _with_ancestors(used: set[int], places: Places) -> set[str]:
    """Paths of the used modules and of all modules around them."""
    paths: set[str] = set()
    for module_id in used:
        path = places.modules.get(module_id)
        while path is not None and path not in paths:
            paths.add(path)
            path = path.rpartition(".")[0] if path else None
    return paths


class _Describer:
    def __init__(self, places: Places, reached: set[str] | None, training: bool, before: Held) -> None:
        self.places = places
        self.reached = reached
        self.training = training
        self.before = before

    def module(self, module: torch.nn.Module, path: str, *, inside_unused: bool = False) -> Module:
        unused = self.reached is not None and path not in self.reached
        marks = self._marks(module, path)
        if unused and not inside_unused:
            marks.insert(0, "never called")
        return Module(
            class_name=class_name(module),
            config=self._configuration(module, path),
            parameters=tuple(self._parameters(module, path)),
            buffers=tuple(self._buffers(module, path)),
            children=tuple(self._children(module, path, unused)),
            marks=tuple(marks),
        )

    def _configuration(self, module: torch.nn.Module, path: str) -> tuple[Argument, ...]:
        """Without what the forward pass changes."""
        before = self.before.get(id(module))
        if before is None or before == (now := configuration(module)):
            return configuration(module, path)
        steady = {argument.name for argument in now if argument in before}
        return tuple(argument for argument in configuration(module, path) if argument.name in steady)

    def _marks(self, module: torch.nn.Module, path: str) -> list[str]:
        marks = []
        if module.training is not self.training:
            marks.append("train" if module.training else "eval")
        if _has_load_hook(module) or (not path and not _is_torchs_own(module.load_state_dict)):
            marks.append("load hook")
        if type(module).get_extra_state is not torch.nn.Module.get_extra_state:
            marks.append("extra state")
        if _has_save_hook(module):
            marks.append("save hook")
        if any(parameter is not None and parameter._backward_hooks for parameter in module._parameters.values()):
            marks.append("gradient hook")
        return marks

    def _children(self, module: torch.nn.Module, path: str, unused: bool) -> Iterator[tuple[str, Module]]:
        for name, wrapped in module._modules.items():
            if wrapped is None:
                continue
            child, place = unwrap(wrapped), join(path, name)
            first = self.places.modules[id(child)]
            if first != place:
                yield name, Module("", shared=relative(path, first))
            else:
                yield name, self.module(child, place, inside_unused=unused)

    def _parameters(self, module: torch.nn.Module, path: str) -> Iterator[Parameter]:
        for name, parameter in module._parameters.items():
            if parameter is not None:
                tied = self._tied(parameter, path, name)
                yield Parameter(name, _spec(parameter, join(path, name)), parameter.requires_grad, tied)

    def _buffers(self, module: torch.nn.Module, path: str) -> Iterator[Buffer]:
        for name, buffer in module._buffers.items():
            if buffer is not None:
                persistent = name not in module._non_persistent_buffers_set
                yield Buffer(name, _spec(buffer, join(path, name)), persistent, self._tied(buffer, path, name))
        yield from (Buffer(name, _spec(tensor, join(path, name))) for name, tensor in _saved_besides(module))

    def _tied(self, tensor: torch.Tensor, path: str, name: str) -> str | None:
        first = self.places.tensors[id(tensor)]
        return None if first == join(path, name) else relative(path, first)


def _spec(tensor: torch.Tensor, place: str) -> TensorSpec:
    if is_uninitialized(tensor):
        raise TraceError(
            f"{place} is lazy: it has no shape before the first forward pass; trace with inputs, or call the model once"
        )
    spec = spec_of(tensor)
    inside = _inside(tensor) if spec.kind else ""
    return replace(spec, kind=f"{spec.kind}({inside})") if inside else spec


def _inside(tensor: torch.Tensor) -> str:
    """What a wrapper subclass is made of (a quantised weight and its scales); those of torch say all by their name."""
    cls = type(tensor)
    if not is_traceable_wrapper_subclass(tensor) or cls.__module__.startswith("torch."):
        return ""
    names, context = tensor.__tensor_flatten__()
    parts = [f"{name}={format_spec(_spec(getattr(tensor, name), name))}" for name in names]
    settings = context.items() if isinstance(context, dict) else [("context", context)]
    plain = [(name, plain_value(setting)) for name, setting in settings]
    return ", ".join([*parts, *(f"{name}={format_value(value)}" for name, value in plain if value not in (None, NONE))])


def _saved_besides(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors that a module itself adds to the state dict, such as the packed weights of quantised layers."""
    cls, base = type(module), torch.nn.Module
    if cls._save_to_state_dict is base._save_to_state_dict and cls.get_extra_state is base.get_extra_state:
        return
    saved: dict[str, Any] = {}
    try:
        module._save_to_state_dict(saved, "", keep_vars=True)
    except Exception:  # it cannot be saved either
        return
    for path, leaf in walk(saved):
        name = ".".join(map(str, path))
        if isinstance(leaf, torch.Tensor) and name not in module._parameters and name not in module._buffers:
            yield name, leaf


def _has_load_hook(module: torch.nn.Module) -> bool:
    """Whether more than torch's own loading decides what becomes of keys at this module or below it."""
    hooks = (module._load_state_dict_pre_hooks, module._load_state_dict_post_hooks)
    return any(hooks) or not _is_torchs_own(module._load_from_state_dict)


def _has_save_hook(module: torch.nn.Module) -> bool:
    """Whether a function that is not torch's decides what a state dict holds."""
    hooks = (*module._state_dict_pre_hooks.values(), *module._state_dict_hooks.values())
    return not all(map(_is_torchs_own, (module.state_dict, module._save_to_state_dict, *hooks)))


def _is_torchs_own(function: Any) -> bool:
    return str(function.__module__).startswith("torch.")


def configuration(module: torch.nn.Module, path: str = "") -> tuple[Argument, ...]:
    """The constructor arguments that the instance holds under the same name.

    Arguments of torch's own constructors that equal their defaults are left out, so that a new argument in the next
    release does not show. Others show all: their defaults are part of the program that is pinned.

    An argument that says which of its siblings a module is (``layer_idx=3`` in ``layers.3``) shows as ``<index>``, so
    that equal siblings are equal.
    """
    own_index = next((part for part in reversed(path.split(".")) if part.isdecimal()), None)
    arguments = []
    scripted = isinstance(module, torch.jit.ScriptModule)
    cls: Any = getattr(torch.nn, class_name(module), type(module)) if scripted else type(module)
    for name, default, is_torchs in _constructor(cls):
        value = _held(module, name, default)
        if value is None or (value == default and is_torchs):
            continue
        is_index = own_index is not None and value == Literal(own_index) and _INDEX_NAME.search(name)
        arguments.append(Argument(name, named("index") if is_index else value))
    return tuple(arguments)


def _is_torchs(cls: type) -> bool:
    return cls.__module__.startswith("torch.")


@once_a_trace
def _constructor(cls: Any) -> tuple[tuple[str, Value | None, bool], ...]:
    """Names and defaults of the constructor's parameters, with those that ``**kwargs`` hand to a base class.

    Each with whether the constructor is torch's own.
    """
    found: dict[str, tuple[Value | None, bool]] = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None or base in (torch.nn.Module, object):
            continue
        parameters = _parameters_of(init)
        is_torchs = _is_torchs(base)
        for name, parameter in parameters.items():
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                default = None if parameter.default is parameter.empty else plain_value(parameter.default)
                found.setdefault(name, (default, is_torchs))
        for name, later in later_arguments(base).items() if is_torchs else ():
            found.setdefault(name, (plain_value(later), True))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return tuple((name, *facts) for name, facts in found.items() if name not in _LEFT_OUT and name[0] != "_")


def _parameters_of(init: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(init).parameters)
    except (TypeError, ValueError):  # constructors written in C
        return {}


def _held(module: torch.nn.Module, name: str, default: Value | None) -> Value | None:
    """What the instance holds under the name of a constructor argument, None if nothing plain."""
    if isinstance(module, torch.jit.ScriptModule):  # constants, where the script keeps them
        value = getattr(module, name, None)
        return None if value is None else plain_value(value)
    if name in module._parameters or (name in vars(module) and vars(module)[name] is None and _is_flag(default)):
        held = module._parameters.get(name)
        if held is None and name == "bias" and module._parameters.get("weight", module) is None:
            return None  # affine=False says it
        return Literal(str(held is not None)) if _is_flag(default) else None
    name = _HELD_AS.get((type(module).__name__, name), name)
    if name not in vars(module):
        return None
    value = vars(module)[name]
    if hasattr(type(value), "model_type"):  # a configuration of transformers: what the module takes of it shows anyway
        return None
    return plain_value(one_size(name, value) if type(module).__module__.startswith("torch.nn.") else value)


def _is_flag(default: Value | None) -> bool:
    return default in (Literal("True"), Literal("False"))
