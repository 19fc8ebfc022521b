"""The filters of the gallery: convolutions of real models, edited; what is shown is what would be drawn now."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from pytest_nnviz.filterbanks.layout import MOST_PIXELS
from pytest_nnviz.filterbanks.stored import read_sheet
from pytest_nnviz.pictures.digest import read_digest
from pytest_nnviz.pictures.pixels import compare

GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
HOME = GALLERY / "filters"
sys.path.insert(0, str(GALLERY))

import filters  # noqa: E402

WORDS = {
    "Tutorial CNN": "conv1.0: filter 3 of 16 changed, by up to 0.4",
    "ResNet stem": "conv1: filters permuted: 3 -> 7, 7 -> 3",
    "1 x 1": "0: re-initialised, 32 of 32 filters changed",
    "Depthwise": "0: filter 5 of 32 changed, by up to ",
    "Audio": "0: 2 of 40 filters changed, by up to 0.065",
    "Video": "0: filters 16 -> 15, filter 3 removed",
    "ViT patches": "embeddings.patch_embeddings.projection: 6 of 96 filters changed, by up to ",
}


@pytest.mark.parametrize("case", filters.CASES, ids=lambda case: case.name)
def test_it_is_what_would_be_said_and_drawn_now(case):
    made = dict(filters.files(case))
    assert set(made) == {path.name for path in HOME.glob(f"{case.stem}.*")}
    assert made[f"{case.stem}.words.txt"].startswith(WORDS[case.name])
    assert made[f"{case.stem}.words.txt"] == (HOME / f"{case.stem}.words.txt").read_text(encoding="utf-8")
    for name, content in made.items():
        if name.endswith(".png"):
            assert compare((HOME / name).read_bytes(), content, "png").share < 1e-3, name


@pytest.mark.parametrize("path", sorted(HOME.glob("*.png")), ids=lambda path: path.stem)
def test_it_fits_a_page(path):
    with Image.open(path) as image:
        assert max(image.size) <= MOST_PIXELS


@pytest.mark.parametrize("case", filters.CASES, ids=lambda case: case.name)
def test_a_stored_sheet_is_one(case):
    path = HOME / f"{case.stem}.png"
    assert read_digest(path)
    sheet = read_sheet(path)
    assert sheet is not None
    assert sheet.layout.pixels >= 8


def test_all_cases_are_told():
    assert set(WORDS) == {case.name for case in filters.CASES}
