"""Hooks of our own for the length of a module call: told where the author's hooks and forward meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules import module as torch_module

__all__ = ["first_forward_hook", "has_forward_hooks", "has_pre_hooks", "last_pre_hook"]


def has_pre_hooks(module: torch.nn.Module) -> bool:
    """Whether hooks run before the forward of a module."""
    return bool(module._forward_pre_hooks or torch_module._global_forward_pre_hooks)


def has_forward_hooks(module: torch.nn.Module) -> bool:
    """Whether hooks run after the forward of a module."""
    return bool(module._forward_hooks or torch_module._global_forward_hooks)


@contextmanager
def last_pre_hook(module: torch.nn.Module, hook: Callable[..., None]) -> Iterator[None]:
    """Call ``hook(module, args, kwargs)`` with what reaches forward."""
    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def first_forward_hook(hook: Callable[..., Any]) -> Iterator[None]:
    """Call ``hook(module, args, output)`` of every module before all of its other hooks; what it returns goes on."""
    hooks: Any = torch_module._global_forward_hooks
    handle = torch_module.register_module_forward_hook(hook)
    hooks.move_to_end(handle.id, last=False)
    try:
        yield
    finally:
        handle.remove()
