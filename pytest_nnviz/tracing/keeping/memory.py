"""Which memory a tensor shows and what belongs to it, put back where it differs; not what the memory holds."""

from __future__ import annotations

import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from pytest_nnviz.tracing.describing.values import ORDINARY
from pytest_nnviz.tracing.keeping.contents import view_of
from pytest_nnviz.tracing.keeping.surroundings import Restore

__all__ = ["keep_data", "keep_tensor"]


def keep_data(tensor: torch.Tensor) -> Restore:
    """The memory that a tensor shows, and how."""
    if _can_say(tensor):
        data = tensor.data
        return lambda: None if tensor.is_set_to(data) else setattr(tensor, "data", data)
    data, view = tensor.data, view_of(tensor)

    def restore() -> None:
        if view_of(tensor) != view:
            tensor.data = data

    return restore


def _can_say(tensor: torch.Tensor) -> bool:
    """Whether torch itself tells if two tensors show the same memory."""
    usual = type(tensor) in ORDINARY and tensor.layout is torch.strided and (tensor.is_cpu or tensor.is_cuda)
    return usual and not tensor.is_nested and not is_functorch_wrapped_tensor(tensor)


def keep_tensor(tensor: torch.Tensor) -> list[Restore]:
    """Its memory; its gradient, whether it requires one, whether it has hooks."""
    return [keep_data(tensor), _flags(tensor)]


def _flags(tensor: torch.Tensor) -> Restore:
    hooks, is_leaf = tensor._backward_hooks, tensor.is_leaf
    requires_grad, gradient = (tensor.requires_grad, tensor.grad) if is_leaf else (False, None)

    def restore() -> None:
        if tensor._backward_hooks is not hooks:
            tensor._backward_hooks = hooks
        if is_leaf and tensor.requires_grad is not requires_grad:
            tensor.requires_grad_(requires_grad)
        if is_leaf and tensor.grad is not gradient:
            tensor.grad = gradient

    return restore
