"""What torch's own classes hold beside the arguments of their constructors: those of other releases, and fixed ones."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["fixed_arguments", "later_arguments"]

# Whether a norm has a bias is an argument of its constructor in later releases.
_TAKE_BIAS_LATER = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.modules.instancenorm._InstanceNorm,
    torch.nn.GroupNorm,
)


def later_arguments(cls: Any) -> dict[str, object]:
    """Arguments that a class of torch's own takes in some release, by their defaults."""
    return {"bias": True} if issubclass(cls, _TAKE_BIAS_LATER) else {}


# What a class hands to the constructor of its base, where it takes no such argument itself: its forward goes by it.
_FIXED: dict[type, dict[str, object]] = {
    torch.nn.UpsamplingNearest2d: {"mode": "nearest", "align_corners": None},
    torch.nn.UpsamplingBilinear2d: {"mode": "bilinear", "align_corners": True},
    torch.nn.ReLU6: {"min_val": 0.0, "max_val": 6.0},
    torch.nn.ZeroPad1d: {"value": 0.0},
    torch.nn.ZeroPad2d: {"value": 0.0},
    torch.nn.ZeroPad3d: {"value": 0.0},
}


def fixed_arguments(cls: type) -> dict[str, object]:
    """What an instance of one of torch's classes holds that no argument of its own constructor decides."""
    return _FIXED.get(cls, {})
