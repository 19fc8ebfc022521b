"""A trace on real tensors holds no more than the forward pass itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import gc, json, os, resource, sys, warnings
warnings.simplefilter("ignore")
import torch
import torch.nn.functional as F
from torch import nn
from pytest_nnviz import Options

torch.set_num_threads(1)
N = 256

class Bottleneck(nn.Module):
    def __init__(self, i, m):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, m, 1, bias=False), nn.BatchNorm2d(m)
        self.c2, self.b2 = nn.Conv2d(m, m, 3, padding=1, bias=False), nn.BatchNorm2d(m)
        self.c3, self.b3 = nn.Conv2d(m, 4 * m, 1, bias=False), nn.BatchNorm2d(4 * m)
        self.down = nn.Conv2d(i, 4 * m, 1) if i != 4 * m else None

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        y = self.b3(self.c3(F.relu(self.b2(self.c2(y)))))
        return F.relu(y + (x if self.down is None else self.down(x)))

def resnet():
    blocks = [Bottleneck(16 if k == 0 else 32, 8) for k in range(6)]
    return nn.Sequential(nn.Conv2d(3, 16, 7, padding=3), nn.ReLU(), *blocks)

def vgg():
    layers = [[nn.Conv2d(16 if k else 3, 16, 3, padding=1), nn.ReLU(inplace=True)] for k in range(8)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))

class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(16 if k else 3, 16, 3, padding=1) for k in range(3))
        self.up = nn.ModuleList(nn.Conv2d(32, 16, 3, padding=1) for _ in range(2))

    def forward(self, x):
        skips = []
        for k, conv in enumerate(self.down):
            x = F.relu(conv(F.max_pool2d(x, 2) if k else x))
            skips.append(x)
        skips.pop()
        for conv in self.up:
            x = F.relu(conv(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], 1)))
        return x.mean((2, 3))

class Program(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = [function]

    def forward(self, x):
        return self.function[0](x)

def in_place(x):
    x = x * 1
    for _ in range(20):
        x += 1
        x.mul_(0.9)
        x[0].relu_()
    return x

def in_place_on_its_input(x):
    for _ in range(10):
        x.mul_(0.5)
    return x.sin()

def casts(x):
    for _ in range(10):
        x = F.dropout(x.contiguous().float().to(x.dtype), 0.1, False).sin()
    return x

class Cycle:
    def __init__(self, held):
        self.held, self.me = held, self

def cycles(x):
    for _ in range(24):
        Cycle(x.sin())
        for _ in range(200):
            Cycle(None)
        x = x + 1
    return x

MODELS = {
    "resnet": (resnet, (1, 3, N, N), {}),
    "vgg": (vgg, (1, 3, N, N), {}),
    "vgg in one opaque part": (lambda: nn.Sequential(vgg()), (1, 3, N, N), {"opaque": ("0",)}),
    "unet": (UNet, (1, 3, N, N), {}),
    "transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 8, 256, batch_first=True), 3), (32, 400, 64), {}
    ),
    "in place": (lambda: Program(in_place), (64, N, N), {}),
    "in place on its input": (lambda: Program(in_place_on_its_input), (32, N, N), {}),
    "casts": (lambda: Program(casts), (32, N, N), {}),
    "cycles": (lambda: Program(cycles), (32, N, N), {}),
}

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def measure(name, traced):
    make, shape, options = MODELS[name]
    model = make().eval()
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        Options(**options).trace(model, torch.ones(*shape[:-2], 8, shape[-1] if name == "transformer" else 8))
        x = torch.rand(shape)
        before = peak()
        Options(**options).trace(model, x) if traced else model(x)
    return peak() - before

def apart(name, traced):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, json.dumps(measure(name, traced)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return json.loads(os.read(read, 100))

print("FOUND" + json.dumps({name: [apart(name, traced) for traced in (False, True)] for name in MODELS}))
"""
NAMES = [
    "resnet",
    "vgg",
    "vgg in one opaque part",
    "unet",
    "transformer",
    "in place",
    "casts",
    "cycles",
]
IN_PLACE = "in place on its input"


@pytest.fixture(scope="module")
def peaks():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.rpartition("FOUND")[2])


@pytest.mark.parametrize("name", NAMES)
def test_the_peak_of_a_trace_is_at_most_1_2_of_that_of_the_forward_pass(name, peaks):
    plain, traced = peaks[name]
    assert plain > 10  # mebibytes
    assert traced <= 1.2 * plain


def test_an_input_that_forward_writes_to_is_kept_once(peaks):
    plain, traced = peaks[IN_PLACE]
    size = 32 * 256 * 256 * 4 / 2**20
    assert traced <= 1.2 * plain + 1.2 * size
