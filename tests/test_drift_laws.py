"""Laws of `diff` over random architectures and random edits of them."""

from dataclasses import replace
from itertools import pairwise

from applying import apply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import ARCHITECTURES, NAMES, WIDE, call, model, result, run, x
from mended import mended
from mirrored import is_mirrored
from random_edits import chains, edited

from pytest_nnviz import Architecture
from pytest_nnviz.architecture import Argument, Body, Module
from pytest_nnviz.drift import diff
from pytest_nnviz.textformat import dumps, loads

INPUTS = (Argument("x", WIDE),)
WHOLE = ARCHITECTURES.map(mended)
REORDERED = st.tuples(WHOLE, chains(NAMES | st.sampled_from(["add", "relu", "sigmoid"]))).map(
    lambda made: tuple(replace(made[0], inputs=INPUTS, forward=body) for body in made[1])
)
PAIRS = (st.tuples(WHOLE, WHOLE) | WHOLE.flatmap(lambda old: st.tuples(st.just(old), edited(old))) | REORDERED).map(
    lambda made: tuple(map(mended, made))
)
ORDERS = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)
many = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(PAIRS)
def test_what_is_compared_can_be_written(pair):
    for architecture in pair:
        assert loads(dumps(architecture)) == architecture


@many
@given(WHOLE)
def test_nothing_differs_from_itself(architecture):
    copy = replace(architecture, root=replace(architecture.root), versions=(("torch", "9"),))
    assert not diff(architecture, architecture)
    assert not diff(architecture, copy)


@many
@given(PAIRS)
def test_the_other_direction_is_the_mirror_image(pair):
    assert is_mirrored(diff(*pair), diff(*pair[::-1]))


@many
@given(PAIRS)
def test_what_is_different_is_never_empty(pair):
    assert bool(diff(*pair)) == (pair[0] != pair[1])


@many
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=6).flatmap(
        lambda a: st.tuples(st.just(a), st.permutations(a))
    )
)
def test_no_call_of_a_module_is_gone_and_back(orders):
    """Modules that are called as often as before, in another order, one after the other."""

    def of(order):
        calls = [run(order[0], x()), *(run(b, result(a)) for a, b in pairwise(order))]
        return model([(name, Module("Layer")) for name in "abc"], calls)

    kinds = {change.kind for change in diff(*map(of, orders)).changes}
    assert kinds <= {"changed", "reordered"}


@many
@given(PAIRS)
def test_no_difference_is_without_a_rule(pair):
    assert not [change for change in diff(*pair).changes if change.what == "text"]


@many
@given(PAIRS)
def test_a_drift_holds_all_that_makes_the_new_of_the_old(pair):
    old, new = pair
    made: Architecture = apply(diff(old, new))
    assert made == new


@many
@given(PAIRS)
def test_how_a_pair_was_found_is_told_of_pairs_alone(pair):
    for change in diff(*pair).changes:
        lone = change.kind in ("added", "removed")
        assert change.matched in ([""] if lone else ["by name", "by structure", "by position"])


def test_the_mirror_image_of_a_result_that_is_handed_through_two_scopes():
    """The one graph names the result, the other an argument of the call around."""
    bare = Body((), result("add", up=1))
    inner = call("a", x("#0"), x("#1"), kind="module", body=Body((), x("#0", up=1)))
    full = Body((inner,), result("a"))
    block = Module("Block")
    old = model([("a", block)], [call("add", x(), x()), run("a", x(), result("add"), body=bare)])
    wrapped = Module("Wrap", children=(("a", block),))
    new = model([("a", wrapped)], [call("add", x(), x()), run("a", **{"#0": x(), "#1": result("add")}, body=full)])
    there, back = diff(old, new), diff(new, old)
    assert is_mirrored(there, back)
    assert all(change.ripple for drift in (there, back) for change in drift.changes if change.what == "return")
