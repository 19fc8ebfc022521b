"""The models whose snapshots the pages show on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["X8", "Arch", "X", "checkpoint", "convolution", "versions"]

X, X8 = torch.zeros(1, 16), torch.zeros(1, 8)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm = nn.Linear(16, 16), nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.fc(x))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Net(nn.Module):
    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, Encoder())
        self.head = nn.Linear(16, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.get_submodule(self.name)(x))


class Arch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.layer4, self.head = nn.Linear(8, 8), nn.Sequential(nn.ReLU()), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer4(self.fc(x)))


def versions() -> Iterator[tuple[str, nn.Module]]:
    """The model of the pages as it was and as it is."""
    yield "old", Net("encoder", 4)
    yield "new", Net("backbone", 5)


def checkpoint() -> dict[str, torch.Tensor]:
    """What was saved of `Arch`, with one key missing, one unexpected and one of another shape."""
    state = dict(Arch().state_dict())
    del state["head.bias"]
    return {**state, "extra": torch.tensor(1), "fc.weight": torch.zeros(4, 8)}


def convolution(version: str) -> nn.Module:
    """One layer of four filters, of which a later version has another."""
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(1, 4, kernel_size=3))
    if version == "new":
        with torch.no_grad():
            model.conv1.weight[2, 0, 1, 2] = 1
    return model
