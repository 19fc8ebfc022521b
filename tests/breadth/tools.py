"""Parametrizations, pruning, checkpoints, autocast, containers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.checkpoint import checkpoint

from breadth.build import Calls, rows


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x * 2

    @staticmethod
    def backward(_, gradient):
        return gradient * 2


class Symmetric(nn.Module):
    def forward(self, weight):
        return weight.triu() + weight.triu(1).mT


def tools():
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = self.normed(x)
        with torch.no_grad():
            fixed = self.spectral(x) + self.orthogonal(x)
        x = checkpoint(self.symmetric, x, use_reentrant=False)
        x = checkpoint(lambda y: self.pruned(y).relu(), x, use_reentrant=True)
        return low.float() + x, fixed, Doubled.apply(x), torch.func.functional_call(self.normed, {}, (x,))

    model = Calls(
        forward,
        normed=nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
        spectral=nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4, bias=False)),
        orthogonal=nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)),
        symmetric=nn.Linear(4, 4),
        pruned=nn.Linear(4, 4),
    )
    nn.utils.parametrize.register_parametrization(model.symmetric, "weight", Symmetric())
    prune.l1_unstructured(model.pruned, "weight", 0.5)
    return model, (rows(3, 4),)


def containers():
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        x = x * self.scales[0] + self.shifts["a"]
        return {"heads": {name: head(x) for name, head in self.heads.items()}, "lazy": self.lazy(x)}

    model = Calls(
        forward,
        layers=nn.ModuleList([nn.Linear(4, 4), nn.Dropout1d(0.3), nn.AlphaDropout(0.2), nn.FeatureAlphaDropout(0.1)]),
        heads=nn.ModuleDict({"one": nn.Linear(4, 1), "two": nn.Sequential(nn.Linear(4, 2), nn.Tanh())}),
        scales=nn.ParameterList([torch.ones(4), torch.ones(1)]),
        shifts=nn.ParameterDict({"a": torch.zeros(4)}),
        lazy=nn.LazyLinear(3),
        unused=nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], div_value=2.0),
    )
    model.shared = model.heads["one"]
    model.layers[0].bias.requires_grad_(False)
    return model, (rows(3, 4),)


MODELS = (tools, containers)
