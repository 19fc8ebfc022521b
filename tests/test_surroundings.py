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

from pytest_nnviz import dumps, loads, trace

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
