"""The text depends on the model alone: not on threads, hash seeds, locales, folders or what Python optimises."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import breadth
import pytest
import torch
from test_tracing import Forward, X
from torch import distributions, nn

from pytest_nnviz import Options, dumps, loads, trace

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

NAMES = ("attention", "encoder", "recurrent", "norms", "indexing", "constructors")
SCRIPT = """
import hashlib, json, sys, warnings
warnings.simplefilter("ignore")
import breadth
from pytest_nnviz import dumps, trace
found = {}
for name in sys.argv[1:]:
    model, inputs = breadth.build(name)
    found[name] = hashlib.sha256(dumps(trace(model, *inputs)).encode()).hexdigest()
print(json.dumps(found))
"""


SURROUNDINGS = (
    {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "2"},
    {
        "OMP_NUM_THREADS": "8",
        "MKL_NUM_THREADS": "8",
        "PYTHONHASHSEED": "2",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
)


def _elsewhere(surroundings, folder):
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *NAMES],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **surroundings},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_same_text_wherever_it_runs(tmp_path):
    processes = [_elsewhere(surroundings, tmp_path) for surroundings in SURROUNDINGS]
    expected = {}
    for name in NAMES:
        model, inputs = breadth.build(name)
        expected[name] = hashlib.sha256(dumps(trace(model, *inputs)).encode()).hexdigest()
    for process in processes:
        assert json.loads(process.communicate(timeout=300)[0]) == expected


def test_a_process_that_imported_torch_alone():
    """Releases of torch differ in which of their parts ``import torch`` imports."""
    script = "import torch; from pytest_nnviz import dumps, trace; print(dumps(trace(torch.nn.ReLU(), torch.ones(2))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert "ReLU()" in done.stdout, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_another_default_dtype_shows_and_is_no_trouble(name):
    torch.set_default_dtype(torch.float64)
    try:
        model, inputs = breadth.build(name)
        text = dumps(trace(model, *inputs))
    finally:
        torch.set_default_dtype(torch.float32)
    assert " f64[" in text
    assert dumps(loads(text)) == text


def test_a_region_of_autocast_around_the_tracer_is_how_the_model_is_called():
    model, x = Forward(lambda m, x: m.linear(x), linear=nn.Linear(4, 4)), X.bfloat16()
    with torch.autocast("cpu"):
        assert "self.linear(x) -> bf16[2, 4]" in dumps(trace(model, x))
        assert torch.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError, match="dtype"):
        trace(model, x)


@pytest.mark.parametrize("device", ["as-is", "meta"])
def test_what_distributions_check_is_no_part_of_the_program(device):
    def forward(m, x):
        return distributions.Normal(m.linear(x), 1 + x.abs()).rsample()

    model, had = Forward(forward, linear=nn.Linear(4, 4)), distributions.Distribution._validate_args
    texts = []
    for checked in (True, False):  # False is what it is under python -O
        distributions.Distribution.set_default_validate_args(checked)
        try:
            texts.append(dumps(Options(device=device).trace(model, X)))
            assert distributions.Distribution._validate_args is checked
        finally:
            distributions.Distribution.set_default_validate_args(had)
    assert texts[0] == texts[1]
