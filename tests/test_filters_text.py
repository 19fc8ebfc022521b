"""The text of filters: both ways, and nothing but what was written."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nnviz.errors import TextError
from pytest_nnviz.filterbanks import Bank, Layer, Line, Statistics, View, dumps, loads
from pytest_nnviz.filterbanks.writing import number

_NUMBERS = st.one_of(st.floats(-1e9, 1e9), st.floats(allow_nan=False)).map(lambda value: float(number(value)))
_COUNTS = st.integers(0, 10**12)
_DIGESTS = st.text("0123456789abcdef", min_size=12, max_size=12)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: "." not in name)
_PATHS = st.lists(_NAMES, max_size=3).map(".".join)
STATISTICS = st.builds(Statistics, *[_NUMBERS] * 6, *[_COUNTS] * 3)


@st.composite
def layers(draw, path=None):
    parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    kernel = tuple(draw(st.lists(st.integers(1, 9), min_size=2, max_size=4)))
    starts = [sum(parts[:index]) for index in range(len(parts))]
    count = sum(parts)

    def line(start, stop):
        return Line(start, stop, draw(STATISTICS), draw(st.integers(0, stop - start)), draw(_DIGESTS))

    return Layer(
        draw(_PATHS) if path is None else path,
        draw(_NAMES),
        draw(st.sampled_from(["f32", "bf16", "f8_e4m3fn"])),
        (count, *kernel),
        count,
        kernel,
        line(0, count),
        View("layer", draw(st.sampled_from(["first", "all"])), draw(st.integers(0, count)), 1),
        tuple(line(start, start + part) for start, part in zip(starts, parts, strict=True)),
        (draw(st.integers(0, count)), draw(st.integers(0, count))),
    )


BANKS = st.builds(
    Bank,
    _NAMES,
    st.lists(layers(), max_size=3, unique_by=lambda layer: layer.path).map(tuple),
    st.sampled_from([(), (("torch", "2.13.0"), ("pytest-nnviz", "0.1.0"))]),
)


@given(BANKS)
def test_a_text_says_what_it_was_written_from(bank):
    text = dumps(bank)
    assert loads(text) == bank
    assert text.isascii()
    assert all(line == line.rstrip() for line in text.split("\n"))


EXAMPLE = Bank(
    "Net",
    (
        Layer(
            "conv1",
            "Conv2d",
            "f32",
            (2, 1, 3, 3),
            2,
            (1, 3, 3),
            Line(0, 2, Statistics(2, 0.5, 1.25, -1, 3, 0.125), 1, "0123456789ab"),
            View("layer", "first", 2, 1),
            (
                Line(0, 1, Statistics(2, 0.5, 1.25, -1, 3, 0.125, 1), 0, "0123456789ab"),
                Line(1, 2, Statistics(0, 0, 0, 0, 0, 0), 1, "ba9876543210"),
            ),
            (1, 0),
        ),
    ),
    (("torch", "2.13.0"),),
)
TEXT = """nnviz-filters 1
This file pins the convolution filters of a model. Made by pytest --snapshot-update; review it like code.

[summary]
model: Net
layers: 1
filters: 2
weights: 18

[layer] conv1
class: Conv2d
weight: f32[2, 1, 3, 3]
filters: 2 of [1, 3, 3], 1 dead, 1 nan, 0 inf
drawn: 2 filters, 1 channel, first, scale layer
all: norm 2, mean 0.5, std 1.25, min -1, max 3, projection 0.125, digest 0123456789ab
0: norm 2, mean 0.5, std 1.25, min -1, max 3, projection 0.125, nan x1, digest 0123456789ab
1: norm 0, mean 0, std 0, min 0, max 0, projection 0, digest ba9876543210, dead

[end]

# recorded with torch 2.13.0
"""


def test_this_is_the_text():
    assert dumps(EXAMPLE) == TEXT
    assert dumps(dataclasses.replace(EXAMPLE, versions=())) == TEXT.partition("\n# recorded")[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nnviz-filters 1", "nnviz 1", "line 1: no snapshot of filters"),
        ("nnviz-filters 1", "nnviz-filters 2", "line 1: written in format 2 by a newer pytest-nnviz"),
        ("layers: 1", "layers: 2", "line 6: 2 layers are announced, 1 are there"),
        ("weights: 18", "weights: 19", "line 8: this does not fit the rest, 'weights: 18' would"),
        ("class: Conv2d", "class:  Conv2d", "line 11: 'class:  Conv2d' cannot be read"),
        ("f32[2, 1, 3, 3]", "f32[2, 1, 3, 4]", "line 12: shape and filters do not fit together"),
        ("drawn: 2 filters", "drawn: 3 filters", "line 14: more is drawn than there is"),
        ("1: norm 0", "2: norm 0", "line 17: '2: norm 0"),
        ("norm 2, mean 0.5", "norm 2.0, mean 0.5", "line 15: this does not fit the rest"),
        ("norm 2, mean 0.5", "norm __import__('os'), mean 0.5", "line 15: .* cannot be read"),
        ("norm 2, mean 0.5", "norm nan, mean 0.5", "line 15: .* cannot be read"),
        ("\n[end]\n", "\n", "line 19: '' where"),
        ("[layer] conv1", "[layer] `\\u12`", "line 10: "),
        ("# recorded", "recorded", "line 21: 'recorded with torch 2.13.0' stands behind"),
        ("filters: 2 of", "filters: 99999999999999999999999999 of", "line 13: "),
    ],
)
def test_what_was_changed_by_hand_is_refused_with_its_line(old, new, said):
    assert old in TEXT
    with pytest.raises(TextError, match=said):
        loads(TEXT.replace(old, new, 1))


@pytest.mark.parametrize("lines", range(TEXT.count("\n") - 2))
def test_a_text_that_was_cut_off_is_refused(lines):
    with pytest.raises(TextError):
        loads("\n".join(TEXT.split("\n")[:lines]))


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_one_other_character_is_refused_or_read_as_it_stands(place, character):
    text = TEXT[:place] + character + TEXT[place + 1 :]
    try:
        bank = loads(text)
    except TextError:
        return
    assert dumps(dataclasses.replace(bank, versions=())).strip() in text


def test_a_layer_stands_once():
    block = TEXT[TEXT.index("[layer]") : TEXT.index("[end]")]
    with pytest.raises(TextError, match="the layer 'conv1' stands twice"):
        loads(TEXT.replace("layers: 1", "layers: 2").replace(block, block * 2))


def test_the_numbers_are_the_same_on_every_release_of_torch():
    """Of weights that are made by whole numbers, so that nothing but the measuring can differ."""
    import torch

    from pytest_nnviz.filterbanks.measuring import find
    from pytest_nnviz.options import FilterOptions

    conv = torch.nn.ConvTranspose2d(4, 6, 3, groups=2)
    index = torch.arange(conv.weight.numel(), dtype=torch.int64)
    with torch.no_grad():
        conv.weight.view(-1).copy_((index * 1_103_515_245 % 2**31).double().div(2**31).sub(0.5).float())
    text = dumps(find(conv).measure(FilterOptions()))
    assert "\nall: norm 3.01977, mean 0.00100089, std 0.290575, min -0.5, max 0.498232, projection -0.426132, " in text
    assert "digest a065999c1a7e\n0: " in text
