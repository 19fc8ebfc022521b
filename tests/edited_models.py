"""Awkward models for the generated edits: what architectures of libraries do not do, a good deal of it in each."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import models
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

__all__ = ["AWKWARD", "REFUSED", "build"]


class Masked(nn.Module):
    """Attention by hand and by torch, with a causal mask and one that is given."""

    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.scale = 0.35
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.register_buffer("causal", torch.ones(6, 6, dtype=torch.bool).tril(), persistent=False)

    def forward(self, x, mask=None):
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        scores = (q @ k.transpose(-2, -1)) * self.scale
        scores = scores.masked_fill(~self.causal[: x.shape[1], : x.shape[1]], -1e4)
        if mask is not None:
            scores = scores + torch.where(mask[:, None, None], 0.0, -1e4)
        by_hand = F.dropout(scores.softmax(dim=-1), p=0.1, training=self.training) @ v
        by_torch = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out((by_hand - by_torch).transpose(1, 2).flatten(2)) + x


class Vision(nn.Module):
    """Convolutions of all kinds, every kind of pooling, interpolation there and back."""

    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)
        )
        self.deep = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=2), nn.GroupNorm(2, width), nn.ReLU(inplace=True)
        )
        self.pools = nn.ModuleList([nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.AdaptiveAvgPool2d(8)])
        self.up = nn.Upsample(scale_factor=2)
        self.back = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.norm = nn.InstanceNorm2d(width, affine=True)
        self.drop = nn.Dropout2d(0.2)
        self.head = nn.Linear(width, 5)

    def forward(self, image):
        x = self.deep(self.stem(image))
        parts = [pool(x) for pool in self.pools] + [F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_max_pool2d(x, 8)]
        small = torch.stack(parts, dim=1).sum(dim=1)
        x = self.up(small) - F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.norm(x + self.back(small)) / (1.0 + x.abs())
        x = self.drop(F.interpolate(x, size=(4, 4), mode="nearest"))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1)).log_softmax(dim=-1)


class Nested(nn.Module):
    """A dict with lists in it as one argument, a dict out, keyword-only options."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6, padding_idx=0)
        self.mix = nn.ModuleDict({"first": nn.Linear(6, 6), "second": nn.Linear(6, 6, bias=False)})
        self.act = nn.GELU()

    def forward(self, batch, *, scale=0.5):
        x = self.embed(batch["ids"]) * scale
        for name, extra in zip(self.mix, batch["extra"], strict=True):
            x = self.act(self.mix[name](x)) - extra
        return {
            "hidden": x,
            "pooled": (x.mean(dim=1), [x.amax(dim=1, keepdim=True)]),
            "logits": x @ self.embed.weight.T,
        }


class Shared(nn.Module):
    """One module under two names and called three times, tied weights, modules of one class that differ."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 6)
        self.block = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.LayerNorm(6))
        self.again = self.block
        self.tail = nn.Sequential(nn.Linear(6, 6), nn.Sigmoid(), nn.Dropout(0.3))
        self.head = nn.Linear(6, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        x = self.embed(ids)
        x = x + self.block(x)
        x = self.again(x) * self.block(x.neg())
        return self.head(self.tail(x) - x / 2.0)


class Listed(nn.Module):
    """Parameters in lists and dicts, used directly."""

    def __init__(self):
        super().__init__()
        self.factors = nn.ParameterList([nn.Parameter(torch.randn(4, 4)) for _ in range(3)])
        self.named = nn.ParameterDict({"shift": nn.Parameter(torch.randn(4)), "gain": nn.Parameter(torch.randn(4))})
        self.temperature = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        for factor in self.factors:
            x = torch.einsum("bi,ij->bj", x, factor) + x
        x = x * self.named["gain"] - self.named["shift"]
        return torch.softmax(x / self.temperature, dim=1).clamp(min=0.01).log()


class InPlace(nn.Module):
    """Writes of every kind: methods, operators, indices, masks, through views, ``out=``."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
        y = self.linear(x).mul_(0.5)
        y += x
        y[:, 0] = 1.0
        y[:, 1:3] *= 2.0
        view = y.view(-1, 2)
        view.sub_(0.25)
        y.masked_fill_(torch.arange(6) > 4, 0.0)
        z = torch.empty_like(y)
        torch.mul(y, 3.0, out=z)
        return F.relu(z, inplace=True) + y[..., -2:].sum(dim=-1, keepdim=True)


