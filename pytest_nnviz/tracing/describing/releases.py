"""Constructor arguments that torch's own classes have in some releases and not in others."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["later_arguments"]

# Whether a norm has a bias is an argument of its constructor in later releases.
_TAKE_BIAS_LATER = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.modules.instancenorm._InstanceNorm,
    torch.nn.GroupNorm,
)


def later_arguments(cls: Any) -> dict[str, object]:
    """Arguments that a class of torch's own takes in some release, by their defaults."""
    return {"bias": True} if issubclass(cls, _TAKE_BIAS_LATER) else {}
