"""Models that drift where EDITED is set: each kind of snapshot, two of one cause, a name that tries to be markup."""

from __future__ import annotations

import os
from collections import OrderedDict

import networks
import pytest
import torch
from torch import nn

EDITED = "EDITED" in os.environ
IMAGE = torch.zeros(1, 3, 64, 64)


@pytest.mark.parametrize("classes", [10, 20])
def test_resnet(classes, nnviz_snapshot):
    model = networks.ResNet((2, 1, 1, 1), classes)
    for stage in (model.layer1, model.layer3) if EDITED else ():
        old = stage[0].conv2
        stage[0].conv2 = nn.Conv2d(old.in_channels, old.out_channels, 5, old.stride, 2, bias=False)
    nnviz_snapshot(model, IMAGE)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.gate = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        y = self.first(x).tanh()
        return y * self.gate(x) if EDITED else x + y * self.gate(x)


def test_gated(nnviz_snapshot):
    nnviz_snapshot(nn.Sequential(Gated(), nn.ReLU(), Gated()), torch.zeros(1, 8))


def test_renamed(nnviz_snapshot):
    names = ("encoder", "decoder") if EDITED else ("W0", "W1")
    layers = OrderedDict([(names[0], nn.Linear(8, 16)), ("tanh", nn.Tanh()), (names[1], nn.Linear(16, 4))])
    nnviz_snapshot(nn.Sequential(layers), torch.zeros(1, 8))


@pytest.mark.parametrize("text", [os.environ["HOSTILE"]])
def test_hostile(text, nnviz_snapshot):
    model = nn.Sequential(OrderedDict([(text.replace(".", ""), nn.Linear(4, 5 if EDITED else 4))]))
    nnviz_snapshot(model, torch.zeros(1, 4))


def tutorial_net() -> networks.TutorialNet:
    torch.manual_seed(0)
    return networks.TutorialNet()


def test_table(nnviz_summary):
    model = tutorial_net()
    if EDITED:
        model.out = nn.Sequential(nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10))
    nnviz_summary(model, torch.zeros(1, 1, 28, 28))


def test_filters(nnviz_filters):
    model = tutorial_net()
    if EDITED:
        with torch.no_grad():
            model.conv1[0].weight[2, 0, 0, 2] += 0.4
            model.conv2[0].weight[[0, 5]] = model.conv2[0].weight[[5, 0]]
    nnviz_filters(model)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.output_projection_layer = nn.Conv1d(8, 8, 3, padding=1)

    def forward(self, hidden_states):
        mixed = self.output_projection_layer(hidden_states)
        return torch.softmax(mixed, dim=1) if EDITED else mixed + hidden_states


def test_long(nnviz_snapshot):
    """Paths, values and calls that are wider than a phone."""
    model: nn.Module = Attention()
    if EDITED:
        model.output_projection_layer = nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=4, padding_mode="circular")
    for name in ("self_attention_with_rotary_embeddings", "transformer_layers", "text_encoder"):
        model = nn.Sequential(OrderedDict([(name, model)]))
    nnviz_snapshot(model, torch.zeros(1, 8, 16))
