"""Evaluate a recorded architecture: its calls by their names and arguments, with the modules and tensors of a model."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from pytest_nnviz.architecture import Body, Call, Const, Literal, Ref, Tree, Value
from pytest_nnviz.tracing.describing.values import spec_of, to_value


class NotLiteral(Exception):
    """The text names a thing that it does not spell out: what it was cannot be known from it."""


@dataclass(frozen=True)
class Unknown:
    """What the text names and does not spell out; fine as long as nothing is computed with it."""

    text: str


@dataclass(frozen=True)
class Object:
    """A container of a class: its name, and its items by their names."""

    kind: str
    items: dict[str, Any]


@dataclass
class Scope:
    """The inside of a module call: its module, its inputs by name, and its results by the names of their calls."""

    module: str | None
    inputs: dict[str, Any]
    parent: Scope | None = None
    results: dict[str, list[tuple[Any, Scope | None]]] = field(default_factory=dict)

    def around(self, up: int) -> Scope:
        return self if up == 0 else self.parent.around(up - 1)


class Interpreter:
    """Runs the graph of an architecture on a model whose state forward may change: hand it a copy."""

    def __init__(self, model):
        self.model = model

    def run(self, architecture, args=(), kwargs=None):
        """What the graph returns for these inputs."""
        names = [argument.name for argument in architecture.inputs]
        given = bound(self.model, names, args, kwargs or {})
        with torch.no_grad():
            return self.body(architecture.forward, Scope("", given))

    def body(self, body: Body, scope: Scope):
        for call in body.calls:
            value, inside = self.call(call, scope)
            assert shape(value) == call.result or not known(call.result), (call, shape(value))
            scope.results.setdefault(call.name, []).append((value, inside))
        return self.value(body.returns, scope)

    def call(self, call: Call, scope: Scope):
        if call.body is not None:
            path = None if call.kind == "created" else join(scope.around(call.up).module, call.target)
            inside = Scope(path, {a.name: self.value(a.value, scope) for a in call.args}, scope)
            return self.body(call.body, inside), inside
        args = [self.value(a.value, scope) for a in call.args if a.name is None]
        kwargs = {a.name: self.value(a.value, scope) for a in call.args if a.name is not None}
        for unknown in filter(lambda thing: isinstance(thing, Unknown), (*args, *kwargs.values())):
            raise NotLiteral(f"{unknown.text} handed to {call.name}")
        if call.kind == "function":
            return apply(call.target, args, kwargs), None
        return self.callee(call, scope)(*args, **kwargs), None

    def callee(self, call: Call, scope: Scope):
        if call.kind == "created":
            return self.created(call, scope)
        return self.held(scope.around(call.up).module, call.target)

    def created(self, call: Call, scope: Scope):
        if not hasattr(nn, call.target):
            raise NotLiteral(f"new {call.target}")
        made = getattr(nn, call.target)(**{a.name: self.value(a.value, scope) for a in call.config})
        if list(made.parameters()):
            raise NotLiteral(f"weights of new {call.target}")
        return made.train(self.model.training)

    def held(self, module: str, name: str):
        found = self.model
        for part in filter(None, join(module, name).split(".")):
            found = into(found, part)
        return found

    def value(self, value: Value, scope: Scope):
        if isinstance(value, Ref):
            return self.referred(value, scope)
        if isinstance(value, Literal):
            return literal(value.text)
        if isinstance(value, Const):
            return self.const(value, scope)
        return container(value.kind, value.keys, [self.value(item, scope) for item in value.items])

    def const(self, const: Const, scope: Scope):
        name = const.name or "#1"
        if not const.tracked or name.startswith("#"):
            raise NotLiteral("const" if const.tracked else "untracked")
        inside = name.lstrip("^")
        return self.held(scope.around(len(name) - len(inside)).module, inside.removeprefix("self."))

    def referred(self, ref: Ref, scope: Scope):
        if ref.after is not None:
            self.referred(ref.after, scope)
        scope = scope.around(ref.up)
        if ref.kind == "attribute":
            return self.held(scope.module, ref.steps[0].name)
        if ref.kind == "input":
            found = scope.inputs[ref.steps[0].name]
        else:
            for step in ref.steps:
                found, scope = scope.results[step.name][-1 - step.back]
        for key in ref.path:
            found = into(found, key)
        return found


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def into(thing: Any, key: Any) -> Any:
    """One step into a container, an object or a module."""
    if isinstance(thing, Unknown):
        raise NotLiteral(f"{key} of {thing.text}")
    if isinstance(thing, Object):
        return thing.items[key]
    if isinstance(thing, Mapping):
        return next(item for name, item in thing.items() if key in (name, str(name).replace(".", "_")))
    if isinstance(thing, list | tuple) and (type(key) is int or key.isdecimal()):
        return thing[int(key)]
    return getattr(thing, key)


def bound(model, names, args, kwargs):
    """Inputs under the names that the architecture gives them."""
    taken = [name for name in names if name not in kwargs]
    assert len(taken) == len(args) or not args, "one argument for each name"
    return dict(zip(taken, args, strict=False)) | kwargs


# values


def literal(text: str) -> Any:
    """The value that a literal spells."""
    words = {"None": None, "True": True, "False": False, "...": Ellipsis}
    if text in words:
        return words[text]
    if text.startswith("<"):
        return Unknown(text)
    if text.startswith("torch."):
        return getattr(torch, text.removeprefix("torch."))
    if text.startswith('"'):
        return json.loads(text)
    if ":" in text:
        return slice(*(int(part) if part else None for part in text.split(":")))
    return int(text) if text.lstrip("-").isdecimal() else float(text)


CLASSES = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "slice": lambda items: slice(*items),
    "range": lambda items: range(*items),
    "complex": lambda items: complex(*items),
    "PackedSequence": lambda items: nn.utils.rnn.PackedSequence(*items),
}


def container(kind: str, keys: tuple[str, ...], items: list[Any]) -> Any:
    if kind == "dict":
        return dict(zip(map(dict_key, keys), items, strict=True))
    if kind in CLASSES:
        return CLASSES[kind](items)
    return Object(kind, dict(zip(keys, items, strict=True)))


def dict_key(text: str) -> Any:
    return text if text.isidentifier() and text not in ("None", "True", "False") else literal(text)


def shape(value: Any) -> Value:
    """A result as the architecture describes it."""
    if isinstance(value, Object):
        return Tree(value.kind, tuple(map(shape, value.items.values())), tuple(value.items))
    if type(value) in (list, tuple):
        return Tree(type(value).__name__, tuple(map(shape, value)))
    return to_value(value, spec_of, lambda thing: Literal("<>"))


def known(result: Value) -> bool:
    """Whether a result is described whole: calls without one, and objects of other classes, are not."""
    if isinstance(result, Tree):
        return all(map(known, result.items))
    return not (isinstance(result, Literal) and (result.text == "None" or result.text.startswith("<")))


# functions

OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_left_shift": operator.lshift,
    "bitwise_right_shift": operator.rshift,
}
PREFIXES = {"linalg_": torch.linalg, "fft_": torch.fft, "special_": torch.special}


def apply(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call the function of torch that a canonical name stands for."""
    if name.endswith(".apply") and "forward" in kwargs:  # an autograd function: its calls stand before it
        return kwargs["forward"]
    if name in SPECIAL:
        return SPECIAL[name](*args, **kwargs)
    called = named(name, [] if "out" in kwargs else args)  # no method takes it
    try:
        return called(*args, **kwargs)
    except TypeError:
        if name in OPERATORS and not kwargs:  # torch.div takes no number first
            return OPERATORS[name](*args)
        return called(*args, *kwargs.values())  # the method names it otherwise, or wants it to stand by position


