"""What the pages take for granted: a model, an input, imports. Copied beside the tests made of their Python."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from pytest_nnviz import diff, dumps, loads, render, trace, words

__all__ = ["Net", "ResNet18", "Tiny", "diff", "dumps", "loads", "model", "new", "nn", "old", "pytest", "render"]
__all__ += ["torch", "trace", "words", "x"]


class Net(nn.Module):
    """Every place that the patterns of the pages name."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, kernel_size=1)
        parts = OrderedDict(conv=nn.Conv2d(width, width, 1), downsample=nn.Sequential(nn.Conv2d(width, width, 1)))
        self.layer1 = nn.Sequential(parts)
        self.encoder = nn.Sequential(OrderedDict(rotary_emb=nn.Identity(), dropout=nn.Dropout()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(self.layer1(self.conv1(x)))


class Tiny(nn.Module):
    """The model of the page about tables."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 16)
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))
        self.head = nn.Linear(16, 100, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


ResNet18 = Net
model, x = Net(), torch.zeros(1, 3, 8, 8)
old, new = trace(Net(8), x), trace(Net(16), x)
torch.save({"a": torch.zeros(1)}, "old.pt")
