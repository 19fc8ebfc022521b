"""Two small models, in plain torch."""

from zoo.resnet import ResNet
from zoo.transformer import Transformer

__all__ = ["ResNet", "Transformer"]
