"""The two sides of a drift in one layout: nothing moves, and nothing of the other side is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import drift_cases
import pytest
from PIL import Image
from test_pictures import PLAIN, RESIDUAL, SHAPE, block, entry, linear, model, result

from pytest_nnviz import dumps, loads
from pytest_nnviz.architecture import Argument, Body, Call, Module, Parameter, TensorSpec
from pytest_nnviz.drift import Drift, diff
from pytest_nnviz.errors import OptionError
from pytest_nnviz.pictures import render
from pytest_nnviz.pictures.drawing import Box, Drawing, Item, Stack, walk_nodes
from pytest_nnviz.pictures.labels import TIMES
from pytest_nnviz.pictures.text import Text, joined, part
from pytest_nnviz.pictures.view import view

SVG = "{http://www.w3.org/2000/svg}"
FRAMES = {f"{SVG}path": "d", f"{SVG}polygon": "points", f"{SVG}polyline": "points", f"{SVG}ellipse": "cx"}


def bare(depth: int) -> Drift:
    """Added, removed, changed and renamed modules, calls and edges, in models without a library."""
    old = model(*[RESIDUAL] * 3, PLAIN)
    blocks = (block(), block(linear(bias=False)), block(linear(32)), block())
    new = model(RESIDUAL, PLAIN, *[RESIDUAL] * 2, blocks=blocks)
    if depth:
        return diff(replace(old, forward=None), replace(new, forward=None))
    return diff(old, new)


def wrapped() -> Drift:
    """The same model in another one that hands on to it."""
    inner = model(RESIDUAL, PLAIN)
    call = Call("module", "model", (Argument("x", entry("x")),), SHAPE, inner.forward)
    root = Module("Wrapped", children=(("model", inner.root),))
    return diff(inner, replace(inner, root=root, forward=Body((call,), result("model"))))


def uncalled() -> Drift:
    """Modules that no call belongs to: one that came, one that went, one with another width."""
    sides = []
    for extra in ({"went": linear(), "stays": linear()}, {"stays": linear(8), "came": linear()}):
        old = model(RESIDUAL)
        sides.append(replace(old, root=replace(old.root, children=(*old.root.children, *extra.items()))))
    return diff(*sides)


def of_case(name: str) -> Drift:
    (case,) = [case for case in drift_cases.CASES if case.name == name]
    old, new = case.pair()
    return diff(loads(dumps(old)), loads(dumps(new)))


DRIFTS = {
    "blocks": lambda: bare(0),
    "modules alone": lambda: bare(1),
    "wrapped": wrapped,
    "not called": uncalled,
    "upside down": lambda: diff(bare(0).new, bare(0).old),
    "a call": lambda: diff(model(PLAIN), model(RESIDUAL)),
    "removed residual": lambda: of_case("removed residual"),
    "rename": lambda: of_case("rename"),
    "reordered concat": lambda: of_case("reordered concat"),
    "widened layer": lambda: of_case("widened layer"),
    "torch upgrade": lambda: of_case("torch upgrade"),
    "dtype": lambda: of_case("dtype"),
}


@pytest.fixture(scope="module", params=list(DRIFTS))
def drift(request: pytest.FixtureRequest) -> Drift:
    return DRIFTS[request.param]()


def places(svg: str) -> dict[tuple[str, str], list[str]]:
    """Where the frames and lines of every element are, by the element's identifier and title."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is not None and "graph" not in group.get("class", ""):
            shapes = [e.get(FRAMES[e.tag], "") for e in group.iter() if e.tag in FRAMES]
            found[str(title.text), re.sub(r"^edge\d+$", "", group.get("id", ""))] = shapes
    return found


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_what_both_sides_have_stands_where_it_stands_in_the_picture_of_both(drift):
    both, *sides = (str(render(drift, side=side)) for side in ("both", "expected", "actual"))
    whole = places(both)
    for side in sides:
        assert re.search("viewBox=.*", side)[0] == re.search("viewBox=.*", both)[0]
        own = places(side)
        assert own == {name: whole[name] for name in own}
    assert set().union(*map(places, sides)) == set(whole)


def shapes_of_rows(items: tuple[Item, ...]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Stack):
            yield from item.shapes
        elif isinstance(item, Box):
            yield from shapes_of_rows(item.items)


