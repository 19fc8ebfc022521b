"""What the three fixtures find, made of a mark: no torch, so that a run takes a fraction of a second."""

from __future__ import annotations

import hashlib
from array import array
from typing import Any

import stub_tracer

from pytest_nnviz.filterbanks.data import Bank
from pytest_nnviz.filterbanks.reading import loads as filters_of
from pytest_nnviz.summaries.reading import loads as table_of
from pytest_nnviz.summaries.table import Summary

__all__ = ["install", "net"]

_TABLE = """\
nnviz-summary 1
This file pins the summary table of a model. Made by pytest --snapshot-update; review it like code.

mode: eval
depth: 3
col_names: output_size, num_params
row_settings: var_names

==========================================================================================
Layer (type (var_name))                  Output Shape              Param #
==========================================================================================
Net (Net)                                [1, 1]                    --
├─Conv2d (conv)                          [1, 2, 1, 1]              8
├─Linear (head)                          [1, 1]                    3
==========================================================================================
Total params: 11
Trainable params: 11
Non-trainable params: 0
Total mult-adds: {cost}
==========================================================================================

[end]
"""
_FILTERS = """\
nnviz-filters 1
This file pins the convolution filters of a model. Made by pytest --snapshot-update; review it like code.

[summary]
model: Net
layers: 1
filters: 2
weights: 8

[layer] conv
class: Conv2d
weight: f32[2, 1, 2, 2]
filters: 2 of [1, 2, 2], 0 dead, 0 nan, 0 inf
drawn: 2 filters, 1 channel, first, scale layer
all: norm 2.69258, mean 0.4375, std 0.845484, min -1, max 2, projection 3.72581, digest {digest}
0: norm {norm}, mean 0.125, std 0.73951, min -1, max 1, projection -0.25, digest {digest}
1: norm 2.23607, mean 0.75, std 0.829156, min 0, max 2, projection 3.44427, digest 3b6b2741aa76

[end]

# recorded with torch 2.13.0
"""


def net(mark: str) -> stub_tracer.Net:
    """A model that is another one for each mark."""
    return stub_tracer.Net(mark=repr(mark).replace("'", '"'))


def _number(mark: str) -> int:
    return int(hashlib.sha256(mark.encode()).hexdigest()[:4], 16)


def _table(net: stub_tracer.Net, options: Any) -> Summary:
    return table_of(_TABLE.format(cost=f"{_number(net.mark) + 1:,}"))


class _Convolutions:
    """Stands in for a model's convolutions."""

    def __init__(self, net: stub_tracer.Net) -> None:
        self.number = _number(net.mark)

    def measure(self, options: Any, parts: Any = None) -> Bank:
        digest = hashlib.sha256(str(self.number).encode()).hexdigest()[:12]
        return filters_of(_FILTERS.format(norm=f"{2 + self.number / 70_000:.5f}", digest=digest))

    def drawn(self, layer: Any) -> list[array[float]]:
        return [array("d", [self.number, -1.0, 0.5, 0.0]), array("d", [0.0, 0.0, 1.0, 2.0])]


def install() -> None:
    """Put the stand-ins in place of what traces, measures and draws."""
    stub_tracer.install()
    import pytest_nnviz.filterbanks.checking
    import pytest_nnviz.summaries.checking

    stub_tracer.Session.layers = lambda self: self.net  # type: ignore[attr-defined]
    pytest_nnviz.summaries.checking.open_session = stub_tracer.open_session
    pytest_nnviz.summaries.checking.drawn = _table  # type: ignore[assignment]
    pytest_nnviz.summaries.checking.check_values = lambda *_: None
    pytest_nnviz.filterbanks.checking._find = lambda model, layers: _Convolutions(model)  # type: ignore[assignment]
