"""Snapshots of all three kinds of real models, as a run records them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from pytest_nnviz import dumps, trace
from pytest_nnviz.filterbanks import dumps as dumps_filters
from pytest_nnviz.filterbanks.beside import draw_sheets, stale_sheets
from pytest_nnviz.filterbanks.measuring import find
from pytest_nnviz.options import FilterOptions, SummaryOptions
from pytest_nnviz.summaries import summarize


class Net(nn.Module):
    """Two convolutions and a head."""

    def __init__(self, width=4, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv1 = nn.Conv2d(1, width, 3)
        self.conv2 = nn.Conv2d(width, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.conv2(self.conv1(x).relu()).mean((2, 3)))


def inputs():
    return torch.ones(1, 1, 8, 8)


def architecture(model):
    return dumps(trace(model, inputs()))


def table(model):
    return summarize(SummaryOptions(), model, (inputs(),)).text


def filters(model):
    return dumps_filters(find(model).measure(FilterOptions()))


def record_filters(path, model):
    """The text and its sheets."""
    found = find(model)
    bank = found.measure(FilterOptions())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps_filters(bank), encoding="utf-8", newline="\n")
    draw_sheets(stale_sheets(path, bank, "png"), path, bank, found.drawn)


def record(folder, name, model):
    """All three."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.nnviz").write_text(architecture(model), encoding="utf-8", newline="\n")
    (folder / f"{name}.nnsummary").write_text(table(model), encoding="utf-8", newline="\n")
    record_filters(folder / f"{name}.nnfilters", model)


class Block(nn.Module):
    """What all models of a zoo share."""

    def __init__(self, width, kernel):
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()


class Zoo000(nn.Module):
    """A stem, as many blocks as are asked for, a head."""

    def __init__(self, depth, kernel):
        super().__init__()
        torch.manual_seed(depth)
        self.stem = nn.Conv2d(1, 8, 3)
        self.blocks = nn.Sequential(*(Block(8, kernel) for _ in range(depth)))
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def zoo(folder: Path, count: int, kernel: int, kinds: tuple[str, ...] = ("nnviz", "nnsummary")) -> None:
    """So many snapshots: texts of four real models under many names, whose blocks have kernels of this size."""
    written = {"nnviz": architecture, "nnsummary": table, "nnfilters": filters}
    texts = [(kind, written[kind](Zoo000(depth, kernel))) for depth in range(1, 5) for kind in kinds]
    for at in range(count):
        kind, text = texts[at % len(texts)]
        path = folder / f"tests/__nnviz__/test_{at % 7}/test_zoo{at:03}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("Zoo000", f"Zoo{at:03}"), encoding="utf-8", newline="\n")
