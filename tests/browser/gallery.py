"""Models that stay; where EDITED is set some came and others went."""

from __future__ import annotations

import os
from collections import OrderedDict

import networks
import torch
from torch import nn

EDITED = "EDITED" in os.environ


def digits(seed: int = 1) -> networks.TutorialNet:
    torch.manual_seed(seed)
    return networks.TutorialNet()


def small() -> nn.Module:
    width = 6 if EDITED else 4
    layers = [("first", nn.Linear(8, width)), ("act", nn.ReLU()), ("last", nn.Linear(width, 2))]
    return nn.Sequential(OrderedDict(layers))


def test_stays(nnviz_snapshot):
    nnviz_snapshot(digits(), torch.zeros(1, 1, 28, 28))


def test_table_stays(nnviz_summary):
    nnviz_summary(digits(), torch.zeros(1, 1, 28, 28))


def test_filters_stay(nnviz_filters):
    nnviz_filters(digits())


def came_or_went(nnviz_snapshot, nnviz_filters):
    nnviz_snapshot(small(), torch.zeros(1, 8))
    nnviz_filters(digits(2 + EDITED), "conv1.0")


if EDITED:
    test_came = came_or_went
else:
    test_went = came_or_went
