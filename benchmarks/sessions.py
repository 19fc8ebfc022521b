"""What a session of pytest pays: the plugin's import, collection without a use of it, many small models, two workers.

    python benchmarks/sessions.py [COUNT]

Prints the table of ``docs/performance.md`` and writes it there. Each run is a process of its own, the kinds in turns;
medians. All find their modules compiled, as installed packages are. COUNT is the number of small models, 500 unless
told. Needs torch and pytest-xdist.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from page import put, ran_on, ratio, table

__all__ = ["main"]

_BARE = "import time, sys, pytest, syrupy\nstart = time.process_time()\n{}\nprint(time.process_time() - start)"
_TRIVIAL = "import pytest\n@pytest.mark.parametrize('n', range(1000))\ndef test_it(n):\n    pass\n"
_MODELS = """
import pytest, torch
from torch import nn

X = torch.ones(2, 16)

def model(n):
    torch.manual_seed(n)
    return nn.Sequential(nn.Linear(16, 16 + n), nn.ReLU(), nn.Linear(16 + n, 4)).eval()

@pytest.mark.parametrize("n", range({count}))
def test_forward(n):
    with torch.no_grad():
        model(n)(X)

@pytest.mark.parametrize("n", range({count}))
def test_snapshot(n, nnviz_snapshot):
    nnviz_snapshot(model(n), X)
"""
_QUIET = ("-q", "-p", "no:cacheprovider")


def main(count: int) -> None:
    """Measure, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("pytest.ini").write_text("[pytest]\n")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.update(PYTHONPYCACHEPREFIX=str(Path("compiled").absolute()), OMP_NUM_THREADS="1")
        rows = [*_loading(), *_collecting(), *_many(count)]
    head = ["a session", "found", "aim"]
    note = (
        "Each worker imports torch for itself, which no number of workers makes shorter. *At most*: if two workers "
        "took half of what the session takes over that of one test, and no more."
    )
    command = " ".join(["python benchmarks/sessions.py", *sys.argv[1:]])
    last = ran_on(command, "torch", "pytest", "syrupy", "pytest-xdist")
    put("sessions", [*table(head, rows), "", note, "", last])


def _loading() -> list[list[str]]:
    imports = {"bare": "", "plugin": "import pytest_nnviz.plugin"}
    found: dict[str, list[float]] = {name: [] for name in imports}
    for _ in range(16):
        for name, line in imports.items():
            command = [sys.executable, "-c", _BARE.format(line)]
            found[name].append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    milliseconds = (median(found["plugin"][1:]) - median(found["bare"][1:])) * 1e3  # the first one compiled
    return [["import of the plugin over pytest and syrupy, ms", f"{milliseconds:.1f}", "< 10"]]


def _collecting() -> list[list[str]]:
    Path("test_trivial.py").write_text(_TRIVIAL)
    ways = {"without": ("-p", "no:nnviz"), "with": ()}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(11):
        for name, options in ways.items():
            found[name].append(_pytest("test_trivial.py", "--co", *options)[1])
    return [
        ["`--co` of 1,000 tests, with and without", ratio(median(found["with"]) / median(found["without"])), "1.00"]
    ]


def _many(count: int) -> list[list[str]]:
    """Sessions of half as many and of all, to tell what a test costs from what a session does."""
    took: dict[tuple[int, str], list[float]] = {}
    for size in (count // 2, count):
        Path(f"test_{size}.py").write_text(_MODELS.format(count=size))
        _pytest(f"test_{size}.py", "-k", "snapshot", "--snapshot-update")
    for _ in range(3):
        for size in (count // 2, count):
            for kind in ("forward", "snapshot"):
                took.setdefault((size, kind), []).append(_pytest(f"test_{size}.py", "-k", kind)[1])
    half, whole = (median(took[size, "snapshot"]) - median(took[size, "forward"]) for size in (count // 2, count))
    return [
        [f"{count} small models, ms a test over the forward pass", f"{whole / count * 1e3:.1f}", "< 10"],
        [f"{count} of them over {count // 2}, session included", ratio(whole / half), "2.00"],
        *_shared(count),
    ]


def _shared(count: int) -> list[list[str]]:
    """The same with two workers: the whole session, and what it takes beside one of a single test."""
    everything, one = (f"test_{count}.py", "-k", "snapshot"), (f"test_{count}.py::test_snapshot[0]",)
    runs = [(*tests, *way) for way in ((), ("-n", "2")) for tests in (everything, one)]
    serial, alone, workers, first = (
        median(times) for times in zip(*([_pytest(*run)[0] for run in runs] for _ in range(3)), strict=True)
    )
    most = serial / (first + (serial - alone) / 2)
    return [
        [f"`-n 2` over serial, {count} small models, {serial:.1f} s", ratio(serial / workers), "> 1.6"],
        ["at most", ratio(most), ""],
        ["the same, without what a session of one test takes", ratio((serial - alone) / (workers - first)), "> 1.6"],
    ]


def _pytest(*arguments: str) -> tuple[float, float]:
    """Seconds of a run, on the clock and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", *_QUIET, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    clock = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
