"""Thirty drifts where EDITED is set: networks of the gallery in several sizes, each with three edits."""

from __future__ import annotations

import os

import networks
import pytest
import torch
from torch import nn

IMAGE = torch.zeros(1, 3, 224, 224)
TOKENS = torch.zeros(1, 32, dtype=torch.long)
MODELS = {
    "mlp": (lambda: networks.MultiLayerPerceptron(64, 256, 10), torch.zeros(1, 64)),
    "tutorial": (networks.TutorialNet, torch.zeros(1, 1, 28, 28)),
    "lstm": (networks.RecurrentClassifier, TOKENS),
    "resnet26": (lambda: networks.ResNet((2, 2, 2, 2)), IMAGE),
    "resnet50": (networks.ResNet, IMAGE),
    "resnet17": (lambda: networks.ResNet((1, 2, 1, 1)), IMAGE),
    "densenet": (networks.DenseNet, IMAGE),
    "unet": (networks.UNet, torch.zeros(1, 3, 256, 256)),
    "swin": (networks.SwinTransformer, IMAGE),
    "swin small": (lambda: networks.SwinTransformer((2, 2, 2, 2)), IMAGE),
}


def _last(model: nn.Module) -> nn.Module:
    return [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]


def biased(model: nn.Module) -> None:
    _last(model).bias = None


def frozen(model: nn.Module) -> None:
    parameters = list(model.parameters())
    for parameter in parameters[: len(parameters) // 2]:
        parameter.requires_grad_(False)


def restructured(model: nn.Module) -> None:
    """Another activation or, where a model has none of its own, another norm; as a search and replace would do it."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU | nn.Tanh | nn.GELU):
                setattr(module, name, nn.SiLU())
            elif isinstance(child, nn.LSTM):
                child.dropout = 0.1


EDITS = (biased, frozen, restructured)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", MODELS)
def test(name, edit, nnviz_snapshot):
    build, inputs = MODELS[name]
    model = build()
    if "EDITED" in os.environ:
        edit(model)
    nnviz_snapshot.using(device="meta", values="fixed", images="off")(model, inputs)
