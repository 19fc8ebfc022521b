"""Pictures: what is drawn, in which style, by which engine; the same drawing gives the same bytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_nnviz import words
from pytest_nnviz.architecture import (
    Architecture,
    Argument,
    Body,
    Call,
    Literal,
    Module,
    Parameter,
    Ref,
    Step,
    TensorSpec,
    Tree,
)
from pytest_nnviz.asked import Asked
from pytest_nnviz.drift import Change, Drift, diff
from pytest_nnviz.errors import DrawingError, OptionError
from pytest_nnviz.patterns import ProjectPattern
from pytest_nnviz.pictures import fitting, labels, picture, read_digest, render, theme
from pytest_nnviz.pictures.dot import to_dot
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Node, Stack, walk_nodes
from pytest_nnviz.pictures.effort import crossed_ranks
from pytest_nnviz.pictures.families import family_of
from pytest_nnviz.pictures.fitting import fit
from pytest_nnviz.pictures.labels import TIMES
from pytest_nnviz.pictures.sites import weave
from pytest_nnviz.pictures.stacks import stack_chains
from pytest_nnviz.pictures.svg import size
from pytest_nnviz.pictures.view import BUDGET, view

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for an engine is a script")
SHAPE = TensorSpec("f32", (1, 16, 8, 8))


def result(name: str, back: int = 0, up: int = 0) -> Ref:
    return Ref("result", (Step(name, back),), up=up)


def entry(name: str) -> Ref:
    return Ref("input", (Step(name),))


def function(name: str, *values: Ref | Literal) -> Call:
    return Call("function", name, tuple(Argument(None, value) for value in values), SHAPE)


def module(path: str, value: Ref, body: Body | None = None) -> Call:
    return Call("module", path, (Argument("x", value),), SHAPE, body)


def linear(width: int = 16, bias: bool = True) -> Module:
    config = (Argument("in_features", Literal("16")), Argument("out_features", Literal(str(width))))
    extra = () if bias else (Argument("bias", Literal("False")),)
    return Module("Linear", config + extra, (Parameter("weight", TensorSpec("f32", (width, 16))),))


RESIDUAL = Body(
    (function("relu", entry("x")), module("proj", result("relu")), function("add", result("proj"), entry("x"))),
    result("add"),
)
PLAIN = Body((function("relu", entry("x")), module("proj", result("relu"))), result("proj"))


def block(projection: Module | None = None) -> Module:
    return Module("Block", children=(("proj", projection or linear()),))


def model(*bodies: Body, blocks: tuple[Module, ...] = ()) -> Architecture:
    """Blocks in a row, from an input ``x`` to one output."""
    children = blocks or tuple(block() for _ in bodies)
    root = Module(
        "Net",
        children=(("blocks", Module("ModuleList", children=tuple((str(i), b) for i, b in enumerate(children)))),),
    )
    calls: list[Call] = []
    for index, body in enumerate(bodies):
        calls.append(module(f"blocks.{index}", result(f"blocks.{index - 1}") if index else entry("x"), body))
    return Architecture("eval", root, (Argument("x", SHAPE),), Body(tuple(calls), result(calls[-1].name)))


def edges(drawing: Drawing) -> set[tuple[str, str]]:
    return {(edge.tail, edge.head) for edge in drawing.edges}


def boxes(drawing: Drawing) -> list[Box]:
    return [item for item in drawing.items if isinstance(item, Box)]


def nodes(drawing: Drawing) -> dict[str, Node]:
    return {node.id: node for node in walk_nodes(drawing.items)}


def change_of(drawing: Drawing, tail: str, head: str) -> str:
    (edge,) = [edge for edge in drawing.edges if (edge.tail, edge.head) == (tail, head)]
    return edge.change


# What is drawn of a model


def test_edges_of_a_residual_block_are_exactly_the_tensors_that_flow():
    drawing = view(model(RESIDUAL))
    fork = "point/input/x/box/blocks.0"
    assert edges(drawing) == {
        ("input/x", fork),
        (fork, "blocks.0.relu"),
        (fork, "blocks.0.add"),
        ("blocks.0.relu", "blocks.0.add"),  # relu and proj stand in one stack, named by its first row
        ("blocks.0.add", "output/_"),
    }
    (box,) = boxes(drawing)
    stack = next(item for item in box.items if isinstance(item, Stack))
    assert [row.id for row in stack.rows] == ["blocks.0.relu", "blocks.0.proj"]


def test_edges_carry_shapes():
    drawing = view(model(RESIDUAL))
    (first,) = [edge for edge in drawing.edges if edge.tail == "input/x"]
    assert first.labels == (TIMES.join(["1", "16", "8", "8"]),)


def test_a_closed_module_has_the_edges_of_what_is_inside():
    drawing = view(model(RESIDUAL, PLAIN), Asked(depth=1))
    assert edges(drawing) == {("input/x", "blocks.0"), ("blocks.0", "output/_")}
    (stack,) = [item for item in drawing.items if isinstance(item, Stack)]
    assert [row.details for row in stack.rows] == [("3 calls",), ("2 calls",)]


def test_a_tensor_from_an_outer_scope_is_an_edge_into_the_module():
    body = Body((function("mul", entry("x"), Ref("result", (Step("cos"),), up=1)),), result("mul"))
    inner = Module("Scale")
    forward = Body((function("cos", entry("x")), module("scale", entry("x"), body)), result("scale"))
    arch = Architecture("eval", Module("Net", children=(("scale", inner),)), (Argument("x", SHAPE),), forward)
    for depth in (1, 2):
        heads = {head for tail, head in edges(view(arch, Asked(depth=depth))) if tail == "cos"}
        assert heads == {"scale" if depth == 1 else "scale.mul"}


def test_a_result_inside_a_finished_call_and_a_name_counted_back_are_found():
    forward = Body(
        (
            module("blocks.0", entry("x"), PLAIN),
            function("add", Ref("result", (Step("blocks.0"), Step("relu"))), result("blocks.0")),
            function("add", result("add"), entry("x")),
            function("cat", result("add", back=1), result("add")),
        ),
        result("cat"),
    )
    drawing = view(replace(model(PLAIN), forward=forward))
    assert {
        ("blocks.0.relu", "add"),
        ("blocks.0.proj", "add"),
        ("add", "cat"),
        ("add", "add~2"),
        ("add~2", "cat"),
        ("input/x", "add~2"),
    } <= edges(drawing)


def test_an_overwritten_tensor_comes_from_both_calls():
    forward = Body(
        (
            function("exp", entry("x")),
            function("add_", entry("x")),
            function("sin", replace(result("exp"), after=result("add_"))),
        ),
        result("sin"),
    )
    drawing = view(replace(model(PLAIN), forward=forward))
    assert {("exp", "sin"), ("add_", "sin")} <= edges(drawing)


def test_equal_blocks_in_a_row_are_one_box():
    drawing = view(model(*[RESIDUAL] * 32))
    (box,) = boxes(drawing)
    assert (box.title, box.label) == ("blocks.{0..31}", f"Block {TIMES}32")
    assert ("blocks.0.add", "output/_") in edges(drawing)


def test_blocks_that_differ_stay_apart():
    titles = [box.title for box in boxes(view(model(RESIDUAL, RESIDUAL, PLAIN, RESIDUAL)))]
    assert titles == ["blocks.{0..1}", "blocks.2", "blocks.3"]


def test_equal_modules_side_by_side_are_not_folded_unless_they_are_counted():
    root = Module("Net", children=(("q", linear()), ("k", linear())))
    forward = Body(
        (module("q", entry("x")), module("k", entry("x")), function("mul", result("q"), result("k"))), result("mul")
    )
    drawing = view(Architecture("eval", root, (Argument("x", SHAPE),), forward))
    assert {("q", "mul"), ("k", "mul")} <= edges(drawing)


def other_blocks(count: int) -> list[Body]:
    """Residual blocks of which no two are equal."""
    return [
        Body((*RESIDUAL.calls, function("mul", result("add"), Literal(f"{n}.0"))), result("mul")) for n in range(count)
    ]


def test_a_picture_stays_readable_whatever_the_size_of_the_model():
    assert len(nodes(view(model(*other_blocks(60))))) <= 80
    calls = [function("relu", entry("x"))]
    calls += [
        function("add" if n % 2 else "mul", result(calls[-1].name) if n == 0 else entry("x")) for n in range(2_000)
    ]
    flat = replace(model(PLAIN), forward=Body(tuple(calls), result("add")))
    assert len(nodes(view(flat))) <= 80


def test_a_model_without_a_forward_pass_is_drawn_as_its_modules():
    drawing = view(replace(model(RESIDUAL, RESIDUAL, RESIDUAL), forward=None, inputs=()))
    (outline,) = drawing.items
    assert isinstance(outline, Stack)
    rows = [(row.indent, row.title, row.label) for row in outline.rows]
    assert rows == [
        (0, "Net", ""),
        (1, "blocks", "ModuleList"),
        (2, "{0..2}", f"Block {TIMES}3"),
        (3, "proj", "Linear"),
    ]


def test_depth_zero_is_the_model_as_one_node():
    drawing = view(model(RESIDUAL, PLAIN), Asked(depth=0))
    assert [node.title for node in nodes(drawing).values()] == ["x", "Net", "output"]


def test_what_is_asked_to_be_open_is_open_whatever_the_depth_and_leaves_its_equal_siblings():
    strip = model(*[RESIDUAL] * 8)
    drawing = view(strip, Asked(depth=1, expand=("blocks.5",)))
    (box,) = boxes(drawing)
    assert box.title == "blocks.5"
    assert {"blocks.{0..4}", "blocks.{6..7}"} <= {node.title for node in nodes(drawing).values()}
    assert [box.label for box in boxes(view(strip, Asked(depth=1, expand=("blocks.*",))))] == [f"Block {TIMES}8"]


def test_a_pattern_that_names_no_module_is_an_error():
    with pytest.raises(OptionError, match=r"expand='block.9' names no module of Net"):
        render(model(PLAIN), "dot", expand=("block.9",))
    assert render(model(PLAIN), "dot", expand=(ProjectPattern("block.9"),))


def test_equal_blocks_stand_one_by_one_where_they_are_not_to_be_folded():
    assert len(boxes(view(model(*[RESIDUAL] * 8), Asked(fold=False)))) == 8


def test_parameters_are_nodes_that_lead_to_the_calls_that_use_them():
    calls = (function("mul", entry("x"), Ref("attribute", (Step("scale"),))), module("proj", result("mul")))
    scaled = Body(calls, result("proj"))
    scaling = replace(block(), parameters=(Parameter("scale", SHAPE),))
    drawing = view(model(scaled, blocks=(scaling,)), Asked(show_parameters=True))
    assert {
        ("parameter/blocks.0.scale", "blocks.0.mul"),
        ("parameter/blocks.0.proj.weight", "blocks.0.proj"),
    } <= edges(drawing)
    assert nodes(drawing)["parameter/blocks.0.proj.weight"].details == (f"16{TIMES}16",)
    assert "parameter/" not in str(to_dot(view(model(scaled, blocks=(scaling,)))))


def test_a_tied_parameter_is_one_node():
    tied = replace(linear(), parameters=(replace(linear().parameters[0], tied="^^0.proj.weight"),))
    both = model(PLAIN, replace(PLAIN, returns=result("relu")), blocks=(block(), block(tied)))
    drawing = view(both, Asked(show_parameters=True))
    ends = {(tail, head) for tail, head in edges(drawing) if tail.startswith("parameter")}
    assert ends == {("parameter/blocks.0.proj.weight", f"blocks.{n}.proj") for n in (0, 1)}


def test_every_element_has_an_identifier_of_its_own_and_tells_what_stands_in_no_node():
    drawn = str(render(model(RESIDUAL, PLAIN)))
    found = [element.attrib["id"] for element in ElementTree.fromstring(drawn).iter() if "id" in element.attrib]
    assert len(found) == len(set(found))
    tips = re.findall(r'xlink:title="([^"]*)"', drawn)
    told = "blocks.0.proj&#10;Linear(in_features=16, out_features=16)&#10;self.proj(x=%relu) &#45;&gt; f32[1, 16, 8, 8]"
    assert told in tips
    assert "in blocks.0&#10;add(%proj, x) &#45;&gt; f32[1, 16, 8, 8]" in tips


@pytest.mark.parametrize(
    ("name", "family"), [("Linear", "linear"), ("Conv1D", "linear"), ("Conv1d", "convolution"), ("Residual", "")]
)
def test_layers_have_the_colours_of_their_family_and_a_key(name, family):
    of_class = replace(linear(), class_name=name)
    drawn = str(render(model(PLAIN, blocks=(block(of_class),)), "dot"))
    assert family_of(name) == family
    assert re.findall(r">(\w+)</font></td>", drawn) == [*filter(None, [family]), "activation"]
    assert not family or drawn.count(theme.FAMILIES[family].fill.light) >= 2


# What is drawn of a drift


def test_a_removed_residual_is_red_and_dashed_and_the_rest_is_folded():
    drift = diff(model(*[RESIDUAL] * 8), model(*[RESIDUAL] * 4, PLAIN, *[RESIDUAL] * 3))
    drawing = view(drift)
    assert nodes(drawing)["blocks.4.add"].change == "removed"
    assert change_of(drawing, "blocks.4.relu", "blocks.4.add") == "removed"
    dot = str(render(drift, "dot"))
    assert theme.REMOVED.light in dot
    assert "dashed" in dot
    assert nodes(drawing)["blocks.0"].dim
    assert nodes(drawing)["blocks.0"].label == f"Block {TIMES}4"


def test_what_did_not_change_is_counted_and_folded():
    def chain(last: str) -> Architecture:
        calls = [function("relu", entry("x"))]
        calls += [function("mul", result(calls[-1].name if n else "relu"), Literal(f"{n}.0")) for n in range(40)]
        return replace(model(PLAIN), forward=Body((*calls, function(last, result("mul"))), result(last)))

    drawing = view(diff(chain("sin"), chain("cos")))
    titles = [node.title for node in nodes(drawing).values()]
    assert "40 unchanged" in titles
    assert len(titles) <= 6


def test_an_added_call_is_green_and_bold():
    drift = diff(model(PLAIN), model(RESIDUAL))
    drawing = view(drift)
    assert nodes(drawing)["blocks.0.add"].change == "added"
    assert change_of(drawing, "blocks.0.add", "output/_") == "added"
    assert change_of(drawing, "blocks.0.relu", "output/_") == "removed"
    dot = str(render(drift, "dot"))
    assert theme.ADDED.light in dot
    assert "bold" in dot


def test_a_changed_module_marks_its_call_with_old_and_new():
    drift = diff(model(RESIDUAL, blocks=(block(),)), model(RESIDUAL, blocks=(block(linear(bias=False)),)))
    node = nodes(view(drift))["blocks.0.proj"]
    assert node.change == "changed"
    assert any("bias" in note and "False" in note for note in node.notes)
    assert nodes(view(drift))["blocks.0.relu"].dim


def test_the_same_change_in_every_block_is_drawn_once():
    old = model(*[RESIDUAL] * 6)
    new = model(*[RESIDUAL] * 6, blocks=tuple(block(linear(bias=False)) for _ in range(6)))
    drawing = view(diff(old, new))
    assert [box.title for box in boxes(drawing)] == ["blocks.{0..5}"]
    assert [node.change for node in nodes(drawing).values()].count("changed") == 1


def scaled(count: int, factor: str = "1.5", at: int = -1, projection: Module | None = None) -> Architecture:
    """Blocks of which no two are equal, with another factor in each; a projection of its own in one."""
    bodies = [
        Body((*RESIDUAL.calls, function("mul", result("add"), Literal(f"{n}{factor}"))), result("mul"))
        for n in range(count)
    ]
    return model(*bodies, blocks=tuple(block(projection if n == at else None) for n in range(count)))


def test_of_more_changes_than_fit_those_that_matter_most_are_shown_and_the_rest_is_counted():
    drift = diff(scaled(80), scaled(80, "2.5", 70, linear(32)))
    drawing = view(drift)
    shown = nodes(drawing)
    assert len(shown) <= 60
    assert shown["blocks.70.proj"].change == "changed"
    told = sum(node.change == "changed" and node.kind != "rest" for node in shown.values())
    assert told >= 10
    assert drawing.subtitle[-1] == f"and {81 - told} more places, see the words"
    folded = [node for node in shown.values() if node.kind == "rest"]
    assert any("changes" in note for node in folded for note in node.notes)


def test_far_apart_changes_are_islands_between_folded_stretches():
    def chain(*others: int) -> Architecture:
        calls = [function("relu", entry("x"))]
        for n in range(90):
            calls.append(function("mul", result(calls[-1].name), Literal(f"{n + 0.5 * (n in others)}")))
        return replace(model(PLAIN), forward=Body(tuple(calls), result("mul")))

    drawing = view(diff(chain(), chain(20, 70)))
    titles = [node.title for node in nodes(drawing).values()]
    assert [title for title in titles if "unchanged" in title] == ["20 unchanged", "47 unchanged", "18 unchanged"]


@pytest.mark.parametrize(("neighbours", "around"), [(0, []), (1, ["4", "6"]), (3, ["2", "3", "4", "6", "7", "8"])])
def test_as_many_neighbours_of_a_change_are_shown_as_are_asked_for(neighbours, around):
    def chain(fifth: str) -> Architecture:
        calls = [function("relu", entry("x"))]
        for n in range(12):
            calls.append(function(f"f{n if n != 5 else fifth}", result(calls[-1].name)))
        return replace(model(PLAIN), forward=Body(tuple(calls), result("f11")))

    drawing = view(diff(chain("5"), chain("x")), Asked(neighbours=neighbours))
    found = [node.title[1:] for node in nodes(drawing).values() if node.dim and node.title.startswith("f")]
    assert found == around


def test_a_number_of_neighbours_that_is_none_is_an_error():
    with pytest.raises(OptionError, match="neighbours=-1: give a number of steps"):
        render(model(PLAIN), neighbours=-1)


def test_the_subtitle_counts_as_the_words_do():
    old = model(*[RESIDUAL] * 12)
    new = model(*[RESIDUAL] * 12, blocks=tuple(block(linear(bias=False)) for _ in range(12)))
    drift = diff(old, new)
    assert view(drift).subtitle[0].startswith("1 change in 12 places, ")
    assert sum("x12" in line for line in words(drift)) == 1


def test_a_changed_module_that_is_never_called_is_a_node_of_its_own():
    arch = model(RESIDUAL)
    extra = Change("structure", "changed", "aux.head", "bias", "True", "False", "breaks checkpoints")
    (node,) = [node for node in nodes(view(Drift(arch, arch, (extra,)))).values() if node.id.startswith("lone/")]
    assert (node.title, node.change) == ("aux.head", "changed")


def test_modules_of_similar_names_that_are_never_called_are_nodes_of_their_own():
    arch, places = model(RESIDUAL), ("aux head", "aux_head")
    extra = tuple(Change("structure", "changed", place, "bias", "True", "False", "cosmetic") for place in places)
    lone = [node for node in nodes(view(Drift(arch, arch, extra))).values() if node.id.startswith("lone/")]
    assert tuple(node.title for node in lone) == places


def test_a_rename_is_noted_at_the_call_of_that_module_alone():
    extra = Module("Extra")
    old = model(
        RESIDUAL, RESIDUAL, PLAIN, PLAIN, blocks=(block(linear(1)), block(linear(2)), block(), block(linear(4)))
    )
    before = [child for _, child in dict(old.root.children)["blocks"].children]
    new = model(RESIDUAL, Body((), entry("x")), RESIDUAL, PLAIN, PLAIN, blocks=(before[0], extra, *before[1:]))
    found = {node.title: node.notes for node in nodes(view(diff(old, new))).values()}
    found |= {box.title: box.notes for box in boxes(view(diff(old, new)))}
    renamed = {name for name, notes in found.items() if "renamed" in notes}
    assert renamed == {f"blocks.{n} → blocks.{n + 1}" for n in (1, 2, 3)}
    assert found["blocks.3 → blocks.4"] == ("renamed",)


def test_a_rename_of_a_run_is_noted_from_the_first_to_the_last():
    old = model(*[RESIDUAL] * 3)
    before = [child for _, child in dict(old.root.children)["blocks"].children]
    new = model(PLAIN, *[RESIDUAL] * 3, blocks=(Module("Extra"), *before))
    found = {node.title: node.notes for node in nodes(view(diff(old, new))).values()}
    assert found["blocks.{0..2} → blocks.{1..3}"] == ("renamed",)


def test_what_is_unchanged_is_named_by_its_range():
    old, new = model(*[RESIDUAL] * 8), model(*[RESIDUAL] * 4, PLAIN, *[RESIDUAL] * 3)
    runs = tuple(run for run in weave(old, new, diff(old, new)).runs if not run.first.touched)
    assert labels.names_text(runs) == "blocks.{0..3}, blocks.{5..7}"


@pytest.mark.parametrize("kind", ["wrapped", "unwrapped"])
def test_a_wrapped_model_is_drawn_as_what_it_was(kind):
    bare = model(RESIDUAL, PLAIN)
    call = Call("module", "model", (Argument("x", entry("x")),), SHAPE, bare.forward)
    full = replace(
        bare, root=Module("Wrapped", children=(("model", bare.root),)), forward=Body((call,), result("model"))
    )
    drawing = view(diff(bare, full) if kind == "wrapped" else diff(full, bare))
    assert {node.change for node in nodes(drawing).values()} <= {"", "changed"}
    assert not any(node.label == "not called" for node in nodes(drawing).values())


def test_a_drift_by_hand_pairs_calls_without_the_help_of_diff():
    old, new = model(RESIDUAL), model(PLAIN)
    change = Change("topology", "removed", "blocks.0", "add", "add(%proj, x)", None, "changes the function", (0, 2))
    assert nodes(view(Drift(old, new, (change,))))["blocks.0.add"].change == "removed"


def test_a_drift_without_forward_marks_the_rows():
    old = replace(model(RESIDUAL), forward=None)
    new = replace(model(RESIDUAL, blocks=(block(linear(bias=False)),)), forward=None)
    rows = {node.title: node.change for node in walk_nodes(view(diff(old, new)).items)}
    assert rows["proj"] == "changed"
    assert rows["blocks"] == ""


@pytest.mark.parametrize("kind", ["added", "removed", "changed"])
def test_kinds_of_change_differ_by_more_than_colour(kind):
    looks = {name: (look.style, look.width) for name, look in theme.CHANGES.items()}
    assert len(set(looks.values())) == len(looks)
    assert theme.SIGNS[kind] in "+-~"


def test_light_colours_are_unique_so_that_each_has_its_dark_one():
    light = [colour.light for colour in theme.COLOURS]
    assert len(set(light)) == len(light)


# Text and bytes

HOSTILE = [
    "<script>alert(1)</script>",
    'a"b',
    "back\\slash\\N\\G\\",
    "new\nline",
    "control\x00\x07\x1b",
    "x" * 300,
    "]]>",
    "--><!--",
    "&amp;",
    "é漢字\U0001f600",
    "\u202e\u05d0\u05d1 \u0627\u0644\u200f",
    "{a|<b> c|{d}}",
    "'; DROP TABLE",
    "javascript:alert(1)",
    "<![CDATA[x]]>",
    "<?xml version='1.0'?>",
    "\\",
    '\\"',
    "<b>",
    "%PDF-1.4",
    "x" * 100_000,
    "same name",
    "same_name",
    "same/name",
    "\ud800",
    "\ufffe\uffff",
    "",
    " ",
    "graph",
]


def hostile() -> Architecture:
    """A chain of modules, functions, arguments, classes and outputs with names that break a careless writer."""
    previous = entry("x")
    calls = []
    for name in HOSTILE:
        body = Body(
            (Call("function", name, (Argument(name, entry(name)), Argument(name, Literal(name))), SHAPE),) * 2,
            result(name),
        )
        calls.append(Call("module", name, (Argument(name, previous),), SHAPE, body))
        previous = result(name)
    children = tuple((name, Module(name, (Argument(name, Literal(name)),))) for name in HOSTILE)
    inputs = tuple(Argument(name, SHAPE) for name in ("x", *HOSTILE))
    return Architecture("eval", Module(HOSTILE[0], children=children), inputs, Body(tuple(calls), previous))


def parsed(svg: str) -> list[ElementTree.Element]:
    """The elements of an SVG, which an XML parser takes, whose identifiers are unique and which does nothing."""
    elements = list(ElementTree.fromstring(svg.encode()).iter())
    identifiers = [element.attrib["id"] for element in elements if "id" in element.attrib]
    assert len(set(identifiers)) == len(identifiers)
    links = [value for element in elements for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#a_") for link in links)
    assert not any(element.tag.endswith(("script", "foreignObject", "image")) for element in elements)
    assert not any(key.startswith("on") for element in elements for key in element.attrib)
    return elements


HOSTILE_MODELS = {
    "calls": (hostile(), {}),
    "one by one, with parameters": (hostile(), {"depth": 9, "fold": False, "show_parameters": True}),
    "closed": (hostile(), {"depth": 1}),
    "modules": (replace(hostile(), forward=None), {}),
    "drift": (diff(hostile(), replace(hostile(), inputs=(Argument("x", SHAPE),))), {}),
    "drift of modules": (diff(replace(hostile(), forward=None), replace(model(PLAIN), forward=None)), {}),
    "all is new": (diff(model(PLAIN), hostile()), {}),
}


@pytest.mark.parametrize("kind", HOSTILE_MODELS)
def test_hostile_names_are_text(kind):
    thing, asked = HOSTILE_MODELS[kind]
    svg = str(render(thing, **asked))
    texts = ["".join(element.itertext()) for element in parsed(svg) if element.tag.endswith("}text")]
    assert any("<script>" in text for text in texts)
    assert max(map(len, texts)) <= 90
    with Image.open(BytesIO(bytes(render(thing, "png", **asked)))) as found:
        found.load()


def test_names_are_shown_as_they_are():
    texts = "".join(ElementTree.fromstring(str(render(hostile(), depth=1)).encode()).itertext())
    for name in HOSTILE:
        plain = name.isascii() and name.isprintable() and len(name) < 80
        assert not plain or name.strip().replace(" ", "\xa0") in texts.replace(" ", "\xa0"), name


@posix
@pytest.mark.parametrize("kind", HOSTILE_MODELS)
def test_hostile_names_are_text_for_the_dot_of_the_system_too(kind, monkeypatch):
    system = shutil.which("dot")
    if system is not None:
        monkeypatch.setenv("NNVIZ_DOT", system)
    thing, asked = HOSTILE_MODELS[kind]
    parsed(str(render(thing, **asked)))


@settings(max_examples=25)
@given(st.lists(st.text(max_size=40), min_size=3, max_size=6, unique=True), st.booleans())
def test_any_text_is_text(names, forward):
    first, *others = names
    children = tuple((name, Module(first, (Argument(name, Literal(first)),))) for name in others)
    calls, last = [], entry(first)
    for name in others:
        body = Body((function(first, entry(first), Literal(name)),), result(first))
        calls.append(Call("module", name, (Argument(first, last),), SHAPE, body))
        last = result(name)
    returns = Tree("dict", (last, last), tuple(names[:2]))
    body = Body(tuple(calls), returns) if forward else None
    arch = Architecture("eval", Module(first, children=children), (Argument(first, SHAPE),), body)
    for thing in (arch, diff(arch, replace(arch, root=Module("Other", children=children[1:])))):
        parsed(str(render(thing, depth=2, fold=False)))


def test_identifiers_are_unique():
    dot = str(render(hostile(), "dot"))
    found = [
        line.split(" id=")[1].split(" ")[0].rstrip("]")
        for line in dot.splitlines()
        if " id=" in line and "->" not in line
    ]
    assert len(set(found)) == len(found)


def test_the_bytes_do_not_depend_on_hash_seed_locale_home_or_fonts(tmp_path):
    empty = tmp_path / "fonts"
    empty.mkdir()
    without = f"<fontconfig><dir>{empty}</dir><cachedir>{empty}</cachedir></fontconfig>"
    (tmp_path / "fonts.conf").write_text(f'<?xml version="1.0"?>{without}')
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_pictures as t;"
        "from pytest_nnviz.drift import diff;"
        "d = diff(t.model(*[t.RESIDUAL] * 3), t.model(t.RESIDUAL, t.PLAIN, t.RESIDUAL));"
        "import hashlib; print([hashlib.sha256(x if isinstance(x, bytes) else x.encode()).hexdigest()"
        " for x in (t.render(d), t.render(d, 'png'), t.render(t.hostile()), t.render(t.hostile(), 'png'),"
        " t.render(t.hostile(), depth=9, fold=False, show_parameters=True))])"
    )
    found = set()
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "FONTCONFIG"))}
    without_fonts = {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "FONTCONFIG_PATH": str(empty)}
    for changes in (
        {"PYTHONHASHSEED": "1", "HOME": str(tmp_path), "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "HOME": "/nonexistent", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata", **without_fonts},
        {
            "PYTHONHASHSEED": "3",
            "LANG": "de_DE.UTF-8",
            "TZ": "America/St_Johns",
            "DOTFONTPATH": str(empty),
            "COLUMNS": "9",
        },
    ):
        environment = {**plain, **changes}
        command = [sys.executable, "-c", script, str(Path(__file__).parent)]
        found.add(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)
    assert len(found) == 1


def test_svg_carries_nothing_of_the_engine_and_reads_on_dark_screens():
    svg = str(render(model(RESIDUAL)))
    assert "Graphviz" not in svg
    assert "graphviz" not in svg
    assert "DOCTYPE" not in svg
    assert "prefers-color-scheme: dark" in svg
    assert theme.PLATE.light in svg
    known = {colour.light for colour in theme.COLOURS} | {"none", "transparent", "black"}
    used = {e.get(key) for e in ElementTree.fromstring(svg.encode()).iter() for key in ("fill", "stroke")} - {None}
    assert used <= known


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_digest_is_carried_and_read_from_the_head(kind, tmp_path):
    path = tmp_path / f"picture.{kind}"
    for digest, expected in (("sha256:0123abc", "sha256:0123abc"), (None, None)):
        drawn = render(model(PLAIN), kind, digest=digest)
        path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
        assert read_digest(path) == expected


def test_a_png_with_a_digest_is_a_png(tmp_path):

    path = tmp_path / "picture.png"
    path.write_bytes(bytes(render(model(PLAIN), "png", digest="abc")))
    with Image.open(path) as found:
        found.load()
        assert found.text == {"pytest-nnviz digest": "abc"}
        assert found.width * found.height <= 40e6


def test_a_png_has_the_pixels_of_the_engine_in_far_fewer_bytes():
    fitted = fit(model(*other_blocks(14)), Asked())
    drawn = picture.draw_png(fitted.dot, size(fitted.svg))
    small = bytes(render(model(*other_blocks(14)), "png"))
    with Image.open(BytesIO(drawn)) as one, Image.open(BytesIO(small)) as other:
        assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
    assert len(small) < 0.8 * len(drawn)


def test_foreign_files_have_no_digest(tmp_path):
    for name, content in (("a", b""), ("b", b"\x89PNG\r\n\x1a\n\0\0"), ("c", b"<svg/>"), ("d", os.urandom(4096))):
        path = tmp_path / name
        path.write_bytes(content)
        assert read_digest(path) is None


def test_a_digest_that_would_break_the_comment_is_refused():
    with pytest.raises(OptionError, match="digest"):
        render(model(PLAIN), digest="-->")


def test_an_unknown_format_is_an_error_with_the_choices():
    with pytest.raises(OptionError, match=r"format='pdf': choose one of 'svg', 'png', 'dot', 'mermaid'"):
        render(model(PLAIN), "pdf")


def test_a_wide_picture_stays_below_the_limit_of_pixels(monkeypatch):
    monkeypatch.setattr(picture, "_PIXELS", 1e5)
    with Image.open(BytesIO(bytes(render(model(RESIDUAL, PLAIN), "png")))) as found:
        assert found.width * found.height <= 1e5


def test_a_picture_fits_a_page_whatever_the_model():
    strip = model(*other_blocks(14))
    assert size(str(picture.draw_svg(to_dot(view(strip)))))[1] > theme.PAGE[1]
    assert size(str(render(strip)))[1] <= theme.PAGE[1]
    with Image.open(BytesIO(bytes(render(strip, "png")))) as found:
        assert found.height <= theme.PAGE[1] + 1


@pytest.mark.parametrize(("asked", "most"), [({"depth": 7}, 1_002), ({"expand": ["blocks.*"]}, BUDGET)], ids=str)
def test_what_is_asked_for_and_too_much_is_drawn_coarser_and_says_so(asked, most):
    fitted = fit(model(*other_blocks(1_000)), Asked(**asked))
    assert "coarser than asked for: it has 5,002 nodes, and 2,000 are drawn at most" in fitted.svg
    assert most // 3 < len(nodes(fitted.drawing)) <= most
    assert "coarser" not in str(render(model(*other_blocks(20)), **asked))


def test_long_edges_are_told_before_an_engine_is_asked():
    calls = [function("relu", entry("x"))]
    for n in range(400):  # each uses the result of the one before, and that of the first
        calls.append(function(f"f{n}", result(calls[-1].name), result("relu")))
    flat = Architecture("eval", Module("Net"), (Argument("x", SHAPE),), Body(tuple(calls), result(calls[-1].name)))
    assert crossed_ranks(view(flat, Asked(depth=1))) == sum(range(1, 400))
    drawn = str(render(flat, depth=1))
    assert "coarser than asked for: it has 403 nodes and edges too long to draw" in drawn
    with pytest.raises(fitting.TooMuch):
        fitting._check(view(flat, Asked(depth=1)))


@pytest.mark.parametrize("depth", [1, 2])
def test_the_line_below_a_name_keeps_clear_of_its_letters(depth):
    svg = ElementTree.fromstring(str(render(model(RESIDUAL), depth=depth)))
    found = [(e.get("font-size"), float(e.get("y", ""))) for e in svg.iter("{http://www.w3.org/2000/svg}text")]
    below = {y - above for (size, above), (_, y) in pairwise(found) if size == "12.00"}
    assert any(11 < gap < 12 for gap in below)
    assert not any(8 < gap < 11 for gap in below)


def test_shapes_before_and_after_stand_in_a_row_with_an_arrow_between_them():
    wide = Edge("a", "b", ("1", "2", "→ 3", "4"), "changed")
    (stack,) = stack_chains((Node("a", "module", "a"), Node("b", "module", "b")), (wide,), dense=True)[0]
    assert stack.shapes[0] == "1, 2 → 3, 4"


@pytest.mark.parametrize("blocks", [10, 14, 40])
def test_a_picture_that_fits_is_found_in_few_steps(blocks, monkeypatch):
    drawn = []
    monkeypatch.setattr(fitting, "draw_svg", lambda dot: drawn.append(dot) or picture.draw_svg(dot))
    assert fit(model(*other_blocks(blocks)), Asked()).excess <= 1
    assert len(set(drawn)) == len(drawn) <= 3


def test_the_rank_of_a_source_is_right_before_its_use_and_circles_end():
    chain = tuple(Edge(str(n), str(n + 1)) for n in range(9))
    assert crossed_ranks(Drawing("", (), (), (*chain, Edge("weight", "8")))) == 0
    assert crossed_ranks(Drawing("", (), (), (*chain, Edge("0", "5")))) == 4
    assert crossed_ranks(Drawing("", (), (), (Edge("a", "b"), Edge("b", "a"), Edge("b", "c")))) == 0


def test_a_model_without_forward_is_bounded_too():
    children = tuple((f"layer{n}", linear(n + 1)) for n in range(3_000))
    flat = Architecture("eval", Module("Net", children=children), (), None)
    for depth in (None, 1):
        drawn = str(render(flat, depth=depth))
        assert "coarser than asked for: it has 3,001 nodes, and 2,000 are drawn at most" in drawn


# Engines


def without_engines(monkeypatch, tmp_path):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.delenv("NNVIZ_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr(picture.util, "find_spec", lambda name: None)


def program(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_no_engine_is_an_error_that_says_what_to_install(monkeypatch, tmp_path):
    without_engines(monkeypatch, tmp_path)
    with pytest.raises(DrawingError, match=r"pip install graphviz-pure"):
        render(model(PLAIN))
    assert str(render(model(PLAIN), "dot")).startswith("digraph")


@posix
def test_the_engine_of_the_environment_is_used_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", "import sys; sys.exit('broken on purpose')"))
    with pytest.raises(DrawingError, match="broken on purpose"):
        render(model(PLAIN))


@posix
def test_the_system_dot_is_the_next_choice(monkeypatch, tmp_path):
    without_engines(monkeypatch, tmp_path)
    program(tmp_path / "dot", "print('<svg viewBox=\"0 0 1 1\">drawn by the system</svg>')")
    assert "drawn by the system" in str(render(model(PLAIN)))


@posix
def test_an_engine_that_hangs_is_stopped_and_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", "import time; time.sleep(60)"))
    monkeypatch.setattr(picture, "TIME_LIMIT", 0.2)
    start = time.monotonic()
    with pytest.raises(DrawingError, match=r"took longer than 0\.2 s"):
        render(model(PLAIN))
    assert time.monotonic() - start < 10


@posix
def test_what_takes_too_long_is_drawn_coarser(monkeypatch, tmp_path):
    strip = model(*other_blocks(14))
    most = len(to_dot(view(strip, budget=BUDGET // 2)))
    slow = f"import sys, time\nif len(sys.stdin.read()) > {most}: time.sleep(60)"
    drawn = "print('<svg viewBox=\"0 0 1 1\">coarser</svg>')"
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", f"{slow}\n{drawn}"))
    monkeypatch.setattr(picture, "TIME_LIMIT", 1.0)
    assert len(str(render(strip, "dot"))) <= most < len(to_dot(view(strip)))
    assert "coarser" in str(render(strip, depth=3))


@posix
def test_an_engine_that_hangs_is_not_asked_again(monkeypatch, tmp_path):
    log = tmp_path / "log"
    source = f"import time; open({str(log)!r}, 'a').write('asked '); time.sleep(60)"
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", source))
    monkeypatch.setattr(picture, "TIME_LIMIT", 1.0)
    start = time.monotonic()
    for depth in (None, 1, None, 2):
        with pytest.raises(DrawingError, match=r"took longer than 1 s"):
            render(model(PLAIN), depth=depth)
    assert log.read_text() == "asked " * 2
    assert time.monotonic() - start < 20
    monkeypatch.delenv("NNVIZ_DOT")
    assert "<svg" in str(render(model(PLAIN)))


@posix
def test_an_engine_that_hangs_on_one_format_is_not_asked_for_it_again(monkeypatch, tmp_path):
    log = tmp_path / "log"
    hangs = f"import sys, time; open({str(log)!r}, 'a').write(sys.argv[1])\nif '-Tpng' in sys.argv: time.sleep(60)"
    drawn = "print('<svg viewBox=\"0 0 9 9\"></svg>')"
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", f"{hangs}\n{drawn}"))
    monkeypatch.setattr(picture, "TIME_LIMIT", 1.0)
    for _ in range(3):
        assert "<svg" in str(render(model(PLAIN)))
        with pytest.raises(DrawingError, match=r"took longer than 1 s"):
            render(model(PLAIN), "png")
    assert log.read_text().count("-Tpng") == 2


@posix
def test_what_an_engine_says_about_characters_is_no_complaint(monkeypatch, tmp_path):
    said = "Warning: no value for width of non-ASCII character 195\\nreal reason\\n"
    text = f"import sys\nsys.stderr.write('{said}')\nsys.exit(1)"
    monkeypatch.setenv("NNVIZ_DOT", program(tmp_path / "dot", text))
    with pytest.raises(DrawingError, match="real reason"):
        render(model(PLAIN))


# Weight


def test_importing_render_and_reading_a_digest_loads_no_drawing_library():
    script = (
        "import sys, pathlib; from pytest_nnviz.pictures import read_digest, render;"
        "read_digest(pathlib.Path(sys.executable));"
        "print(sorted({'torch', 'numpy', 'PIL', 'graphviz', 'pygraphviz'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_a_notebook_shows_the_picture_and_the_words_without_an_engine(monkeypatch, tmp_path):
    arch = model(PLAIN)
    for thing in (arch, diff(arch, model(RESIDUAL))):
        assert thing._repr_mimebundle_()["image/svg+xml"] == render(thing)
    without_engines(monkeypatch, tmp_path)
    assert arch._repr_mimebundle_() == {"text/plain": repr(arch)}
