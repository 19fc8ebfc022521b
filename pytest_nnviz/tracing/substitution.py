"""Other tensors in the place of a model's own for the length of a forward pass: meta ones, or perturbed copies."""

from __future__ import annotations

import copy
import enum
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_nnviz.errors import TraceError
from pytest_nnviz.textformat.write import format_spec
from pytest_nnviz.tracing.describing.places import modules_of
from pytest_nnviz.tracing.describing.values import SHARED, is_uninitialized, spec_of, tensors_in, walk
from pytest_nnviz.tracing.keeping.surroundings import put_back

__all__ = ["OnMeta", "Replace", "copy_inputs", "perturbed", "substituted", "to_meta"]

_Make = Callable[[torch.Tensor], torch.Tensor]
_ORDINARY, _ENDS = 4, 6


class Replace:
    """The same replacement for the same tensor, and none for a replacement.

    Args:
        make: gives the replacement of a tensor; the tensor itself where it needs none.
    """

    def __init__(self, make: _Make) -> None:
        self._make = make
        self._done: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """What stands for a tensor."""
        if id(tensor) not in self._done:
            made = self._make(tensor)
            self._done[id(tensor)] = (tensor, made)
            self._done[id(made)] = (made, made)
        return self._done[id(tensor)][1]

    def made(self) -> list[torch.Tensor]:
        """All replacements."""
        return [new for old, new in self._done.values() if new is not old]

    def let_go(self) -> None:
        """Hold none of them any more."""
        self._done.clear()


