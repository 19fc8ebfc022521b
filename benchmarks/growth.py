"""How cost grows with the size: chains of 100 to 50,000 calls, models of hundreds of billions of parameters.

    python benchmarks/growth.py [chains] [meta]

Prints the tables of ``docs/performance.md``, writes them there, and draws ``docs/images/growth.svg``. Each large model
is a process of its own: built on the meta device, recorded, checked against that. Runs from a checkout on Linux; needs
torch and transformers.
"""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from page import PAGE, put, ran_on, table
from plot import plot
from subjects import LARGE, Chain

from pytest_nnviz import Options, diff, dumps, loads
from pytest_nnviz.architecture import walk_calls
from pytest_nnviz.checker import check
from pytest_nnviz.tracing import open_session

__all__ = ["SIZES", "chains", "large", "seconds", "slope"]

SIZES = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_STEPS = ("trace", "trace, gc off", "dumps", "loads", "diff")
_PARTS = ("build", "forward", "record", "check")


def chains() -> None:
    """Chains of calls: trace, text and back, comparison with a chain of which every tenth layer is another."""
    found = {size: seconds(size) for size in SIZES}
    rows = [[f"{size:,}", *(f"{found[size][step]:.3f}" for step in _STEPS)] for size in SIZES]
    slopes = {step: slope([(size, found[size][step]) for size in SIZES[3:]]) for step in _STEPS}
    said = ", ".join(f"{step} {value:.2f}" for step, value in slopes.items())
    series = {step: [(size, found[size][step]) for size in SIZES] for step in _STEPS}
    picture = plot(series, across="recorded calls", up="seconds")
    (PAGE.parent / "images" / "growth.svg").write_text(picture, encoding="utf-8")
    head = ["calls", *(f"{step}, s" for step in _STEPS)]
    last = f"Slope on two logarithmic scales, from {SIZES[3]:,} calls on: {said}."
    put("growth", [*table(head, rows), "", last, "", ran_on("python benchmarks/growth.py chains", "torch")])


def seconds(size: int) -> dict[str, float]:
    """Seconds of the processor for each step, at the quickest of several."""
    x = torch.randn(2, 8)
    model, edited = Chain(size).eval(), Chain(size).eval()
    for layer in edited.layers[::10]:
        layer[0] = torch.nn.Linear(8, 8, bias=False)

    def trace(traced: torch.nn.Module = model) -> object:
        with open_session(Options(), traced, (x,)) as session:
            return session.run()

    old, new = trace(), trace(edited)
    text = dumps(old)
    steps: dict[str, Callable[[], object]] = {
        "trace": trace,
        "trace, gc off": lambda: _uncollected(trace),
        "dumps": lambda: dumps(old),
        "loads": lambda: loads(text),
        "diff": lambda: diff(old, new),
    }
    return {name: _quickest(step, 7 if size <= 2_000 else 3) for name, step in steps.items()}


def _uncollected(step: Callable[[], object]) -> object:
    """A step without Python's garbage collector, which walks through all that lives when it has grown by a quarter."""
    gc.disable()
    try:
        return step()
    finally:
        gc.enable()


def _quickest(step: Callable[[], object], times: int) -> float:
    best = math.inf
    for _ in range(times):
        gc.collect()
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return best


def slope(points: list[tuple[int, float]]) -> float:
    """The exponent with which seconds grow, by least squares on the logarithms."""
    pairs = [(math.log(size), math.log(took)) for size, took in points]
    across, up = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    return sum((x - across) * (y - up) for x, y in pairs) / sum((x - across) ** 2 for x, _ in pairs)


def meta() -> None:
    """Each large model in a process of its own."""
    rows = []
    for name in LARGE:
        done = subprocess.run([sys.executable, __file__, "one", name], capture_output=True, text=True, check=True)
        it = json.loads(done.stdout.splitlines()[-1])
        sizes = [f"{it['parameters'] / 1e9:,.1f}", f"{it['calls']:,}", f"{it['lines']:,}", f"{it['bytes'] / 1024:,.0f}"]
        rows.append([name, *sizes, *(f"{it[step]:.1f}" for step in _PARTS), f"{it['mebibytes']:,.0f}"])
    head = [
        "model",
        "parameters, 10^9",
        "calls",
        "lines",
        "KiB of text",
        *(f"{step}, s" for step in _PARTS),
        "MiB at most",
    ]
    put("meta", [*table(head, rows), "", ran_on("python benchmarks/growth.py meta", "torch", "transformers")])


def large(name: str) -> dict[str, float]:
    """Build, run, record and check one model; sizes, seconds, MiB of the process at its peak."""
    times = [time.process_time()]
    subject = LARGE[name]()
    times.append(time.process_time())
    with torch.no_grad():
        subject.model.eval()(*subject.args, **subject.kwargs)
    times.append(time.process_time())
    given = (Options(), subject.model, subject.args, subject.kwargs)
    recorded = check(*given, stored=None, updates="all")
    times.append(time.process_time())
    check(*given, stored=recorded.text, updates="nothing")
    times.append(time.process_time())
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return {
        "parameters": recorded.architecture.total_parameters,
        "calls": sum(1 for _ in walk_calls(recorded.architecture.forward)),
        "lines": recorded.text.count("\n"),
        "bytes": len(recorded.text.encode()),
        **{step: times[at + 1] - times[at] for at, step in enumerate(_PARTS)},
        "mebibytes": int(status.partition("VmHWM:")[2].split()[0]) / 1024,  # ru_maxrss is never less than the parent's
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(large(sys.argv[2])))
    else:
        for part in (chains, meta):
            if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
                part()
