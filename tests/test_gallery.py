"""The gallery: its pictures fit a page, can be read, and are what would be drawn now."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_nnviz import render
from pytest_nnviz.pictures import theme
from pytest_nnviz.pictures.svg import size

GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
PICTURES = sorted(GALLERY.glob("*.svg"))
NARROW = 0.42  # of the height of text: no wider than letters are on average
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def make():
    sys.path.insert(0, str(GALLERY))
    import make

    return make


def texts(path):
    """The lines of a picture with the boxes that they fill at least: left, top, right, bottom."""
    lines = []
    for text in ElementTree.parse(path).iter(f"{SVG}text"):
        said, height = (text.text or "").strip(), float(text.attrib["font-size"])
        x, y, width = float(text.attrib["x"]), float(text.attrib["y"]), NARROW * height * len(said)
        assert text.attrib["text-anchor"] in ("start", "middle")
        left = x if text.attrib["text-anchor"] == "start" else x - width / 2
        box = (left, y - 0.7 * height, left + width, y)
        if lines and lines[-1][2][3] == y and lines[-1][2][0] < left < lines[-1][2][2] + 2 * height:
            said, box = lines[-1][0] + said, (lines.pop()[2][0], *box[1:])  # the same line goes on
        lines.append((said, height, box))
    return lines


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_it_fits_a_page_and_can_be_read(path):
    width, height = size(path.read_text(encoding="utf-8"))
    assert width <= theme.PAGE[0]
    assert height <= theme.PAGE[1]
    found = texts(path)
    assert len(found) > 5
    assert min(points for _, points, _ in found) >= 9
    hidden = [(a, b) for (a, _, box), (b, _, other) in itertools.combinations(found, 2) if overlap(box, other)]
    assert not hidden


def test_the_page_shows_every_picture(make):
    page = make.page([model.name for model in make.MODELS], {name: make.stories()[name] for name in make.drifts()})
    assert make.PAGE.read_text(encoding="utf-8") == page
    assert {make.stem(name) for name in [*make.drifts(), *(model.name for model in make.MODELS)]} == {
        path.stem for path in PICTURES
    }


@pytest.mark.parametrize("name", ["MLP", "MLP with parameters", "U-Net"])
def test_it_is_what_would_be_drawn_now(make, name):
    model = next(model for model in make.MODELS if model.name == name)
    assert render(model.trace(), **model.view) == (GALLERY / f"{make.stem(name)}.svg").read_text(encoding="utf-8")


def test_a_drift_of_the_gallery_is_what_would_be_drawn_now(make):
    path = GALLERY / "removed_residual.svg"
    assert render(make.drifts()["removed residual"]()) == path.read_text(encoding="utf-8")