def to_meta() -> Replace:
    """A meta tensor for each tensor; the same one for the same tensor.

    What it gives raises:
        TraceError: a tensor has no form on the meta device.
    """

    def replace(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_meta or is_uninitialized(tensor):
            return tensor
        try:
            with torch._C.DisableTorchFunctionSubclass():  # a subclass may answer with plain tensors
                return _in_place_of(tensor, tensor.detach().to("meta"))
        except (RuntimeError, NotImplementedError) as error:
            raise TraceError(
                f"a tensor {format_spec(spec_of(tensor))} of the model or its inputs has no form on the meta device "
                f'({type(error).__name__}: {str(error).partition(". ")[0]}): trace with device="as-is"'
            ) from error

    return Replace(replace)


class OnMeta(TorchFunctionMode):
    """Keep a forward pass on the meta device: devices that it names, and tensors that only it knows.

    Args:
        replace: gives the meta tensor for a tensor.
    """

    def __init__(self, replace: Replace) -> None:
        super().__init__()
        self.replace = replace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function of its Python API."""
        kwargs = dict(kwargs or {})
        if func in _TRANSFERS:
            func, args, kwargs = torch.Tensor.to, (args[0], "meta"), {}
        elif func is torch.Tensor.to:
            args = tuple("meta" if isinstance(arg, str | torch.device) else arg for arg in args)
        if kwargs.get("device") is not None:
            kwargs["device"] = "meta"
        if any(tensor.is_meta for tensor in tensors_in((args, kwargs))):
            args, kwargs = _each((args, kwargs), self.replace)
        return func(*args, **kwargs)


_TRANSFERS = (torch.Tensor.cpu, torch.Tensor.cuda)


def _each(thing: Any, replace: Replace) -> Any:
    """Tensors in plain containers replaced; those without dimensions go with every device as they are."""
    if isinstance(thing, torch.Tensor):
        return replace(thing) if thing.dim() else thing
    if type(thing) in (list, tuple):
        return type(thing)(_each(item, replace) for item in thing)
    if type(thing) is dict:
        return {key: _each(item, replace) for key, item in thing.items()}
    return thing


def perturbed(seed: int) -> Replace:
    """A copy with its elements shuffled, scaled and, where both signs occur, with other signs.

    Values stay in the range that the tensor has: variances stay positive, probabilities stay probabilities. Odd seeds
    turn every sign, even ones turn signs at random. The fifth and the sixth give the ends of the range alone: their
    sums cross limits that those of ordinary weights do not reach. From the seventh on parameters of one sign are turned
    too: a gate of one number has no other range.
    """
    generator = torch.Generator().manual_seed(seed)

    def replace(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point() or tensor.is_meta or tensor.layout is not torch.strided or tensor.is_nested:
            return tensor
        if is_uninitialized(tensor):
            return tensor
        if not tensor.numel():
            return tensor
        try:
            new = mixed(tensor)
        except Exception:  # subclasses may know less than tensors do
            return tensor
        return new if type(new) is type(tensor) else tensor

    def mixed(tensor: torch.Tensor) -> torch.Tensor:
        flat = tensor.detach().reshape(-1)
        flat = flat.float() if flat.itemsize == 1 else flat  # float8 knows no arithmetic
        if _ORDINARY < seed <= _ENDS:
            high = torch.rand(flat.numel(), generator=generator) < 0.5
            new = torch.where(high.to(tensor.device), flat.max(), flat.min())
            return _in_place_of(tensor, new.to(tensor.dtype).reshape(tensor.shape))
        order = torch.randperm(flat.numel(), generator=generator).to(tensor.device)
        scale = torch.rand(flat.numel(), generator=generator).to(flat.device, flat.dtype) / 2 + 0.5
        turned = seed > _ENDS and isinstance(tensor, torch.nn.Parameter)
        new = flat[order] * scale * _signs(flat, seed, generator, turned=turned)
        if not turned:
            new = new.clamp(flat.min(), flat.max())
        return _in_place_of(tensor, new.to(tensor.dtype).reshape(tensor.shape))

    return Replace(replace)


def _in_place_of(tensor: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """A new tensor as what the old one is: a parameter, of its class, with its attributes, trainable or not."""
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(new, requires_grad=tensor.requires_grad)
    if type(new) is torch.Tensor is not type(tensor):
        new = new.as_subclass(type(tensor))
        new.__dict__.update(tensor.__dict__)
    return new.requires_grad_(tensor.requires_grad)


def _signs(flat: torch.Tensor, seed: int, generator: torch.Generator, *, turned: bool) -> torch.Tensor:
    if not turned and bool((flat >= 0).all()):
        return torch.ones((), dtype=flat.dtype, device=flat.device)
    if seed % 2:
        return -torch.ones((), dtype=flat.dtype, device=flat.device)
    return (torch.randint(2, flat.shape, generator=generator) * 2 - 1).to(flat.device, flat.dtype)


@contextmanager
def substituted(model: torch.nn.Module, replace: Replace, *, buffers: bool) -> Iterator[None]:
    """Put replacements in the place of parameters, buffers and unregistered tensors of a model; put them back.

    ``buffers=False`` replaces parameters alone (and the lists in which recurrent layers hold them again).
    """
    undo: list[Callable[[], None]] = []
    registered: dict[int, torch.Tensor] = {}
    try:
        for module in model.modules():
            for table in (module._parameters, module._buffers) if buffers else (module._parameters,):
                for name, tensor in table.items():
                    if tensor is not None:
                        registered[id(tensor)] = tensor
                        _swap(table, name, replace(tensor), undo)
        for module in model.modules():
            _swap_attributes(module.__dict__, replace, undo, None if buffers else registered)
        yield
    finally:
        put_back(reversed(undo))


def _swap(table: Any, key: Any, new: Any, undo: list[Callable[[], None]]) -> None:
    old = table[key]
    if new is not old:

        def restore() -> None:
            table[key] = old

        table[key] = new
        undo.append(restore)


def _swap_attributes(
    table: dict[str, Any], replace: Replace, undo: list[Callable[[], None]], only: dict[int, torch.Tensor] | None
) -> None:
    def wanted(thing: Any) -> bool:
        return isinstance(thing, torch.Tensor) and (only is None or id(thing) in only)

    for name, thing in list(table.items()):
        if name in ("_parameters", "_buffers", "_modules"):
            continue
        if wanted(thing):
            _swap(table, name, replace(thing), undo)
        elif type(thing) in (list, dict):
            for key, item in list(enumerate(thing) if isinstance(thing, list) else thing.items()):
                if wanted(item):
                    _swap(thing, key, replace(item), undo)
        elif type(thing) is tuple and any(map(wanted, thing)):
            _swap(table, name, tuple(replace(item) if wanted(item) else item for item in thing), undo)


_PLAIN = (bool, int, float, complex, str, bytes, type, torch.dtype, torch.device, enum.Enum)


def copy_inputs(thing: Any, replace: _Make, model: torch.nn.Module) -> Any:
    """Containers and objects anew, as forward may change them; tensors as ``replace`` gives them.

    A tensor that stands in two places is another view of the same memory in the second, so that the record can tell
    which of the two is used. Modules, and what belongs to ``model``, stay what they are.
    """
    seen: set[int] = set()
    tables = (table for module in modules_of(model) for table in (module._parameters, module._buffers) if table)
    own = {id(tensor) for table in tables for tensor in table.values()}

    def replace_once(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) in own:
            return tensor
        new = replace(tensor)
        if id(tensor) not in seen or new.layout is not torch.strided or new.is_nested:
            seen.add(id(tensor))
            return new
        return new.view_as(new)

    return _copy(thing, replace_once)


def _copy(thing: Any, replace: _Make) -> Any:
    if isinstance(thing, torch.Tensor):
        return replace(thing)
    if thing is None or isinstance(thing, (*_PLAIN, *SHARED)) or inspect.isroutine(thing) or inspect.ismodule(thing):
        return thing
    if type(thing) in (list, tuple):
        return type(thing)(_copy(item, replace) for item in thing)
    if type(thing) is dict:
        return {key: _copy(item, replace) for key, item in thing.items()}
    return _copy_object(thing, replace)


def _copy_object(thing: Any, replace: _Make) -> Any:
    memo: dict[int, Any] = {}
    for _, leaf in walk(thing, shared=True):
        if isinstance(leaf, torch.Tensor):
            memo[id(leaf)] = replace(leaf)
        elif isinstance(leaf, SHARED):
            memo[id(leaf)] = leaf
    try:
        return copy.deepcopy(thing, memo)
    except Exception:  # what cannot be copied is handed over as it is, as a plain call would
        return thing