class Recurrent(nn.Module):
    """Packed sequences through a GRU, then cells in a loop over time."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 6, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1)
        self.cell = nn.LSTMCell(12, 5)
        self.norm = nn.LayerNorm(5)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        out, _ = self.gru(packed)
        out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        h = c = x.new_zeros(x.shape[0], 5)
        steps = []
        for t in range(out.shape[1]):
            h, c = self.cell(out[:, t], (h, c))
            steps.append(self.norm(h).tanh())
        return torch.stack(steps, dim=1), c


@torch.library.custom_op("nnviz_edited::twice", mutates_args=())
def _twice(x: torch.Tensor, by: float) -> torch.Tensor:
    return x * by


class _Reverse(torch.autograd.Function):
    """Gradient reversal."""

    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


class Custom(nn.Module):
    """A custom operator, an autograd function, a checkpointed part, a part without gradients."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.SiLU())
        self.critic = nn.Linear(4, 2)

    def forward(self, x):
        x = checkpoint(self.body, x, use_reentrant=False)
        with torch.no_grad():
            target = torch.sigmoid(x * 0.5)
        x = torch.ops.nnviz_edited.twice(x - target, 2.0)
        return self.critic(_Reverse.apply(x, 0.5)) / (target.sum(dim=-1, keepdim=True) + 1e-3)


@dataclass
class Boxes:
    boxes: torch.Tensor
    scores: torch.Tensor


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


class Outputs(nn.Module):
    """Several outputs of several kinds, several inputs of which one is None."""

    def __init__(self, threshold=0.4):
        super().__init__()
        self.threshold = threshold
        self.left = nn.Linear(5, 4)
        self.right = nn.Linear(5, 4)

    def forward(self, *xs, bias=None, pair=None):
        first, second = (torch.cat([x, x.flip(1)], dim=1)[:, 1:6] for x in xs)
        left, right = self.left(first), self.right(second) if bias is None else self.right(second) + bias
        values, order = (left - right).topk(2, dim=1, largest=True)
        return Boxes(values, right.gather(1, order)), Pair(left.sigmoid(), right.cumsum(dim=1)), left > self.threshold


@functools.lru_cache(maxsize=8)
def _angles(length, width):
    return torch.outer(torch.arange(length).float(), 10000 ** (-torch.arange(0, width, 2).float() / width))


class Cached(nn.Module):
    """Tables kept outside (``lru_cache``), in the module, and in a tensor that nobody registers."""

    def __init__(self):
        super().__init__()
        self.table = None
        self.window = torch.linspace(0.1, 1.0, 6)
        self.proj = nn.Linear(6, 6)

    def forward(self, x):
        if self.table is None or self.table.shape[0] != x.shape[1]:
            self.table = torch.cat([_angles(x.shape[1], 6).sin(), _angles(x.shape[1], 6).cos()], dim=-1)
        return self.proj(x + self.table).tanh() * self.window


class Looping(nn.Module):
    """Loops over what lengths say, a list that grows, a module made inside of forward."""

    def __init__(self, steps=2):
        super().__init__()
        self.steps = steps
        self.cells = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.ReLU6(), nn.Dropout(0.1)) for _ in range(2)])

    def forward(self, x):
        seen = [x]
        for t in range(x.shape[1] * self.steps):
            seen.append(self.cells[t % 2](seen[-1][:, :1] - seen[0][:, t % x.shape[1] : t % x.shape[1] + 1]))
        return nn.Softmax(dim=1)(torch.cat(seen[1:], dim=1)).pow(2).mean(dim=1)


