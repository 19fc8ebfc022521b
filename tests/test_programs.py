"""Laws over random programs: one text, state handed back, totals, an edge that is right, an edit that shows."""

from __future__ import annotations

import contextlib
import copy
import random
from collections import Counter
from dataclasses import dataclass

import program_author
import program_edits
import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from interpreter import Interpreter, NotLiteral, same
from programs import FAILURES
from test_harmless import state

from pytest_nnviz import Options, diff, dumps, loads
from pytest_nnviz.architecture import walk_modules
from pytest_nnviz.errors import TraceError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PROGRAMS = program_author.programs()
COUNTS = Counter()


def examples(number):
    """Always the same ones, and not shrunk: they are small, and shrinking takes minutes."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def traced(program, **options):
    args, kwargs = program.inputs()
    torch.manual_seed(0)  # as for a run: random numbers decide how many are picked by a mask
    return Options(**options).trace(program.model, *args, **kwargs)


def text(program):
    return dumps(traced(program))


def identical(ours, theirs):
    """Bit by bit, but that nan is nan."""
    return bool(((ours == theirs) | ((ours != ours) & (theirs != theirs))).all())


@examples(30)
@given(PROGRAMS)
def test_one_program_is_one_text(program):
    first = traced(program)
    text = dumps(first)
    assert dumps(traced(program)) == text
    assert dumps(traced(copy.deepcopy(program))) == text
    assert loads(text) == first
    assert dumps(loads(text)) == text
    assert not diff(first, loads(text))
    args, kwargs = program.inputs()
    with torch.no_grad():
        program.model(*args, **kwargs)
    assert dumps(traced(program)) == text


def state_of(program):
    """All that a trace must hand back, as far as it can be compared with ``==``."""
    model = program.model
    tensors = [*model.state_dict(keep_vars=True).values(), *model.buffers()]
    return {
        "values": [tensor.detach().clone().tolist() for tensor in tensors],
        "tensors": [(id(tensor), tensor.requires_grad, tensor.grad, tensor.dtype) for tensor in tensors],
        "attributes": [
            (list(module.__dict__), [id(value) for value in module.__dict__.values()]) for module in model.modules()
        ],
        "tables": [
            {key: id(value) for key, value in table.items()}
            for module in model.modules()
            for table in (module._parameters, module._buffers, module._modules, module._forward_hooks)
        ],
        "training": [module.training for module in model.modules()],
        "values of the run": list(program.state.values),
        "randomness": (torch.get_rng_state().tolist(), random.getstate()),
        "inputs": repr((program.args, program.kwargs)),
        "modes": (torch.is_grad_enabled(), torch.get_default_dtype()),
    }


@examples(25)
@given(PROGRAMS, st.sampled_from(["eval", "train"]))
def test_the_model_is_handed_back_as_it_was(program, mode):
    before = state_of(program)
    with contextlib.suppress(*FAILURES):  # batch norm wants more than one value in train mode
        Options(mode=mode).trace(program.model, *program.args, **program.kwargs)
    after = state_of(program)
    assert all(after[key] == before[key] for key in before if key != "values")
    assert repr(after["values"]) == repr(before["values"])  # nan too


@dataclass
class Raises:
    """A statement that ends a program."""

    error: BaseException
    result: str = ""

    def run(self, state):
        raise self.error


@examples(10)
@given(
    PROGRAMS,
    st.randoms(use_true_random=False),
    st.sampled_from([ValueError(), KeyboardInterrupt(), SystemExit(), MemoryError()]),
    st.sampled_from(["as-is", "meta"]),
)
def test_whatever_a_program_raises_and_wherever_all_is_handed_back(program, numbers, error, device):
    """The model, its classes, and the state of the process."""
    program = program.edited(numbers.choice(program.places()), Raises(error))
    classes = sorted({type(module) for module in program.model.modules()}, key=repr)
    before = state_of(program), state(program.model), [dict(vars(each)) for each in classes]
    with contextlib.suppress(type(error), TraceError, *FAILURES):
        traced(program, device=device)
    after = state_of(program), state(program.model), [dict(vars(each)) for each in classes]
    assert repr(after[0].pop("values")) == repr(before[0].pop("values"))
    assert after == before


@examples(25)
@given(PROGRAMS)
def test_totals_are_those_of_the_rows_and_of_the_model(program):
    architecture = traced(program)
    rows = [
        parameter.spec.numel
        for _, module in walk_modules(architecture.root)
        for parameter in module.parameters
        if parameter.tied is None
    ]
    assert architecture.total_parameters == sum(rows)
    assert architecture.total_parameters == sum(parameter.numel() for parameter in program.model.parameters())
    assert architecture.totals.buffers == sum(buffer.numel() for buffer in program.model.buffers())


@examples(80)
@given(PROGRAMS)
def check_edges(program):
    COUNTS["programs"] += 1
    architecture = loads(text(program))
    args, kwargs = program.inputs()
    torch.manual_seed(0)
    try:
        ours = Interpreter(copy.deepcopy(program.model)).run(architecture, args, kwargs)
    except NotLiteral as reason:
        COUNTS[f"not literal: {reason}"] += 1
        return
    COUNTS["evaluated"] += 1
    assert same(ours, program.run(), identical)


def test_the_graph_of_a_program_gives_its_output():
    COUNTS.clear()
    check_edges()
    print(dict(COUNTS))
    assert COUNTS["evaluated"] > 0.95 * COUNTS["programs"]


@examples(60)
@given(PROGRAMS, st.integers(1, 3))
def test_another_spelling_is_the_same_text(program, choice):
    other = program_edits.respelled(program, choice)
    assume(other.runs())
    assert text(other) == text(program)


@examples(100)
@given(st.data())
def test_an_edit_that_changes_the_output_changes_the_text(data):
    program = data.draw(PROGRAMS)
    assume(program.places())
    other = data.draw(program_edits.edits(program))
    assume(other.runs())
    COUNTS["edits"] += 1
    if not same(other.run(), program.run(), identical):
        COUNTS["edits that count"] += 1
        assert text(other) != text(program)
