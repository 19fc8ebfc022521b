"""What differs between releases of torch and must not show: bookkeeping of its own, arguments that came later."""

from __future__ import annotations

import types
from typing import Any

import torch
import torch.utils.checkpoint as checkpoint

__all__ = ["is_bookkeeping", "later_arguments"]

# Whether a norm has a bias is an argument of its constructor in later releases.
_TAKE_BIAS_LATER = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.modules.instancenorm._InstanceNorm,
    torch.nn.GroupNorm,
)


def later_arguments(cls: Any) -> dict[str, object]:
    """Constructor arguments that a class of torch's own has in some releases and not in others, by their defaults."""
    return {"bias": True} if issubclass(cls, _TAKE_BIAS_LATER) else {}


def _codes() -> frozenset[types.CodeType]:
    functions = (
        getattr(checkpoint, "_checkpoint_without_reentrant_generator", None),
        getattr(getattr(checkpoint, "_NoopSaveInputs", None), "forward", None),
    )
    return frozenset(code for function in functions if (code := getattr(function, "__code__", None)) is not None)


# Functions that make tensors of their own while the author's code runs. None of them calls the author's.
_BOOKKEEPING = _codes()


def is_bookkeeping(frame: types.FrameType) -> bool:
    """Whether a call made in this frame is torch's own affair."""
    return frame.f_code in _BOOKKEEPING
