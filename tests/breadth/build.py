"""How the models of this package are made."""

from __future__ import annotations

import torch
from torch import nn


class Calls(nn.Module):
    """A function as a model: what it does with its inputs and with the layers that it is given by name."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *args):
        return self.function(self, *args)


def chain(*layers):
    return nn.Sequential(*layers)


def each(*layers):
    return Calls(lambda self, x: [layer(x) for layer in self.layers], layers=nn.ModuleList(layers))


def pairs(*layers):
    return Calls(lambda self, x, y: [layer(x, y) for layer in self.layers], layers=nn.ModuleList(layers))


def image(channels=4, size=12):
    return torch.linspace(-1, 1, channels * size * size).reshape(1, channels, size, size)


def rows(*shape):
    return torch.linspace(-1, 1, torch.Size(shape).numel()).reshape(shape)
