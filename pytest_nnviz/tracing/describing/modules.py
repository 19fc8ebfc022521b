"""The module tree of a model -> Module: classes, constructor arguments, parameters, buffers, children."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from pytest_nnviz.architecture import Argument, Buffer, Literal, Module, Parameter, TensorSpec, Value, join
from pytest_nnviz.errors import TraceError
from pytest_nnviz.textformat.write import format_spec, format_value
from pytest_nnviz.tracing.calls.functions import one_size
from pytest_nnviz.tracing.describing.keys import KEYABLE, OtherError, key_of
from pytest_nnviz.tracing.describing.places import Places, relative, unwrap
from pytest_nnviz.tracing.describing.plain import plain_value
from pytest_nnviz.tracing.describing.releases import fixed_arguments, later_arguments
from pytest_nnviz.tracing.describing.values import (
    NONE,
    ORDINARY,
    is_uninitialized,
    named,
    qualified_name,
    spec_of,
    walk,
)
from pytest_nnviz.tracing.keeping.caching import once_a_function, once_a_trace, table_of_a_trace

__all__ = ["Held", "class_name", "configuration", "describe", "held_by"]

_INDEX_NAME = re.compile(r"(^|_)(idx|index|id|number)$")
_HELD_AS = {("PairwiseDistance", "p"): "norm"}
_LEFT_OUT = frozenset({"self", "device", "args", "kwargs"})


def class_name(module: torch.nn.Module) -> str:
    """Qualified name of the class; of a ScriptModule, of the class that it was made from."""
    if isinstance(module, torch.jit.ScriptModule):
        return str(getattr(module, "original_name", "") or qualified_name(type(module)))
    return _name_of(type(module))


@once_a_trace
def _name_of(cls: type) -> str:
    return qualified_name(cls)


Held = dict[int, tuple[Argument, ...]]


def held_by(modules: Iterable[torch.nn.Module]) -> Held:
    """The configuration of each module that is not torch's own, by id: what a forward pass may change."""
    return {id(module): configuration(module) for module in modules if not _is_torchs(type(module))}


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
        now = configuration(module)
        if before is not None and before != now:
            steady = {argument.name for argument in now if argument in before}
            now = tuple(argument for argument in now if argument.name in steady)
        return _with_index(now, path)

    def _marks(self, module: torch.nn.Module, path: str) -> list[str]:
        cls = type(module)
        marks = []
        if module.training is not self.training:
            marks.append("train" if module.training else "eval")
        if _has_load_hook(module) or (not path and not _is_torchs_own(module.load_state_dict)):
            marks.append("load hook")
        if cls.get_extra_state is not torch.nn.Module.get_extra_state:
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
                place = join(path, name)
                yield Parameter(
                    name, _spec(parameter, place), parameter.requires_grad, self._tied(parameter, path, place)
                )

    def _buffers(self, module: torch.nn.Module, path: str) -> Iterator[Buffer]:
        for name, buffer in module._buffers.items():
            if buffer is not None:
                place = join(path, name)
                persistent = name not in module._non_persistent_buffers_set
                yield Buffer(name, _spec(buffer, place), persistent, self._tied(buffer, path, place))
        yield from (Buffer(name, _spec(tensor, join(path, name))) for name, tensor in _saved_besides(module))

    def _tied(self, tensor: torch.Tensor, path: str, place: str) -> str | None:
        first = self.places.tensors[id(tensor)]
        return None if first == place else relative(path, first)


def _spec(tensor: torch.Tensor, place: str) -> TensorSpec:
    if type(tensor) in ORDINARY:
        return spec_of(tensor)
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
    if module._load_state_dict_pre_hooks or module._load_state_dict_post_hooks:
        return True
    return not _are_torchs_own(module, "_load_from_state_dict")


def _has_save_hook(module: torch.nn.Module) -> bool:
    """Whether a function that is not torch's decides what a state dict holds."""
    before, after = module._state_dict_pre_hooks, module._state_dict_hooks
    if (before or after) and not all(map(_is_torchs_own, (*before.values(), *after.values()))):
        return True
    return not _are_torchs_own(module, "state_dict", "_save_to_state_dict")


def _are_torchs_own(module: torch.nn.Module, *names: str) -> bool:
    """Whether the methods of these names are torch's; a class is asked once, unless the module has its own."""
    if module.__dict__.keys().isdisjoint(names):
        return _class_is_torchs_own(type(module), names)
    return all(_is_torchs_own(getattr(module, name)) for name in names)


@once_a_trace
def _class_is_torchs_own(cls: type, names: tuple[str, ...]) -> bool:
    return all(_is_torchs_own(getattr(cls, name)) for name in names)


