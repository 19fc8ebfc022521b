"""How long pictures take, how much memory the engine needs and how large they are: models of 50 to 20,000 calls.

    python benchmarks/pictures.py [CALLS ...]

Prints, for each size, the picture that is drawn when nothing is asked for and the one with every block asked for, in
seconds, MiB of the engine at its peak and KiB of SVG; and, where torchview or torchviz are there, theirs of the same
model, drawn by the same engine, in seconds over those of the first. What takes longer than 30 seconds is given up, in
larger models too. Of all sizes it is the table of ``docs/performance.md``, and written there. Runs from a checkout on
Linux or macOS; needs torch.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from page import put, ran_on, ratio, table
from torch import Tensor, nn

from pytest_nnviz import render, trace
from pytest_nnviz.architecture import Architecture
from pytest_nnviz.pictures.picture import engines

__all__ = ["SIZES", "WAYS", "Net", "measure"]

SIZES = (50, 200, 1_000, 2_000, 5_000, 20_000)
_LIMIT = 30
_CALLS = 5
_ENGINE = next(engines()).command[0]
_LAUNCHER = f"""#!{sys.executable} -SE
import os, resource, subprocess, sys
code = subprocess.call([{_ENGINE!r}, *sys.argv[1:]])
with open(os.environ["NNVIZ_PEAK"], "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)
"""


class Block(nn.Module):
    """Five calls; no other block is equal, so that none is folded into it."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.first, self.second, self.index = nn.Linear(4, 4), nn.Linear(4, 4), index

    def forward(self, x: Tensor) -> Tensor:
        """A residual."""
        return self.second(self.first(x).relu()) * float(self.index) + x


class Net(nn.Module):
    """Blocks one after the other."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(map(Block, range(calls // _CALLS)))

    def forward(self, x: Tensor) -> Tensor:
        """All blocks."""
        for block in self.blocks:
            x = block(x)
        return x


def _as_it_is(traced: Architecture, model: Net, x: Tensor) -> str:
    return str(render(traced))


def _all_open(traced: Architecture, model: Net, x: Tensor) -> str:
    return str(render(traced, depth=9, fold=False))


def _torchview(traced: Architecture, model: Net, x: Tensor) -> str:
    from torchview import draw_graph

    graph: Any = draw_graph(model, input_data=x, expand_nested=True, depth=9, device="cpu")
    return _drawn(graph.visual_graph.source)


def _torchviz(traced: Architecture, model: Net, x: Tensor) -> str:
    from torchviz import make_dot

    return _drawn(make_dot(model(x), params=dict(model.named_parameters())).source)


def _drawn(dot: str) -> str:
    command = [os.environ["NNVIZ_DOT"], "-Tsvg"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-3, text=True, start_new_session=True) as running:
        try:
            return running.communicate(dot)[0]
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise


WAYS: dict[str, Callable[[Architecture, Net, Tensor], str]] = {
    "nothing asked for": _as_it_is,
    "everything asked for": _all_open,
    **({"torchview": _torchview} if find_spec("torchview") else {}),
    **({"torchviz": _torchviz} if find_spec("torchviz") else {}),
}

Figures = tuple[float, float, float]


def measure(way: str, traced: Architecture, model: Net, x: Tensor) -> Figures:
    """Seconds, MiB and KiB of one picture; tracing by pytest-nnviz is not in them, by the others it cannot be left out.

    Raises:
        TimeoutError: it took longer than 30 seconds.
    """
    peak = Path(os.environ["NNVIZ_PEAK"])
    peak.write_text("")
    signal.alarm(_LIMIT)
    started = time.perf_counter()
    try:
        svg = WAYS[way](traced, model, x)
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - started
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, max(map(int, peak.read_text().split())) / unit, len(svg) / 2**10


def _stop(*_: object) -> None:
    raise TimeoutError


def _compare(calls: int, left: list[str]) -> Iterator[list[str]]:
    model, x = Net(calls).eval(), torch.ones(1, 4)
    traced = trace(model, x)
    first: Figures | None = None
    for way in list(left):
        try:
            found = measure(way, traced, model, x)
        except Exception as error:  # whatever a library raises, it did not finish
            left.remove(way)
            yield [f"{way}, {calls:,} calls", type(error).__name__, "-", "-", "-"]
        else:
            first = first or found
            sizes = (f"{found[0]:.2f}", f"{found[1]:,.0f}", f"{found[2]:,.0f}")
            yield [f"{way}, {calls:,} calls", *sizes, ratio(found[0] / first[0])]


def main(sizes: tuple[int, ...]) -> None:
    """Compare every way at every size."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _stop)
    with tempfile.TemporaryDirectory() as folder:
        launcher = Path(folder) / "dot"
        launcher.write_text(_LAUNCHER)
        launcher.chmod(0o755)
        os.environ |= {"NNVIZ_DOT": str(launcher), "NNVIZ_PEAK": str(Path(folder) / "peak")}
        render(trace(Net(_CALLS).eval(), torch.ones(1, 4)))  # what is imported on first use
        left = list(WAYS)
        rows = [row for calls in sizes for row in _compare(calls, left)]
    lines = table(["picture", "seconds", "MiB of the engine", "KiB of SVG", "over the first"], rows)
    packages = [package for package in ("torch", "torchview", "torchviz") if find_spec(package)]
    if sizes == SIZES:
        put("pictures", [*lines, "", ran_on("python benchmarks/pictures.py", *packages)])
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
