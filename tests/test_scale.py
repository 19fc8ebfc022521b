"""An 8-billion-parameter model on the meta device: seconds, little memory, a text that a person can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, resource, time, warnings
warnings.simplefilter("ignore")
import torch, transformers
from pytest_nnviz import Options, dumps, loads

def llama(layers=32):
    config = transformers.LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=layers, num_attention_heads=32,
        num_key_value_heads=8, vocab_size=128256,
    )
    with torch.device("meta"):
        return transformers.LlamaForCausalLM(config)

def text(model, **inputs):
    return dumps(Options().trace(model, input_ids=torch.ones(1, 16, dtype=torch.long), **inputs))

model = llama()
start = time.perf_counter()
plain = text(model)
seconds = time.perf_counter() - start
for layer in model.model.layers:
    layer.mlp.act_fn = torch.nn.GELU()
activation = text(model)
model = llama()
model.model.layers[5].input_layernorm.variance_epsilon = 0.5
one_layer = text(model)
longer = text(llama(33))
try:
    text(llama(1), attention_mask=torch.ones(1, 16, dtype=torch.long))
    error = None
except Exception as raised:
    error = f"{type(raised).__name__}: {raised}"
print("FOUND" + json.dumps({
    "texts": [plain, activation, one_layer, longer], "seconds": seconds, "error": error,
    "gibibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
}))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.rpartition("FOUND")[2])


def _edit(old, new):
    """Lines that are only in one of two texts, the totals and the call of the output layer aside."""
    import difflib

    lines = difflib.unified_diff(old.split("\n"), new.split("\n"), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_in_seconds_with_less_than_a_gibibyte(found):
    assert found["seconds"] < 60
    assert found["gibibytes"] < 1


def test_fewer_than_250_lines(found):
    plain = found["texts"][0]
    assert plain.count("\n") < 250
    assert "parameters: 8,030,261,248\n" in plain


def test_an_edit_of_all_layers_is_an_edit_of_one_place(found):
    plain, activation, *_ = found["texts"]
    assert 0 < len(_edit(plain, activation)) < 10


def test_an_edit_of_one_layer_writes_that_layer_out(found):
    plain, _, one_layer, _ = found["texts"]
    changed = _edit(plain, one_layer)
    assert "-  self.layers.5(" in "\n".join(changed)
    assert sum("same as" in line for line in changed) < 6
    assert sum(line.startswith("+  self.layers.") for line in changed) == 2  # the layer, and what was the same as it


def test_a_layer_more_is_a_line_where_it_is_and_one_where_it_is_called(found):
    plain, *_, longer = found["texts"]
    added = [line for line in _edit(plain, longer) if "layers" in line or "same as" in line]
    assert [line for line in added if line.startswith("+") and "32: same as 31" in line]
    assert [line for line in added if line.startswith("+  self.layers.32(")]
    assert len(_edit(plain, longer)) < 14


def test_reading_values_on_meta_is_refused_with_the_call_and_the_ways_out(found):
    assert found["error"].startswith(
        "TraceError: cannot go on without values on the meta device: bool(...) in model at "
    )
    assert "masking_utils.py:" in found["error"]
    assert 'device="as-is"' in found["error"]