def _is_torchs_own(function: Any) -> bool:
    return str(function.__module__).startswith("torch.")


def configuration(module: torch.nn.Module) -> tuple[Argument, ...]:
    """The constructor arguments that the instance holds under the same name.

    Arguments of torch's own constructors that equal their defaults are left out, so that a new argument in the next
    release does not show. Others show all: their defaults are part of the program that is pinned.
    """
    try:
        key = _key_of(module)
    except OtherError:
        return _arguments(module)
    arguments = _KNOWN.get(key)
    if arguments is None:
        arguments = _KNOWN[key] = _arguments(module)
    return arguments


_KNOWN: dict[tuple[Any, ...], tuple[Argument, ...]] = table_of_a_trace()
_ABSENT = NotImplemented  # stands for an attribute that is not there: no constructor takes it


def _key_of(module: torch.nn.Module) -> tuple[Any, ...]:
    """What decides the arguments: all that stands under the names of the constructor's."""
    cls = type(module)
    attributes = module.__dict__
    things = [attributes.get(name, _ABSENT) for name in _looked_up(cls)]
    if not KEYABLE.issuperset(map(type, things)):
        things = [_ABSENT if _is_settings(thing) else thing for thing in things]
    parameters = module._parameters
    return cls, *parameters, *[parameter is None for parameter in parameters.values()], *key_of(things, [])


@once_a_trace
def _looked_up(cls: type[torch.nn.Module]) -> tuple[str, ...]:
    """The attributes that decide the arguments, by a class.

    Raises:
        OtherError: they are constants of a script.
    """
    if issubclass(cls, torch.jit.ScriptModule):
        raise OtherError
    return tuple(_HELD_AS.get((cls.__name__, name), name) for name, _, _ in _constructor(cls))


def _with_index(arguments: tuple[Argument, ...], path: str) -> tuple[Argument, ...]:
    """What says which of its siblings a module is (``layer_idx=3`` in ``layers.3``) as ``<index>``: equal ones are."""
    numbers = [at for at, each in enumerate(arguments) if _is_index_name(each.name)]
    own_index = next((part for part in reversed(path.split(".")) if part.isdecimal()), None) if numbers else None
    if own_index is None:
        return arguments
    shown = list(arguments)
    for at in numbers:
        if arguments[at].value == Literal(own_index):
            shown[at] = Argument(arguments[at].name, named("index"))
    return tuple(shown)


@once_a_trace
def _is_index_name(name: str | None) -> bool:
    return name is not None and _INDEX_NAME.search(name) is not None


def _arguments(module: torch.nn.Module) -> tuple[Argument, ...]:
    scripted = isinstance(module, torch.jit.ScriptModule)
    cls: Any = getattr(torch.nn, class_name(module), type(module)) if scripted else type(module)
    found = [(name, _held(module, name, default), default, is_torchs) for name, default, is_torchs in _constructor(cls)]
    return tuple(
        Argument(name, value)
        for name, value, default, is_torchs in found
        if value is not None and not (value == default and is_torchs)
    )


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
        parameters, hands_on = _parameters_of(init)
        is_torchs = _is_torchs(base)
        for name, default in parameters:
            found.setdefault(name, (default, is_torchs))
        for name, value in (later_arguments(base) | fixed_arguments(base)).items() if is_torchs else ():
            found.setdefault(name, (plain_value(value), True))
        if not hands_on:
            break
    return tuple((name, *facts) for name, facts in found.items() if name not in _LEFT_OUT and name[0] != "_")


@once_a_function
def _parameters_of(init: Any) -> tuple[list[tuple[str, Value | None]], bool]:
    """Names and defaults of what a constructor takes, and whether it hands on more by ``**kwargs``."""
    try:
        parameters = inspect.signature(init).parameters.values()
    except (TypeError, ValueError):  # constructors written in C
        return [], False
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    taken = [
        (each.name, None if each.default is each.empty else plain_value(each.default))
        for each in parameters
        if each.kind not in many
    ]
    return taken, any(each.kind is each.VAR_KEYWORD for each in parameters)


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
    if _is_settings(value):
        return None
    return plain_value(one_size(name, value) if type(module).__module__.startswith("torch.nn.") else value)


def _is_settings(thing: Any) -> bool:
    """Whether it is a configuration of transformers, of which most says nothing about the module that holds it."""
    return hasattr(type(thing), "model_type") and hasattr(type(thing), "to_diff_dict")


def _is_flag(default: Value | None) -> bool:
    return default in (Literal("True"), Literal("False"))
