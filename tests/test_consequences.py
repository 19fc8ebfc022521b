"""What names decide: which arguments and calls change no more than training, or nothing that is computed."""

import pytest
from made_up import call, config, model, result, x

from pytest_nnviz.architecture import Literal, Module
from pytest_nnviz.drift import diff

TRAINING, COSMETIC, FUNCTION = "training only", "cosmetic", "changes the function"
ARGUMENTS = {
    TRAINING: "training momentum label_smoothing initializer_range init_std init_values dropout attention_dropout "
    "hidden_dropout_prob drop drop_rate drop_path droppath drop_out drop_prob classifier_dropout DropPath",
    COSMETIC: "inplace device non_blocking memory_format",
    FUNCTION: "num_heads p eps backdrop dropped drops initial_state momentum_size",
}
CALLS = {
    TRAINING: "detach detach_ requires_grad_ checkpoint dropout dropout2d feature_alpha_dropout drop_path "
    "enter_inference_mode exit_inference_mode",
    COSMETIC: "clone contiguous alias",
    FUNCTION: "relu clone_ contiguous_ aliased checkpoint_ detached droplet",
}


def _each(table):
    return [(name, consequence) for consequence, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("name", "consequence"), _each(ARGUMENTS))
def test_another_value_of_an_argument(name, consequence):
    old, new = (model([("m", Module("Block", config(**{name: value})))]) for value in (1, 2))
    assert [change.consequence for change in diff(old, new).changes] == [consequence]


@pytest.mark.parametrize(("name", "consequence"), _each(ARGUMENTS))
def test_another_value_in_a_call(name, consequence):
    old, new = (model(calls=[call("f", x(), **{name: value})]) for value in (1, 2))
    assert [change.consequence for change in diff(old, new).changes] == [consequence]


@pytest.mark.parametrize(("name", "consequence"), _each(CALLS))
def test_a_call_that_appears(name, consequence):
    old = model(calls=[call("f", x()), call("g", result("f"))])
    new = model(calls=[call("f", x()), call(name, result("f")), call("g", result(name))])
    assert {change.consequence for change in diff(old, new).changes} == {consequence}
    assert {change.consequence for change in diff(new, old).changes} == {consequence}


@pytest.mark.parametrize(("mode", "consequence"), [("False", TRAINING), ("True", FUNCTION)])
def test_gradients_that_are_switched_off(mode, consequence):
    """Where they are switched on, forward takes some itself."""
    old = model(calls=[call("f", x()), call("g", result("f"))])
    new = model(calls=[call("f", x()), call("set_grad_enabled", Literal(mode)), call("g", result("f"))])
    assert {change.consequence for change in diff(old, new).changes} == {consequence}
    assert {change.consequence for change in diff(new, old).changes} == {consequence}
