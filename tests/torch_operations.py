"""Every operation that torch tests itself with, with its sample inputs and all the ways to call it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch_testing import op_db

from pytest_nnviz import Options
from pytest_nnviz.architecture import Body


@dataclass(frozen=True)
class Way:
    """One way to write a call: a function, its arguments, what to say of it, and the tensors of the sample."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    note: str
    tensors: list[torch.Tensor]

    def result(self) -> Any:
        torch.manual_seed(0)
        return self.function(*self.args, **self.kwargs)

    def works(self) -> bool:
        try:
            self.result()
        except Exception:
            return False
        return True

    def agrees(self, expected: Any) -> bool:
        try:
            return same(self.result(), expected)
        except Exception:
            return False


class _Module(nn.Module):
    """A call of its own; its tensors come as one argument, so that equal calls have equal insides."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = [way]

    def forward(self, tensors: dict[str, torch.Tensor]) -> Any:
        way = self._way[0]
        names = _names(way)
        leaves, spec = pytree.tree_flatten((way.args, way.kwargs))
        handed = [tensors[names[id(leaf)]] if _is_tensor(leaf) else leaf for leaf in leaves]
        args, kwargs = pytree.tree_unflatten(handed, spec)
        return way.function(*args, **kwargs)


class _All(nn.Module):
    def __init__(self, ways: list[Way]) -> None:
        super().__init__()
        self.ways = nn.ModuleList(map(_Module, ways))

    def forward(self, tensors: list[dict[str, torch.Tensor]]) -> None:
        for way, operands in zip(self.ways, tensors, strict=True):
            way(operands)


def _names(way: Way) -> dict[int, str]:
    """Names of the tensors of a call that do not depend on how it is written: their order in the sample."""
    return {id(tensor): f"t{index}" for index, tensor in enumerate(way.tensors)}


def bodies(ways: list[Way]) -> list[Body | None]:
    """What is recorded of each of them, in one trace."""
    tensors = [{f"t{index}": tensor for index, tensor in enumerate(way.tensors)} for way in ways]
    recorded = Options(values="fixed").trace(_All(ways), tensors).forward
    assert recorded is not None
    return [call.body for call in recorded.calls]


def with_tensors(way: Way, tensors: list[torch.Tensor]) -> Way:
    """The call with other tensors."""
    places = {id(tensor): other for tensor, other in zip(way.tensors, tensors, strict=True)}
    leaves, spec = pytree.tree_flatten((way.args, way.kwargs))
    handed = [places[id(leaf)] if _is_tensor(leaf) else leaf for leaf in leaves]
    return Way(way.function, *pytree.tree_unflatten(handed, spec), way.note, tensors)


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    return list({id(leaf): leaf for leaf in pytree.tree_leaves((args, kwargs)) if _is_tensor(leaf)}.values())


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor)


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal, NaN for NaN."""
    left, right = pytree.tree_flatten(one)[0], pytree.tree_flatten(other)[0]
    return len(left) == len(right) and all(map(_same, left, right))


def _same(one: Any, other: Any) -> bool:
    if not _is_tensor(one) or not _is_tensor(other):
        return _is_tensor(one) is _is_tensor(other)
    if one.shape != other.shape or one.dtype != other.dtype or one.layout != other.layout:
        return False
    try:
        return torch.allclose(one, other, equal_nan=True)
    except (RuntimeError, NotImplementedError):
        return True


def operations(part: int, of: int) -> Iterator[Any]:
    """Every ``of``-th operation, those left out that torch composes of others for its own tests."""
    plain = (operation for operation in op_db if not operation.name.startswith("masked."))
    return itertools.islice(plain, part, None, of)


def samples(operation: Any, count: int) -> list[Way]:
    """The first sample calls of an operation that work."""
    dtype = torch.float32 if torch.float32 in operation.dtypes else min(operation.dtypes, key=str, default=None)
    if dtype is None:
        return []
    try:
        found = list(itertools.islice(operation.sample_inputs("cpu", dtype), count))
    except TypeError:  # made for GPUs alone
        return []
    return [way for each in found if (way := _sample(operation, each)).works()]


def _sample(operation: Any, sample: Any) -> Way:
    args = (sample.input, *sample.args)
    return Way(operation.op, args, sample.kwargs, operation.name, _tensors(args, sample.kwargs))


def variants(operation: Any, way: Way) -> list[Way]:
    """The same call as a function, as a method, as an operator and by its other names."""
    functions = [operation.op, operation.method_variant, operation.operator_variant]
    functions += [alias.op for alias in operation.aliases]
    methods = [operation.method_variant, *(alias.method_variant for alias in operation.aliases)]
    functions += [method for method in methods if _is_tensor(way.args[0])]
    distinct = dict.fromkeys(function for function in functions if function is not None)
    ways = [replace(way, function=function, note=f"{way.note} as {function!r}") for function in distinct]
    return [way for way in ways if way.works()]
