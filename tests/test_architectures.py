"""Real architectures: each traces, twice the same, in two processes the same, and comes back bit-identical."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import architectures
import models
import pytest
import torch

from pytest_nnviz import Options, dumps, loads, trace
from pytest_nnviz.errors import TraceError, UnstableArchitecture
from pytest_nnviz.tracing import open_session

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

NAMES = [*architectures.TRANSFORMERS, *architectures.PLAIN]
STOPPED_ON_META = {
    "deberta": "contains",
    "longformer": "contains",
    "bart": "bool",
    "marian": "bool",
    "packed GRU": "pack_padded_sequence",
}
EXPERTS = ("mixtral", "qwen3moe")


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def elsewhere():
    """The digests of all texts as two other processes see them, with different hash seeds."""
    script = (
        "import hashlib, json, sys, warnings; warnings.simplefilter('ignore'); import architectures;"
        "from pytest_nnviz import dumps, trace\n"
        "found = {}\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    model, inputs = architectures.build(name)\n"
        "    found[name] = hashlib.sha256(dumps(trace(model, **inputs)).encode()).hexdigest()\n"
        "print('FOUND' + json.dumps(found))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, json.dumps(NAMES)],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(Path(__file__).parent),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in ("1", "2")
    ]
    return [json.loads(process.communicate()[0].rpartition("FOUND")[2]) for process in processes]


@pytest.mark.parametrize("name", NAMES)
def test_a_real_architecture(name, elsewhere):
    model, inputs = architectures.build(name)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    attributes = [(module, dict(module.__dict__)) for module in model.modules()]
    torch_randomness, python_randomness = torch.get_rng_state(), random.getstate()

    first = trace(model, **inputs)
    text = dumps(first)

    assert dumps(trace(model, **inputs)) == text
    assert [digests[name] for digests in elsewhere] == [_digest(text)] * 2
    assert loads(text) == first
    assert first.total_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_randomness)
    assert random.getstate() == python_randomness
    for module, before in attributes:
        assert module.__dict__.keys() == before.keys()
        assert all(module.__dict__[key] is value for key, value in before.items())


@pytest.mark.parametrize("name", NAMES)
def test_values_do_not_decide_a_real_architecture(name):
    model, inputs = architectures.build(name)
    with open_session(Options(), model, (), inputs) as session:
        session.check_values(session.settle(session.run()))


def test_twenty_or_more_and_of_every_kind():
    assert len(architectures.TRANSFORMERS) >= 20
    kinds = {"bert", "llama", "t5", "vit", "whisper", "mixtral", "mamba"}
    assert kinds <= architectures.TRANSFORMERS.keys()


def test_experts_that_are_routed_by_values_are_refused():
    model, inputs = architectures.build("mixtral")
    model.set_experts_implementation("eager")
    with (
        open_session(Options(), model, (), inputs) as session,
        pytest.raises(UnstableArchitecture, match=r"values are read by .*nonzero"),
    ):
        session.check_values(session.settle(session.run()))


def test_data_dependent_control_flow_with_fixed_values():
    torch.manual_seed(0)
    model, x = models.Branching(), torch.ones(2, 4)
    text = dumps(Options(values="fixed").trace(model, x))
    assert text == dumps(Options(values="fixed").trace(model, x))
    assert "bool(%gt)\n" in text


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {*STOPPED_ON_META, *EXPERTS}])
def test_meta_gives_the_same_text(name):
    model, inputs = architectures.build(name)
    assert Options(device="meta").trace(model, **inputs) == trace(model, **inputs)


@pytest.mark.parametrize("name", STOPPED_ON_META)
def test_meta_names_the_call_that_needs_values(name):
    model, inputs = architectures.build(name)
    with pytest.raises(TraceError, match=rf"on the meta device: {STOPPED_ON_META[name]}\("):
        Options(device="meta").trace(model, **inputs)


@pytest.mark.parametrize("name", EXPERTS)
def test_experts_go_another_way_on_meta_where_their_product_has_a_kernel(name):
    model, inputs = architectures.build(name)
    on_meta = Options(device="meta")
    if torch.__version__.startswith("2.13"):
        with pytest.raises(TraceError, match=r"on the meta device: grouped_mm\("):
            on_meta.trace(model, **inputs)
        return
    texts = [dumps(options.trace(model, **inputs)).splitlines() for options in (Options(), on_meta)]
    assert len(texts[0]) == len(texts[1])
    differ = [(a.strip(), b.strip()) for a, b in zip(*texts, strict=True) if a != b]
    assert [a.partition("(")[0] for a, _ in differ] == ["to", "histc"]
    assert all(a.replace("float32", "int32").replace("f32", "i32") == b for a, b in differ)
