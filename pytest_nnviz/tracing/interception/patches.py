"""Calls that torch hands to no mode, wrapped in their places for the length of a forward pass."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import qualified_name, tensors_in
from pytest_nnviz.tracing.interception.foreign import Foreign
from pytest_nnviz.tracing.keeping.caching import signature
from pytest_nnviz.tracing.keeping.surroundings import Restore, put_back

__all__ = ["WRAPPED", "intercepted", "resolve"]

_Run = Callable[[], Any]


@contextmanager
def intercepted(foreign: Foreign) -> Iterator[None]:
    """Tell ``foreign`` of transforms, script functions, autograd functions and their like."""
    undo: list[Restore] = []
    try:
        try:
            for owner, name, make in WRAPPED:
                place = resolve(owner)
                if place is not None and hasattr(place, name):
                    undo.append(functools.partial(_put_back, place, name, vars(place).get(name)))
                    setattr(place, name, make(foreign, getattr(place, name)))
            yield
        finally:
            put_back([lambda: _put_forwards_back(foreign), *reversed(undo)])
    finally:  # again, for an interrupt that came just before
        put_back([lambda: _put_forwards_back(foreign), *reversed(undo)])


def resolve(path: str) -> Any:
    """A module that is loaded, or a class in one; None where this release of torch has none."""
    module, _, attribute = path.partition(":")
    place = sys.modules.get(module)
    return getattr(place, attribute, None) if attribute else place


def _put_back(place: Any, name: str, own: Any) -> None:
    if own is not None:
        setattr(place, name, own)
    elif name in vars(place):
        delattr(place, name)


def _put_forwards_back(foreign: Foreign) -> None:
    for cls, own in foreign.waiting.items():
        _put_back(cls, "forward", own)


def _enter_vmap(foreign: Foreign, original: Any) -> Any:
    def enter(batch_size: Any, randomness: str) -> Any:
        _vmap_randomness[:] = [randomness]
        return original(batch_size, randomness)

    return enter


_vmap_randomness = ["error"]


def _into_vmap(foreign: Foreign, original: Any) -> Any:
    def wrapped(tensor: torch.Tensor, in_dim: int, level: int) -> Any:
        how = {} if _vmap_randomness == ["error"] else {"randomness": _vmap_randomness[0]}
        return foreign.call("vmap_in", lambda: original(tensor, in_dim, level), (tensor,), in_dim=in_dim, **how)

    return wrapped


def _out_of_vmap(foreign: Foreign, original: Any) -> Any:
    def wrapped(tensor: torch.Tensor, level: int, batch_size: int, out_dim: int) -> Any:
        run = lambda: original(tensor, level, batch_size, out_dim)  # noqa: E731
        return foreign.call("vmap_out", run, (tensor,), out_dim=out_dim)

    return wrapped


def _boundary(name: str) -> Callable[[Foreign, Any], Any]:
    """A tensor that enters or leaves a transform; the level of the transform is no part of the program."""

    def make(foreign: Foreign, original: Any) -> Any:
        return lambda tensor, level: foreign.call(name, lambda: original(tensor, level), (tensor,))

    return make


def _script_function(foreign: Foreign, original: Any) -> Any:
    def wrapped(function: Any, *args: Any, **kwargs: Any) -> Any:
        return foreign.call(function.name, lambda: original(function, *args, **kwargs), args, **kwargs)

    return wrapped


def _script_method(foreign: Foreign, original: Any) -> Any:
    def wrapped(method: Any, *args: Any, **kwargs: Any) -> Any:
        run = lambda: original(method, *args, **kwargs)  # noqa: E731
        return foreign.method(method.owner, method.name, run, args, **kwargs)

    return wrapped


def _application(foreign: Foreign, original: Any) -> Any:
    """An autograd function makes its context, then calls its forward: the one place that all applications pass.

    Authors hold ``apply`` under names of their own, and torch has it in C.
    """

    def begin(context: Any, *args: Any, **kwargs: Any) -> None:
        original(context, *args, **kwargs)
        if not foreign.is_followed():
            return
        cls = type(context)._forward_cls
        if not cls.__module__.startswith("torch."):  # checkpoints: what is computed are the calls inside
            _wrap_forward(foreign, cls)

    return begin


def _wrap_forward(foreign: Foreign, cls: Any) -> None:
    """Tell of the next forward of a function; of those inside it on their own."""
    if cls in foreign.waiting:  # an application that began, and never came to its forward
        return
    function = cls.forward
    foreign.waiting[cls] = vars(cls).get("forward")

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not foreign.is_followed() or cls not in foreign.waiting:
            return function(*args, **kwargs)
        _put_back(cls, "forward", foreign.waiting.pop(cls))
        operands = tuple(thing for thing in args if not isinstance(thing, torch.autograd.function.BackwardCFunction))
        return foreign.around(_name_of(cls), lambda: function(*args, **kwargs), operands)

    cls.forward = staticmethod(forward)


def _backward_hook(foreign: Foreign, original: Any) -> Any:
    """What torch puts around a module with backward hooks hands its tensors on."""
    return staticmethod(lambda *args: foreign.unseen(lambda: original(*args), args))


def _function_in_transform(foreign: Foreign, original: Any) -> Any:
    """Inside of a transform torch takes the function apart: one call by its name."""

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return foreign.call(_name_of(cls), lambda: original(cls, *args, **kwargs), args)

    return apply


def _name_of(cls: type) -> str:
    return f"{qualified_name(cls)}.apply"


def _parameter(foreign: Foreign, original: Any) -> Any:
    """A parameter is another object for the tensor that it is made of."""

    def new(cls: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        return foreign.unseen(lambda: original(cls, data, *args, **kwargs), (data,))

    return staticmethod(new)


def _backward(foreign: Foreign, original: Any) -> Any:
    def backward(*args: Any, **kwargs: Any) -> None:
        given = _by_name(original, args, kwargs)
        shown = {name: thing for name, thing in given.items() if thing is not None and thing is not False}
        foreign.call("backward", lambda: original(*args, **kwargs), (shown.pop("tensors"),), **shown)

    return backward


def _by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(signature(function).parameters, args, strict=False)), **kwargs}


def _collective(name: str) -> Callable[[Foreign, Any], Any]:
    """An exchange between processes; it writes to its first argument."""

    def make(foreign: Foreign, original: Any) -> Any:
        def exchange(*args: Any, **kwargs: Any) -> Any:
            given = _by_name(original, args, kwargs)
            operands = tuple(thing for thing in given.values() if tensors_in(thing))
            how: dict[str, Any] = {key: thing for key, thing in given.items() if type(thing) is int}
            how |= {"op": str(given["op"])} if "op" in given else {}
            return foreign.call(f"{name}_", lambda: original(*args, **kwargs), operands, **how)

        return exchange

    return make


def _half(foreign: Foreign, original: Any) -> Any:
    """``z.real = x`` is a write to a view of ``z``."""

    def get(tensor: torch.Tensor) -> Any:
        return original.__get__(tensor)

    get.__name__ = original.__name__
    return property(get, lambda tensor, value: getattr(tensor, get.__name__).copy_(value))


def _as_subclass(foreign: Foreign, original: Any) -> Any:
    return lambda tensor, cls: foreign.call("as_subclass", lambda: original(tensor, cls), (tensor, cls))


def _set(foreign: Foreign, original: Any) -> Any:
    """``y.set_(x)``: from now on the one is the memory of the other."""

    def set_(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return foreign.call("set_", lambda: original(tensor, *args, **kwargs), (tensor, *args), **kwargs)

    return set_


def _enter_autocast(foreign: Foreign, original: Any) -> Any:
    """A region that is off where all is off changes nothing."""

    def enter(region: Any) -> Any:
        region._nnviz_told = told = region._enabled or torch.is_autocast_enabled(region.device)
        how = {"dtype": region.fast_dtype} if region._enabled else {"enabled": False}
        return foreign.call("enter_autocast", lambda: original(region), (), **how) if told else original(region)

    return enter


def _exit(name: str) -> Callable[[Foreign, Any], Any]:
    """The end of a region whose beginning was told."""

    def make(foreign: Foreign, original: Any) -> Any:
        def leave(region: Any, *error: Any) -> Any:
            told = region.__dict__.pop("_nnviz_told", False)
            return foreign.call(name, lambda: original(region, *error), ()) if told else original(region, *error)

        return leave

    return make


def _enter_inference(foreign: Foreign, original: Any) -> Any:
    """As of gradients, a switch; one that is off where all is off changes nothing."""

    def enter(region: Any) -> Any:
        region._nnviz_told = told = region.mode or torch.is_inference_mode_enabled()
        how = {} if region.mode else {"mode": False}
        return foreign.call("enter_inference_mode", lambda: original(region), (), **how) if told else original(region)

    return enter


def _swap(foreign: Foreign, original: Any) -> Any:
    return lambda t1, t2: foreign.swap(lambda: original(t1, t2), t1, t2)


def _compile(foreign: Foreign, original: Any) -> Any:
    """What forward itself compiles runs as it is written, as what was compiled before does."""

    def compiled(model: Any = None, **options: Any) -> Any:
        if not foreign.is_followed():
            return original(model, **options)
        return model if model is not None else lambda function: function

    return compiled


_COLLECTIVES = (
    "all_gather all_gather_into_tensor all_reduce all_to_all all_to_all_single broadcast reduce reduce_scatter "
    "reduce_scatter_tensor"
)
WRAPPED: tuple[tuple[str, str, Callable[[Foreign, Any], Any]], ...] = (
    ("torch._functorch.vmap", "_vmap_increment_nesting", _enter_vmap),
    ("torch._functorch.vmap", "_add_batch_dim", _into_vmap),
    ("torch._functorch.vmap", "_remove_batch_dim", _out_of_vmap),
    ("torch._functorch.eager_transforms", "_wrap_for_grad", _boundary("grad_in")),
    ("torch._functorch.eager_transforms", "_unwrap_for_grad", _boundary("grad_out")),
    ("torch._functorch.eager_transforms", "_wrap_functional_tensor", _boundary("functionalize_in")),
    ("torch._functorch.eager_transforms", "_unwrap_functional_tensor", _boundary("functionalize_out")),
    ("torch.autograd.function", "custom_function_call", _function_in_transform),
    ("torch.autograd.function:BackwardCFunction", "__init__", _application),
    ("torch.nn.modules._functions:BackwardHookFunction", "apply", _backward_hook),
    ("torch.autograd", "backward", _backward),
    ("torch.nn.parameter:Parameter", "__new__", _parameter),
    ("torch.nn.parameter:Buffer", "__new__", _parameter),
    ("torch._C:ScriptFunction", "__call__", _script_function),
    ("torch._C:ScriptMethod", "__call__", _script_method),
    ("torch:Tensor", "real", _half),
    ("torch:Tensor", "imag", _half),
    ("torch:Tensor", "as_subclass", _as_subclass),
    ("torch:Tensor", "set_", _set),
    ("torch.amp.autocast_mode:autocast", "__enter__", _enter_autocast),
    ("torch.amp.autocast_mode:autocast", "__exit__", _exit("exit_autocast")),
    ("torch.autograd.grad_mode:inference_mode", "__enter__", _enter_inference),
    ("torch.autograd.grad_mode:inference_mode", "__exit__", _exit("exit_inference_mode")),
    ("torch.utils", "swap_tensors", _swap),
    ("torch", "compile", _compile),
    *(("torch.distributed", name, _collective(name)) for name in _COLLECTIVES.split()),
)
