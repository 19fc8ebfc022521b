"""Networks of the gallery in plain torch: the shapes of graph that people draw."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "DenseNet",
    "MultiLayerPerceptron",
    "RecurrentClassifier",
    "ResNet",
    "SwinTransformer",
    "TutorialNet",
    "UNet",
]


class MultiLayerPerceptron(nn.Sequential):
    """Two linear layers with a tanh between them."""

    def __init__(self, inputs: int = 8, hidden: int = 16, outputs: int = 1) -> None:
        layers = OrderedDict(W0=nn.Linear(inputs, hidden), tanh=nn.Tanh(), W1=nn.Linear(hidden, outputs))
        super().__init__(layers)


class TutorialNet(nn.Module):
    """The network of digits that tutorials draw: two convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.out = nn.Linear(32 * 7 * 7, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(self.conv1(x))
        return self.out(x.flatten(1))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 with a residual around."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * planes
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """ResNet-50 of He et al., 2015."""

    def __init__(self, blocks: tuple[int, ...] = (3, 4, 6, 3), classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, count in enumerate(blocks):
            planes = 64 * 2**stage
            strides = [1 if stage == 0 else 2] + [1] * (count - 1)
            made = [Bottleneck(inputs if at == 0 else 4 * planes, planes, s) for at, s in enumerate(strides)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
            inputs = 4 * planes
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class DenseLayer(nn.Module):
    """Takes all that the layers before it made."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    """Layers of which each takes the results of all before it."""

    def __init__(self, layers: int, inputs: int, growth: int) -> None:
        super().__init__({f"denselayer{at + 1}": DenseLayer(inputs + at * growth, growth) for at in range(layers)})

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """DenseNet-121 of Huang et al., 2016."""

    def __init__(self, blocks: tuple[int, ...] = (6, 12, 24, 16), growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        width = 2 * growth
        self.features = nn.Sequential()
        self.features.append(nn.Conv2d(3, width, 7, 2, 3, bias=False))
        self.features.extend([nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)])
        for at, layers in enumerate(blocks):
            self.features.add_module(f"denseblock{at + 1}", DenseBlock(layers, width, growth))
            width += layers * growth
            if at + 1 < len(blocks):
                narrow = nn.Conv2d(width, width // 2, 1, bias=False)
                transition = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True), narrow, nn.AvgPool2d(2))
                self.features.add_module(f"transition{at + 1}", transition)
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x))
        return self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))


def _double(inputs: int, outputs: int) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    again = [nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, *again)


class UNet(nn.Module):
    """U-Net of Ronneberger et al., 2015, padded."""

    def __init__(self, width: int = 64, depth: int = 4, classes: int = 2) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(_double(3 if at == 0 else widths[at - 1], widths[at]) for at in range(depth))
        self.pool = nn.MaxPool2d(2)
        self.bottom = _double(widths[-2], widths[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(_double(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], 1))
        return self.head(x)


class WindowAttention(nn.Module):
    """Attention inside of windows, with a table of relative positions."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, window**2, window**2))

    def forward(self, x: Tensor) -> Tensor:
        windows, length, width = x.shape
        q, k, v = self.qkv(x).reshape(windows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + self.bias
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(windows, length, width))


class SwinBlock(nn.Module):
    """Attention in windows, shifted in every other block, and a perceptron."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.attn = nn.LayerNorm(width), WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, height, breadth, width = x.shape
        y, w = self.norm1(x), self.window
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(batch, height // w, w, breadth // w, w, width).permute(0, 1, 3, 2, 4, 5)
        y = self.attn(y.reshape(-1, w * w, width))
        y = y.view(batch, height // w, breadth // w, w, w, width).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(batch, height, breadth, width)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Half of the height and width, twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, -1)))


class SwinTransformer(nn.Module):
    """Swin-T of Liu et al., 2021, without the mask of shifted windows."""

    def __init__(self, blocks: tuple[int, ...] = (2, 2, 6, 2), width: int = 96, classes: int = 1000) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, 4, 4)
        self.norm0 = nn.LayerNorm(width)
        stages = []
        for stage, count in enumerate(blocks):
            made: list[nn.Module] = [SwinBlock(width, 3 * 2**stage, 7, 3 * (at % 2)) for at in range(count)]
            if stage + 1 < len(blocks):
                made.append(PatchMerging(width))
                width *= 2
            stages.append(nn.Sequential(*made))
        self.stages = nn.Sequential(*stages)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm0(self.patch_embed(x).permute(0, 2, 3, 1))
        return self.head(self.norm(self.stages(x)).mean((1, 2)))


class RecurrentClassifier(nn.Module):
    """An LSTM over tokens, of which the last state decides."""

    def __init__(self, words: int = 10_000, width: int = 128, classes: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, 2 * width, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(self.embedding(tokens))
        return self.head(torch.cat([hidden[-2], hidden[-1]], 1))
