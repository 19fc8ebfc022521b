"""Models that together use most of torch: layers with arguments that are no defaults, functions, tools."""

from __future__ import annotations

import torch

from breadth import attending, functions, layers, tensors, tools

MODELS = {make.__name__: make for part in (layers, attending, functions, tensors, tools) for make in part.MODELS}


def build(name):
    """A model in training mode and its inputs, the same at every call."""
    torch.manual_seed(0)
    return MODELS[name]()
