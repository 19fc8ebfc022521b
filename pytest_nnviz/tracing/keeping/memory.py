"""Which memory a tensor shows and what belongs to it, put back where it differs; not what the memory holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from pytest_nnviz.tracing.keeping.contents import tells_its_memory, view_of
from pytest_nnviz.tracing.keeping.surroundings import Restore, all_of

__all__ = ["keep_data", "keep_tensors"]


def keep_data(tensors: Iterable[torch.Tensor]) -> list[Restore]:
    """The memory that tensors show, and how."""
    usual: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    for tensor in tensors:
        if tells_its_memory(tensor):
            usual.append((tensor, tensor.data))
        else:
            others.append((tensor, tensor.data, view_of(tensor)))
    return [*all_of(_set_to, usual), *all_of(_show, others)]


def _set_to(tensor: torch.Tensor, data: torch.Tensor) -> None:
    if not tensor.is_set_to(data):
        tensor.data = data


def _show(tensor: torch.Tensor, data: torch.Tensor, view: object) -> None:
    if view_of(tensor) != view:
        tensor.data = data


def keep_tensors(tensors: list[torch.Tensor]) -> list[Restore]:
    """Their memory; their gradients, whether they require one, whether they have hooks."""
    return [*keep_data(tensors), *all_of(_put_flags_back, list(map(_flags, tensors)))]


def _flags(tensor: torch.Tensor) -> tuple[Any, ...]:
    is_leaf = tensor.is_leaf
    asked = (tensor.requires_grad, tensor.grad) if is_leaf else (False, None)
    return (tensor, tensor._backward_hooks, is_leaf, *asked)


def _put_flags_back(tensor: torch.Tensor, hooks: Any, is_leaf: bool, requires_grad: bool, gradient: Any) -> None:
    if tensor._backward_hooks is not hooks:
        tensor._backward_hooks = hooks
    if is_leaf and tensor.requires_grad is not requires_grad:
        tensor.requires_grad_(requires_grad)
    if is_leaf and tensor.grad is not gradient:
        tensor.grad = gradient
