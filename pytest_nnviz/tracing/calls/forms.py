"""Calls of one form, alike in all but their tensors: what is known of the first holds for all, as long as a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pytest_nnviz.architecture import Argument, Tree, Value
from pytest_nnviz.tracing.calls.arguments import as_value, written_down
from pytest_nnviz.tracing.calls.functions import Facts
from pytest_nnviz.tracing.calls.operations import ARRAYS, EFFECTS, READS, SIZED_BY_VALUES
from pytest_nnviz.tracing.calls.spelling import spell
from pytest_nnviz.tracing.describing.keys import OtherError, key_of
from pytest_nnviz.tracing.provenance.handover import may_write, targets_of

__all__ = ["Form", "Forms"]

_NOT_PLAIN = READS | ARRAYS | EFFECTS | {"set_data"}

_Key = tuple[Any, ...]
_TensorValue = Callable[[torch.Tensor], Value]


@dataclass(frozen=True, slots=True)
class _Hole:
    """Stands for the value of a tensor, by its place among those that the call is handed."""

    at: int


@dataclass(frozen=True, slots=True)
class Form:
    """The name and the arguments of calls, with holes for their tensors.

    ``is_plain`` says that they write to nothing that they name, and that no values reach Python.
    """

    name: str
    arguments: tuple[Argument, ...]
    is_open: tuple[bool, ...]
    is_plain: bool

    def filled(self, tensors: list[torch.Tensor], tensor: _TensorValue) -> tuple[Argument, ...]:
        """The arguments of the call that is handed these tensors."""
        return tuple(
            [
                Argument(argument.name, _filled(argument.value, tensors, tensor)) if is_open else argument
                for argument, is_open in zip(self.arguments, self.is_open, strict=True)
            ]
        )


class Forms:
    """The forms of the calls of one trace."""

    def __init__(self) -> None:
        self._known: dict[_Key, Form] = {}

    def of(
        self, facts: Facts, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Form, list[torch.Tensor]] | None:
        """The form of a call with the tensors that it is handed, in their order.

        None where more than numbers, words and different tensors tell it from others.
        """
        tensors: list[torch.Tensor] = []
        try:
            key = (func, *kwargs, *key_of(args, tensors), *(key_of(kwargs.values(), tensors) if kwargs else ()))
            form = self._known.get(key)
        except (TypeError, OtherError):  # TypeError: a function that has no hash
            return None
        if len(tensors) > 1 and len(set(map(id, tensors))) < len(tensors):
            return None
        if form is None:
            form = self._known[key] = _form(facts, func, args, kwargs, tensors)
        return form, tensors


def _form(
    facts: Facts, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[torch.Tensor]
) -> Form:
    holes = {id(tensor): _Hole(at) for at, tensor in enumerate(tensors)}
    name, spelled_args, spelled_kwargs = spell(facts, func, args, kwargs)

    def value_of(thing: Any) -> Value:
        return as_value(name, thing, lambda tensor: holes[id(tensor)], _refuse)  # type: ignore[arg-type,return-value]

    arguments = written_down(name, func, spelled_args, spelled_kwargs, value_of)
    writes = targets_of(name, args, kwargs) or may_write(name, func, args, kwargs)
    reads = name in _NOT_PLAIN or (name in SIZED_BY_VALUES and len(tensors) > 1)
    is_open = tuple(_is_open(argument.value) for argument in arguments)
    return Form(name, arguments, is_open, is_plain=not writes and not reads)


def _refuse(thing: Any) -> Value:
    raise AssertionError(f"a key has a {type(thing).__name__}")


def _is_open(value: Any) -> bool:
    return type(value) is _Hole or (type(value) is Tree and any(map(_is_open, value.items)))


def _filled(value: Any, tensors: list[torch.Tensor], tensor: _TensorValue) -> Value:
    if type(value) is _Hole:
        return tensor(tensors[value.at])
    if not _is_open(value):
        return value  # type: ignore[no-any-return]
    return Tree(value.kind, tuple([_filled(item, tensors, tensor) for item in value.items]), value.keys)