class Generator(nn.Module):
    """No inputs that are tensors: noise and a constant of its own, to an image."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 4, 2, 2))
        self.style = parametrizations.weight_norm(nn.Linear(8, 4))
        self.layers = nn.Sequential(
            parametrizations.spectral_norm(nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1)),
            nn.InstanceNorm2d(4),
            nn.ELU(0.9),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(4, 3, 3, padding=1),
        )

    def forward(self, count=2, noise=0.1):
        style = self.style(torch.randn(count, 8))[:, :, None, None]
        x = self.start.expand(count, -1, -1, -1) * style
        x = self.layers(x + noise * torch.randn_like(x))
        return torch.tanh(x) * 0.5


class Spectral(nn.Module):
    """FFT, complex weights, other dtypes, an autocast region, scatter and index calls."""

    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(5, dtype=torch.complex64))
        self.linear = nn.Linear(8, 8)
        self.bn = nn.BatchNorm1d(8, momentum=0.2)

    def forward(self, x):
        y = torch.fft.irfft(torch.fft.rfft(x, dim=-1) * self.filter, n=8, dim=-1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = self.linear(y)
        z = self.bn(z.float() - y.double().to(torch.float32))
        rolled = z.roll(2, dims=1).index_select(1, torch.tensor([0, 2, 4, 6, 1, 3, 5, 7]))
        return torch.zeros_like(z).scatter_add(1, torch.argsort(x, dim=1), rolled) / z.std(dim=0, keepdim=True)


class Encoder(nn.Module):
    """Torch's own encoder layers and attention, with masks, and a hook that changes a result."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1)
        self.query = nn.Parameter(torch.randn(1, 2, 8))
        self.head = nn.Linear(8, 3)
        self.head.register_forward_hook(_doubled)

    def forward(self, x, mask):
        x = self.encoder(x, src_key_padding_mask=mask)
        x, weights = self.attention(self.query.expand(x.shape[0], -1, -1), x, x, key_padding_mask=mask)
        return self.head(x), weights


def _doubled(module, args, result):
    return result * 2.0


class EarlyExit(nn.Module):
    """Stops as soon as it is sure enough: the values of its weights decide its graph."""

    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])

    def forward(self, x):
        for step in self.steps:
            x = step(x)
            if x.softmax(dim=-1).amax() > 0.5:
                break
        return x


class Experts(nn.Module):
    """A mixture of experts that calls those that a token was routed to."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 6)
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(6)])

    def forward(self, x):
        chosen = self.gate(x).argmax(dim=-1)
        out = torch.zeros_like(x)
        for number in chosen.unique().tolist():
            out[chosen == number] = self.experts[number](x[chosen == number])
        return out


def _padding(rows, columns):
    return torch.arange(columns).expand(rows, -1) > torch.arange(columns, columns - rows, -1)[:, None]


IDS = torch.arange(12).reshape(2, 6)
X = torch.linspace(-1, 1, 2 * 6 * 8).reshape(2, 6, 8)
AWKWARD = {
    "masked attention": lambda: (Masked(), {"x": X, "mask": ~_padding(2, 6)}),
    "vision": lambda: (Vision(), {"image": torch.linspace(-1, 1, 2 * 3 * 256).reshape(2, 3, 16, 16)}),
    "nested": lambda: (Nested(), {"batch": {"ids": IDS, "extra": [X[..., :6], X[..., 2:]]}, "scale": 0.25}),
    "shared": lambda: (Shared(), {"ids": IDS}),
    "lists of parameters": lambda: (Listed(), {"x": X[0, :, :4]}),
    "in place": lambda: (InPlace(), {"x": X[0, :, :6]}),
    "recurrent": lambda: (Recurrent(), {"x": X[..., :4], "lengths": torch.tensor([6, 4])}),
    "custom": lambda: (Custom(), {"x": X[0, :, :4]}),
    "outputs": lambda: (_Two(Outputs()), {"one": X[:, 0, :4], "two": X[:, 1, :4]}),
    "cached": lambda: (Cached(), {"x": X[..., :6]}),
    "looping": lambda: (Looping(), {"x": X[:, :3, :4]}),
    "generator": lambda: (Generator(), {"count": 2}),
    "spectral": lambda: (Spectral(), {"x": X[0]}),
    "encoder": lambda: (Encoder(), {"x": X, "mask": _padding(2, 6)}),
    "residual": lambda: (models.ResNet(), {"x": torch.linspace(-1, 1, 384).reshape(2, 3, 8, 8)}),
}
REFUSED = {
    "early exit": lambda: (EarlyExit(), {"x": X[0, :, :4]}),
    "experts": lambda: (Experts(), {"x": X[0, :, :4]}),
    "branching": lambda: (models.Branching(), {"x": X[0, :, :4]}),
}


class _Two(nn.Module):
    """Hands two inputs on as ``*xs``, with a keyword."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, one, two):
        return self.inner(one, two, bias=torch.ones(4))


def build(name):
    """A model in eval mode and its inputs, the same at every call."""
    torch.manual_seed(0)
    model, inputs = (AWKWARD | REFUSED)[name]()
    return model.eval(), inputs