def of_both(drawing: Drawing) -> set[str]:
    """The texts that say what was and what is."""
    found = {drawing.title, *drawing.subtitle, *(line for edge in drawing.edges for line in edge.labels)}
    found |= set(shapes_of_rows(drawing.items))
    for node in walk_nodes(drawing.items):
        found |= {node.title, node.label, node.size, *node.details, *node.notes}
    return {text for text in found if isinstance(text, Text) and len({side for _, side in text.parts}) > 2}


def test_nothing_of_the_other_side_is_there(drift):
    pairs = of_both(view(drift))
    expected, actual = (str(render(drift, side=side)) for side in ("expected", "actual"))
    for side, other, change in ((expected, "actual", "added"), (actual, "expected", "removed")):
        shown = " ".join(" ".join(texts(side)).split())
        assert other not in shown
        assert change not in shown
        assert not [text for text in pairs if text in shown or text.replace(" → ", "\xa0→\xa0") in shown]
        assert "renamed" not in shown
        assert "transparent" not in side
        assert not re.search(rf'class="[^"]*\b{change}\b', side)


def test_a_side_says_which_it_is_and_its_own_values():
    wide = diff(model(PLAIN), model(PLAIN, blocks=(block(linear(32)),)))
    expected, actual = (texts(str(render(wide, side=side))) for side in ("expected", "actual"))
    assert {"Net: expected", "out_features 16", "256 parameters"} <= set(expected)
    assert {"Net: actual", "out_features 32", "512 parameters"} <= set(actual)
    assert not any(re.search(r"\b32\b|512", text) for text in expected)


def starts(svg: str) -> dict[str, float]:
    return {"".join(e.itertext()): float(e.get("x", "")) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")}


def test_the_value_of_a_side_stands_in_the_middle_of_its_node():
    wide = diff(model(PLAIN), model(PLAIN, blocks=(block(linear(32)),)))
    (left,) = (x for text, x in starts(str(render(wide))).items() if text.startswith("out_features"))
    for side, text in (("expected", "out_features 16"), ("actual", "out_features 32")):
        assert 8 < starts(str(render(wide, side=side)))[text] - left < 13  # half of an arrow and a number


def test_parameters_stand_on_the_sides_that_have_them():
    old, new = linear(), linear(32)
    bias = Parameter("bias", TensorSpec("f32", (7,)))
    drift = diff(
        model(PLAIN, blocks=(block(old),)),
        model(PLAIN, blocks=(block(replace(new, parameters=(*new.parameters, bias))),)),
    )
    sides = [texts(str(render(drift, side=side, show_parameters=True))) for side in ("expected", "actual")]
    assert [("+ bias" in side, f"16{TIMES}16" in side, f"32{TIMES}16" in side) for side in sides] == [
        (False, True, False),
        (True, False, True),
    ]


def turned_round(shown: list[str]) -> set[str]:
    words = {"actual": "expected", "added": "removed", "came": "went"}
    said = "\n".join(re.sub(r"^\+ ", "- ", text.strip()) for text in shown)
    return set(re.sub("|".join(words), lambda word: words[word[0]], said).split("\n"))


def test_the_other_side_of_a_drift_turned_round_is_the_same_side(drift):
    forth = texts(str(render(drift, side="actual")))
    back = texts(str(render(diff(drift.new, drift.old), side="expected")))
    assert turned_round(forth) == turned_round(back)


def test_a_png_of_a_side_is_as_large_and_has_less(drift):
    found = [bytes(render(drift, "png", side=side)) for side in ("both", "expected", "actual")]
    sizes = set()
    for png in found:
        with Image.open(BytesIO(png)) as picture:
            sizes.add(picture.size)
    assert len(sizes) == 1
    assert len(set(found)) == 3


def test_a_side_of_an_architecture_or_one_that_is_none_is_an_error():
    with pytest.raises(OptionError, match="side='actual': an Architecture has one side"):
        render(model(PLAIN), side="actual")
    with pytest.raises(OptionError, match="side='left': choose one of 'both', 'expected', 'actual'"):
        render(bare(0), side="left")


def test_a_text_reads_as_that_of_both_and_is_cut_with_its_sides():
    text = joined(["size", Text.pair("3", "5"), part("new", "actual")], " ")
    assert text == "size 3 → 5 new"
    assert (text.on("expected").shown, text.on("actual").shown) == ("size 3", "size 5 new")
    assert text.on("expected").hidden == " → 5 new"
    assert text.cut(5, 10) == "3 → 5"
    assert text.cut(5, 10).on("actual").shown == "5"
