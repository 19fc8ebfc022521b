"""Pin what the models are. After an intended change: pytest --snapshot-update, and review the diff like code."""

import pytest
import torch
from zoo import ResNet, Transformer


def test_resnet(nnviz_snapshot):
    nnviz_snapshot(ResNet(), torch.zeros(1, 3, 32, 32))


def test_transformer(nnviz_snapshot):
    architecture = nnviz_snapshot(Transformer(), torch.zeros(1, 16, dtype=torch.long))
    assert architecture.total_parameters < 100_000


@pytest.mark.nnviz(forward=False)
@pytest.mark.parametrize("layers", [2, 12])
def test_sizes(nnviz_snapshot, layers):
    nnviz_snapshot(Transformer(layers=layers))
