"""Small models that the tests trace: each shows one thing that real models do."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + x)


class ResNet(nn.Module):
    """A residual network with three equal blocks, a module that is never called and a tied parameter."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.width = width
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(3)))
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(width, 4)
        self.spare = nn.Linear(width, 4)
        self.spare.weight = self.head.weight

    def forward(self, x):
        x = self.blocks(F.relu(self.stem(x)))
        return self.head(self.drop(x.mean((2, 3))))


class Attention(nn.Module):
    """Attention with everything that can be got wrong in one line: order, scale, dim, causality."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        weights = torch.softmax(q @ k.transpose(-2, -1) * 0.5, dim=-1)
        direct = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(torch.cat([weights @ v, direct], dim=-1)[..., :8])


class DictNet(nn.Module):
    """A dict in, a dict out, nested."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)

    def forward(self, batch, scale=1.0):
        hidden = self.embed(batch["ids"]) * scale
        return {"hidden": hidden, "pooled": (hidden.mean(1), [hidden.max(1).values])}


class Packed(nn.Module):
    """A GRU over a packed sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 6, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        out, _ = self.gru(packed)
        return nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0]


class Branching(nn.Module):
    """Its graph depends on the values of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        x = self.first(x)
        if x.sum() > 0:
            return self.second(x)
        return x * 2


class Caching(nn.Module):
    """Fills a cache in its first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.table = None
        self.calls = []

    def forward(self, x):
        self.calls.append(1)
        if self.table is None:
            self.table = torch.arange(4.0) * 2
        return self.linear(x) + self.table
