"""What changes nothing about a model: other values, other spellings, other uses, other surroundings."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from edits_of_forward import Counting, inside_forward
from spellings import Respelling
from torch import Tensor, nn

__all__ = ["KINDS", "kinds_of"]

Inputs = dict[str, Any]
Traced = Iterator[tuple[nn.Module, Inputs]]


def _mapped(thing: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Inputs with other tensors in them."""
    if isinstance(thing, Tensor):
        return change(thing)
    if isinstance(thing, dict):
        return {key: _mapped(item, change) for key, item in thing.items()}
    return [_mapped(item, change) for item in thing] if isinstance(thing, list) else thing


def _floating(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda tensor: change(tensor) if tensor.is_floating_point() else tensor


def _is_vision(model: nn.Module) -> bool:
    return any(parameter.dim() == 4 for parameter in model.parameters())


def _has_statistics(model: nn.Module) -> bool:
    return any(name.endswith("running_var") for name, _ in model.named_buffers())


def _without_edit(model: nn.Module, inputs: Inputs) -> Traced:
    with inside_forward(model, Counting):
        yield model, inputs


def _respelled(seed: int, model: nn.Module, inputs: Inputs) -> Traced:
    with inside_forward(model, lambda: Respelling(seed)):
        yield model, inputs


def _reseeded(model: nn.Module, inputs: Inputs) -> Traced:
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.05)
    yield model, inputs


def _statistics(model: nn.Module, inputs: Inputs) -> Traced:
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 2.0)
        elif "num_batches" in name:
            buffer.add_(7)
    yield model, inputs


def _observed(model: nn.Module, inputs: Inputs) -> Traced:
    seen: list[Any] = []
    for module in model.modules():
        module.register_forward_pre_hook(lambda module, args: seen.append(len(args)))
        module.register_forward_hook(lambda module, args, result: seen.append(_mapped(result, Tensor.abs)))
        module.register_full_backward_hook(lambda module, ins, outs: seen.append(len(ins)))
    yield model, inputs


def _noted(model: nn.Module, inputs: Inputs) -> Traced:
    model.note = "of last week"
    for number, module in enumerate(model.modules()):
        module._is_hf_initialized = True
        module.remarks = [number, {"seen": True}]
        module.flops = 1e9 * number
    yield model, inputs


def _channels_last(model: nn.Module, inputs: Inputs) -> Traced:
    model.to(memory_format=torch.channels_last)
    last = partial(Tensor.contiguous, memory_format=torch.channels_last)
    yield model, _mapped(inputs, lambda tensor: last(tensor) if tensor.dim() == 4 else tensor)


def _used(model: nn.Module, inputs: Inputs) -> Traced:
    """Called before: in train mode with gradients, and with shorter inputs where it takes them."""
    with torch.no_grad():
        model(**copy.deepcopy(inputs))
        for shorter in (lambda tensor: tensor[:, :-2], lambda tensor: tensor[:1]):
            try:
                model(**_mapped(copy.deepcopy(inputs), shorter))
            except (RuntimeError, ValueError, IndexError, TypeError):  # it takes no others
                continue
    yield model, inputs


def _trained(model: nn.Module, inputs: Inputs) -> Traced:
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD([p for p in model.parameters() if not p.is_complex()], lr=1e-3).step()
    model.train()
    yield model, inputs


def _copied(model: nn.Module, inputs: Inputs) -> Traced:
    yield copy.deepcopy(model), copy.deepcopy(inputs)


def _pickled(model: nn.Module, inputs: Inputs) -> Traced:
    yield pickle.loads(pickle.dumps(model)), inputs


def _loaded(model: nn.Module, inputs: Inputs) -> Traced:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file))
    yield model, inputs


def _other_batch(model: nn.Module, inputs: Inputs) -> Traced:
    torch.manual_seed(5)
    yield model, _mapped(inputs, _floating(torch.rand_like))


def _inputs_with_gradients(model: nn.Module, inputs: Inputs) -> Traced:
    yield model, _mapped(inputs, _floating(lambda tensor: tensor.clone().requires_grad_()))


def _strided(model: nn.Module, inputs: Inputs) -> Traced:
    yield model, _mapped(inputs, lambda tensor: torch.stack([tensor, tensor], dim=-1)[..., 0])


def _no_grad(model: nn.Module, inputs: Inputs) -> Traced:
    with torch.no_grad():
        yield model, inputs


def _inference(model: nn.Module, inputs: Inputs) -> Traced:
    with torch.inference_mode():
        yield model, inputs


def _threads(model: nn.Module, inputs: Inputs) -> Traced:
    before = torch.get_num_threads()
    torch.set_num_threads(before % 3 + 1)
    try:
        yield model, inputs
    finally:
        torch.set_num_threads(before)


def _default_device(model: nn.Module, inputs: Inputs) -> Traced:
    with torch.device("cpu"):
        yield model, inputs


def _wrapped(model: nn.Module, inputs: Inputs) -> Traced:
    yield nn.DataParallel(model), inputs


def _counted(model: nn.Module, inputs: Inputs) -> Traced:
    """Inside of a mode of the user's own."""
    with Counting():
        yield model, inputs


Kind = Callable[[nn.Module, Inputs], Any]
KINDS: dict[str, Kind] = {
    name: contextmanager(kind)
    for name, kind in {
        "an edit mode without edit": _without_edit,
        "spelled otherwise": partial(_respelled, 3),
        "spelled otherwise again": partial(_respelled, 8),
        "reseeded weights": _reseeded,
        "other statistics": _statistics,
        "observing hooks": _observed,
        "notes": _noted,
        "channels_last": _channels_last,
        "used": _used,
        "trained": _trained,
        "deep copy": _copied,
        "pickled": _pickled,
        "state dict loaded": _loaded,
        "another batch": _other_batch,
        "inputs with gradients": _inputs_with_gradients,
        "strided inputs": _strided,
        "no_grad": _no_grad,
        "inference_mode": _inference,
        "threads": _threads,
        "default device": _default_device,
        "DataParallel": _wrapped,
        "a mode around": _counted,
    }.items()
}


def kinds_of(model: nn.Module) -> list[str]:
    """The kinds that say something about a model."""
    without = {
        "other statistics": not _has_statistics(model),
        "channels_last": not _is_vision(model),
        "pickled": not _can_be_pickled(model),
    }
    return [name for name in KINDS if not without.get(name)]


def _can_be_pickled(model: nn.Module) -> bool:
    try:
        pickle.dumps(model)
    except Exception:
        return False
    return True
