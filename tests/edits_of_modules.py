"""Edits of modules: every kind that fits a module of any model, made to a copy of the model."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from expectation import Expected
from torch import nn

__all__ = ["KINDS", "Edit", "edits_of"]

# What makes the edit, what the words have to say, and which change it is. None where the module does not fit.
Made = tuple[Callable[[], Any], tuple[str, ...], Expected] | None
Kind = Callable[[nn.Module, str, nn.Module], Made]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_RECURRENT = (nn.LSTM, nn.GRU, nn.RNN)


# What these change shows only where the module is called.
_NEED_A_CALL = {"hook", "own forward"}


@dataclass(frozen=True)
class Edit:
    """One edit of the module at a place."""

    kind: str
    place: str
    says: tuple[str, ...]
    expected: Expected = field(repr=False)

    def made(self, model: nn.Module) -> nn.Module:
        """A copy of the model with the edit in it."""
        edited = copy.deepcopy(model)
        found = KINDS[self.kind](edited, self.place, edited.get_submodule(self.place))
        assert found is not None
        found[0]()
        return edited


def edits_of(model: nn.Module, run: Callable[[], Any]) -> Iterator[Edit]:
    """All edits that fit a model, module by module."""
    called = _called(model, run)
    for path, module in model.named_modules():
        for kind, make in KINDS.items():
            found = make(model, path, module)
            if found is not None and (module in called or kind not in _NEED_A_CALL):
                yield Edit(kind, path, found[1], found[2].at(path))


def _called(model: nn.Module, run: Callable[[], Any]) -> set[nn.Module]:
    called: set[nn.Module] = set()
    handles = [m.register_forward_pre_hook(lambda module, _: called.add(module)) for m in model.modules()]
    run()
    for handle in handles:
        handle.remove()
    return called


def _set(thing: Any, **changes: Any) -> Callable[[], None]:
    def do() -> None:
        for name, value in changes.items():
            setattr(thing, name, value)

    return do


def _replaced(model: nn.Module, path: str, new: Callable[[], nn.Module]) -> Callable[[], None]:
    parent, _, name = path.rpartition(".")
    return lambda: model.get_submodule(parent).__setattr__(name, new().eval())


def _configured(module: nn.Module, name: str, old: Any, new: Any) -> Expected:
    """An attribute shows as an argument of the constructor if that takes it, or else where forward uses it."""
    structure = name in inspect.signature(type(module).__init__).parameters
    return Expected("structure" if structure else "topology", _text(old), _text(new))


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _place(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _caller(model: nn.Module, path: str) -> str:
    """The module around a layer that has a forward: lists and dicts only hold it."""
    path = path.rpartition(".")[0]
    while isinstance(model.get_submodule(path), nn.ModuleList | nn.ModuleDict):
        path = path.rpartition(".")[0]
    return path


def _is_plain(module: nn.Module) -> bool:
    return not nn.utils.parametrize.is_parametrized(module)


def eps(model: nn.Module, path: str, module: nn.Module) -> Made:
    for name in ("eps", "variance_epsilon", "layer_norm_epsilon"):
        value = getattr(module, name, None)
        if isinstance(value, float) and module._parameters:
            expected = _configured(module, name, value, value * 10)
            return _set(module, **{name: value * 10}), (f"{value:.6g} -> {value * 10:.6g}",), expected
    return None


def momentum(model: nn.Module, path: str, module: nn.Module) -> Made:
    value = getattr(module, "momentum", None)
    if not isinstance(value, float):
        return None
    return _set(module, momentum=0.37), (f"{value:.6g} -> 0.37",), Expected("structure", _text(value), "0.37")


def dropout_p(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.modules.dropout._DropoutNd):
        return None
    new = module.p / 2 + 0.3
    return _set(module, p=new), (f"p {module.p} -> {new:.6g}",), Expected("structure", _text(module.p), _text(new))


_ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.LeakyReLU, nn.ReLU6, nn.Softplus)


def activation_class(model: nn.Module, path: str, module: nn.Module) -> Made:
    name = type(module).__name__
    if not path or not (isinstance(module, _ACTIVATIONS) or name.endswith(("GELUActivation", "SiLUActivation"))):
        return None
    other = nn.Hardswish
    return _replaced(model, path, other), (name, "-> Hardswish"), Expected("structure", name, "Hardswish")


def activation_slope(model: nn.Module, path: str, module: nn.Module) -> Made:
    for name in ("negative_slope", "alpha"):
        value = getattr(module, name, None)
        if isinstance(module, _ACTIVATIONS) and isinstance(value, float):
            expected = Expected("structure", _text(value), _text(value * 2))
            return _set(module, **{name: value * 2}), (f"{name} {value} -> {value * 2}",), expected
    return None


def approximate(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.GELU):
        return None
    return _set(module, approximate="tanh"), ('"tanh"',), Expected("structure", '"none"', '"tanh"')


def bias(model: nn.Module, path: str, module: nn.Module) -> Made:
    fits = isinstance(module, (nn.Linear, nn.LayerNorm, *_CONVOLUTIONS)) and _is_plain(module)
    if not fits or module.bias is None:
        return None
    return lambda: module.register_parameter("bias", None), ("bias",), Expected("structure", "True", "False")


def _is_convolution(module: nn.Module, least: int) -> bool:
    padding = getattr(module, "padding", None)
    return (
        isinstance(module, _CONVOLUTIONS) and _is_plain(module) and isinstance(padding, tuple) and min(padding) >= least
    )


def dilation_with_padding(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not _is_convolution(module, 1) or set(module.kernel_size) != {3} or set(module.dilation) != {1}:
        return None
    both = (2,) * len(module.padding)
    return _set(module, dilation=both, padding=both), ("dilation 1 -> 2",), Expected("structure", "1", "2")


def padding_mode(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not _is_convolution(module, 1):
        return None
    says = (f'padding_mode "{module.padding_mode}" -> "circular"',)
    return _set(module, padding_mode="circular"), says, Expected("structure", module.padding_mode, "circular")


def stride(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not _is_convolution(module, 0):
        return None
    expected = Expected("structure", str(module.stride[0]), str(2 * module.stride[0]))
    return _set(module, stride=tuple(2 * step for step in module.stride)), ("stride",), expected


def kernel_size(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not _is_convolution(module, 0) or set(module.stride) != {1} or not path:
        return None

    def wider() -> nn.Module:
        sizes = tuple(size + 2 for size in module.kernel_size)
        padding = tuple(pad + step for pad, step in zip(module.padding, module.dilation, strict=True))
        sides = (module.in_channels, module.out_channels, sizes)
        rest = {"dilation": module.dilation, "groups": module.groups, "bias": module.bias is not None}
        return type(module)(*sides, padding=padding, padding_mode=module.padding_mode, **rest)

    expected = Expected("structure", str(module.kernel_size[0]), str(module.kernel_size[0] + 2))
    return _replaced(model, path, wider), ("kernel_size",), expected


def groups(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not _is_convolution(module, 0) or module.groups != 1 or module.in_channels % 2 or module.out_channels % 2:
        return None

    def grouped() -> nn.Module:
        rest = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
        rest["bias"] = module.bias is not None
        return type(module)(module.in_channels, module.out_channels, module.kernel_size, groups=2, **rest)

    return _replaced(model, path, grouped), ("groups 1 -> 2",), Expected("structure", "1", "2")


def output_padding(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.ConvTranspose2d) or min(module.stride) < 2 or max(module.output_padding):
        return None
    return _set(module, output_padding=(1, 1)), ("output_padding", "-> 1"), Expected("structure", "0", "1")


def pool_class(model: nn.Module, path: str, module: nn.Module) -> Made:
    others = {nn.MaxPool2d: nn.AvgPool2d, nn.AvgPool2d: nn.MaxPool2d, nn.LPPool2d: nn.MaxPool2d}
    if type(module) in others:
        other = others[type(module)]
        sizes = (module.kernel_size, module.stride, getattr(module, "padding", 0))
        names = (type(module).__name__, other.__name__)
        return _replaced(model, path, lambda: other(*sizes)), names, Expected("structure", *names)
    if type(module) is nn.AdaptiveAvgPool2d:
        expected = Expected("structure", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d")
        new = lambda: nn.AdaptiveMaxPool2d(module.output_size)  # noqa: E731
        return _replaced(model, path, new), ("AdaptiveMaxPool2d",), expected
    return None


def upsampling(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.Upsample):
        return None
    says = (f'mode "{module.mode}" -> "bilinear"',)
    return _set(module, mode="bilinear"), says, Expected("structure", module.mode, "bilinear")


def norm_groups(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.GroupNorm):
        return None
    says = (f"num_groups {module.num_groups} -> 1",)
    return _set(module, num_groups=1), says, Expected("structure", str(module.num_groups), "1")


def heads(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.MultiheadAttention):
        return None
    new = module.num_heads * 2
    says, expected = (f"num_heads {module.num_heads} -> {new}",), Expected("structure", str(module.num_heads), str(new))
    return _set(module, num_heads=new, head_dim=module.embed_dim // new), says, expected


def head_dim(model: nn.Module, path: str, module: nn.Module) -> Made:
    """Of attention that splits by its width alone: twice the heads, each half as wide."""
    value, scale = getattr(module, "head_dim", None), getattr(module, "scaling", None)
    if type(value) is not int or value % 2 or isinstance(module, nn.MultiheadAttention) or scale is None:
        return None
    return _set(module, head_dim=value // 2), (), Expected("topology", str(value), str(value // 2))


def attention_scaling(model: nn.Module, path: str, module: nn.Module) -> Made:
    value = getattr(module, "scaling", None)
    if not isinstance(value, float):
        return None
    return _set(module, scaling=value * 2), (), Expected("topology", new=_text(value * 2))


def recurrent_dropout(model: nn.Module, path: str, module: nn.Module) -> Made:
    fits = isinstance(module, _RECURRENT) and module.num_layers > 1
    return (_set(module, dropout=0.45), ("dropout", "-> 0.45"), Expected("structure", new="0.45")) if fits else None


def direction(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, _RECURRENT) or module.bidirectional or not path:
        return None
    size = module.input_size, module.hidden_size, module.num_layers
    new = lambda: type(module)(*size, batch_first=module.batch_first, bidirectional=True)  # noqa: E731
    return _replaced(model, path, new), (), Expected("structure", "False", "True")


def padding_idx(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.Embedding):
        return None
    new = None if module.padding_idx is not None else 2
    return _set(module, padding_idx=new), ("padding_idx",), Expected("structure", str(module.padding_idx), str(new))


def freeze(model: nn.Module, path: str, module: nn.Module) -> Made:
    first = dict(model.named_parameters())  # of tied parameters the first alone
    for name, parameter in module._parameters.items():
        if f"{path}.{name}".lstrip(".") in first and parameter.requires_grad:
            expected = Expected("parameters", "trainable", "frozen")
            return lambda parameter=parameter: parameter.requires_grad_(False), (name, "frozen"), expected
    return None


def tie(model: nn.Module, path: str, module: nn.Module) -> Made:
    """With the first parameter of the model that has the same shape, if it stands before."""
    for name, parameter in module._parameters.items():
        for place, first in model.named_parameters():
            if parameter is None or first is parameter:
                break
            if (first.shape, first.dtype) == (parameter.shape, parameter.dtype) and _is_plain(module):
                expected = Expected("parameters", new=f"tied to {place}")
                return lambda name=name, first=first: setattr(module, name, first), (name,), expected
    return None


def untie(model: nn.Module, path: str, module: nn.Module) -> Made:
    for name, parameter in module._parameters.items():
        owners = [
            place for place, part in model.named_modules() if any(p is parameter for p in part._parameters.values())
        ]
        if parameter is not None and len(owners) > 1:
            # Of two names of one parameter, the later one is told.
            expected = Expected("parameters", "tied to ", place=owners[1] if owners[0] == path else path)
            return (
                lambda name=name: setattr(module, name, nn.Parameter(getattr(module, name).detach().clone())),
                (),
                expected,
            )
    return None


def parameter_to_buffer(model: nn.Module, path: str, module: nn.Module) -> Made:
    for name, parameter in module._parameters.items():
        if parameter is None or isinstance(module, (*_RECURRENT, nn.ParameterList, nn.ParameterDict)):
            continue

        def do(name: str = name, values: torch.Tensor = parameter) -> None:
            delattr(module, name)
            module.register_buffer(name, values.detach())

        return do, (name, "buffer") if path else (name,), Expected("parameters", "parameter", "buffer")
    return None


def buffer_saved(model: nn.Module, path: str, module: nn.Module) -> Made:
    for name, buffer in module._buffers.items():
        if buffer is not None:
            saved = name in module._non_persistent_buffers_set
            texts = ("not saved", "saved") if saved else ("saved", "not saved")
            expected = Expected("parameters", *texts)
            return partial(module.register_buffer, name, buffer, persistent=saved), (name,), expected
    return None


def extra_buffer(model: nn.Module, path: str, module: nn.Module) -> Made:
    expected = Expected("parameters", None, "buffer f32[3]")
    return lambda: module.register_buffer("extra", torch.zeros(3)), ("buffer extra f32[3] new",), expected


def extra_parameter(model: nn.Module, path: str, module: nn.Module) -> Made:
    if isinstance(module, (*_RECURRENT, nn.ParameterList, nn.ParameterDict)):
        return None
    expected = Expected("parameters", None, "parameter f32[3]")
    return lambda: module.register_parameter("extra", nn.Parameter(torch.zeros(3))), ("extra f32[3] new",), expected


def unused_module(model: nn.Module, path: str, module: nn.Module) -> Made:
    if isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict):
        return None
    if type(module).__module__.startswith("torch.nn.modules"):  # with a child it would be no layer any more
        return None
    expected = Expected("structure", None, "Linear(in_features=3", _place(path, "unused"))
    return lambda: module.add_module("unused", nn.Linear(3, 3)), ("unused", "Linear"), expected


def rename(model: nn.Module, path: str, module: nn.Module) -> Made:
    """The first child under another name, still to be had under the old one."""
    for name, child in module._modules.items():
        if child is None or isinstance(module, nn.ModuleDict) or list(module._modules.values()).count(child) > 1:
            continue

        def do(name: str = name, child: nn.Module = child) -> None:
            entries = [("new_name" if key == name else key, value) for key, value in module._modules.items()]
            module._modules.clear()
            module._modules.update(entries)
            if not isinstance(module, nn.Sequential | nn.ModuleList):
                module.__dict__[name] = child

        return do, (name, "new_name"), Expected("structure", *(_place(path, n) for n in (name, "new_name", "new_name")))
    return None


def to_identity(model: nn.Module, path: str, module: nn.Module) -> Made:
    kinds = (nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.modules.dropout._DropoutNd, *_ACTIVATIONS)
    if not path or not (isinstance(module, kinds) or type(module).__name__.endswith("RMSNorm")):
        return None
    name = type(module).__name__
    return _replaced(model, path, nn.Identity), (name, "-> Identity"), Expected("structure", name, "Identity")


def order_of_layers(model: nn.Module, path: str, module: nn.Module) -> Made:
    """Two layers of a container change places; excluded where they print and are shaped alike."""
    if not isinstance(module, nn.Sequential | nn.ModuleList) or len(module) < 2 or not _differ(module[0], module[1]):
        return None

    def do() -> None:
        module[0], module[1] = module[1], module[0]

    return do, (), Expected("structure", "0, 1", "1, 0")


def _differ(one: nn.Module, other: nn.Module) -> bool:
    shapes = [[parameter.shape for parameter in module.parameters()] for module in (one, other)]
    return repr(one) != repr(other) or shapes[0] != shapes[1]


def order_of_registration(model: nn.Module, path: str, module: nn.Module) -> Made:
    """The first two children registered the other way round: the order of parameters and of optimizer states."""
    children = [(name, child) for name, child in module._modules.items() if child is not None]
    if isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict) or len(children) < 2:
        return None
    if children[0][1] is children[1][1] or not all(any(True for _ in child.parameters()) for _, child in children[:2]):
        return None

    def do() -> None:
        name, child = children[0]
        rest = list(module._modules.items())[1:]
        module._modules.clear()
        module._modules.update([*rest, (name, child)])

    return do, (), Expected("structure", either=children[0][0])


def one_layer_less(model: nn.Module, path: str, module: nn.Module) -> Made:
    if not isinstance(module, nn.ModuleList) or len(module) < 2:
        return None
    last = str(len(module) - 1)
    expected = Expected("structure", type(module[-1]).__name__, None, _place(path, last))
    return lambda: module.__delitem__(-1), (last, "gone"), expected


def shared_layer(model: nn.Module, path: str, module: nn.Module) -> Made:
    """The second layer of a list becomes the first once more."""
    if not isinstance(module, nn.ModuleList | nn.Sequential) or len(module) < 2 or module[0] is module[1]:
        return None
    fits = type(module[0]) is type(module[1]) and any(True for _ in module[0].parameters())
    expected = Expected("structure", type(module[1]).__name__, "= 0", _place(path, "1"))
    return (lambda: module.__setitem__(1, module[0]), (), expected) if fits else None


def hook(model: nn.Module, path: str, module: nn.Module) -> Made:
    """A hook that changes what a layer gives."""
    if not isinstance(module, nn.Linear | nn.LayerNorm | nn.Conv2d | nn.Embedding):
        return None
    expected = Expected(
        "topology", None, "mul(", path if any(True for _ in module.children()) else _caller(model, path)
    )
    return lambda: module.register_forward_hook(_halved), ("mul(", "0.5", "new"), expected


def _halved(module: nn.Module, args: Any, result: torch.Tensor) -> torch.Tensor:
    return result * 0.5


def own_forward(model: nn.Module, path: str, module: nn.Module) -> Made:
    """A method put in the place of a layer's forward."""
    if not isinstance(module, nn.Linear) or not path:
        return None
    expected = Expected("topology", "one call", "its calls", _caller(model, path))
    return (
        _set(module, forward=lambda x: nn.functional.linear(x, module.weight.abs(), module.bias)),
        ("one call -> its calls",),
        expected,
    )


KINDS: dict[str, Kind] = {
    kind.__name__.replace("_", " "): kind
    for kind in (
        eps,
        momentum,
        dropout_p,
        activation_class,
        activation_slope,
        approximate,
        bias,
        dilation_with_padding,
        padding_mode,
        stride,
        kernel_size,
        groups,
        output_padding,
        pool_class,
        upsampling,
        norm_groups,
        heads,
        head_dim,
        attention_scaling,
        recurrent_dropout,
        direction,
        padding_idx,
        freeze,
        tie,
        untie,
        parameter_to_buffer,
        buffer_saved,
        extra_buffer,
        extra_parameter,
        unused_module,
        rename,
        to_identity,
        order_of_layers,
        order_of_registration,
        one_layer_less,
        shared_layer,
        hook,
        own_forward,
    )
}