def named(name: str, args: list[Any]):
    if name.startswith("ops."):
        _, namespace, operation = name.split(".")
        return getattr(getattr(torch.ops, namespace), operation)
    for prefix, module in PREFIXES.items():
        if name.startswith(prefix) and hasattr(module, name.removeprefix(prefix)):
            return getattr(module, name.removeprefix(prefix))
    places = (torch.Tensor, F, torch) if args and isinstance(args[0], torch.Tensor) else (F, torch)
    for spelling in (name, f"_{name}", f"__{name}__"):
        for place in places:
            if callable(found := getattr(place, spelling, None)):
                return found
    inplace = getattr(F, name.removesuffix("_"), None)
    if name.endswith("_") and inplace is not None:
        return lambda *args, **kwargs: inplace(*args, **kwargs, inplace=True)
    raise LookupError(f"no function of torch is called {name}")


def sized(make):
    """Sizes written out, or none at all."""
    return lambda *size, **kwargs: make(size, **kwargs)


def written(method):
    """A call that returns nothing goes by the tensor that it wrote to."""

    def call(target, *args):
        method(target, *args)
        return target

    return call


SPECIAL = {
    "getitem": torch.Tensor.__getitem__,
    "setitem": written(torch.Tensor.__setitem__),
    "where": torch.where,
    **{name: sized(getattr(torch, name)) for name in ("zeros", "ones", "empty", "rand", "randn")},
    "new_zeros": lambda x, *size, **kwargs: x.new_zeros(size, **kwargs),
    "new_ones": lambda x, *size, **kwargs: x.new_ones(size, **kwargs),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "H": lambda x: x.H,
    "mH": lambda x: x.mH,
    "real": torch.real,
    "imag": torch.imag,
    "data": lambda x: x.data,
    "set_grad_enabled": lambda mode: torch._C._set_grad_enabled(mode),
}


# comparison


def same(ours: Any, theirs: Any, equal=torch.equal) -> bool:
    """Whether what the graph returns is what the model returns."""
    if isinstance(ours, Unknown):
        return type(theirs).__name__ in ours.text
    if isinstance(ours, Object):
        fields = theirs if isinstance(theirs, Mapping) else {key: getattr(theirs, key) for key in ours.items}
        return list(fields) == list(ours.items) and all(same(ours.items[key], fields[key], equal) for key in fields)
    if isinstance(theirs, Mapping):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key], equal) for key in theirs)
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(same(a, b, equal) for a, b in zip(ours, theirs, strict=True))
    if isinstance(theirs, torch.Tensor):
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and equal(ours, theirs)
    return ours == theirs
