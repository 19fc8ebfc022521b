"""A call from weights to a verdict, with the sheets beside the text: what is found and located, what is let pass."""

from __future__ import annotations

import math
import time
from io import BytesIO
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schema import validate
from torch import nn
from torch.nn.utils import parametrizations

from pytest_nnviz.filterbanks.beside import draw_sheets, names_of, remove_sheets, sheet_of, stale_sheets
from pytest_nnviz.filterbanks.checking import check, compared
from pytest_nnviz.filterbanks.layout import MOST_PIXELS
from pytest_nnviz.filterbanks.leaving import MOST_LAYERS, pictures_of
from pytest_nnviz.filterbanks.reading import loads
from pytest_nnviz.filterbanks.shelf import Sheets
from pytest_nnviz.filterbanks.stored import read_sheet, sheet_in
from pytest_nnviz.options import FilterOptions
from pytest_nnviz.verdict import Room, Status


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))


class Stored:
    """A snapshot on disk, and calls that are held against it."""

    def __init__(self, folder: Path, model: nn.Module, **options) -> None:
        self.path = folder / "test.nnfilters"
        self.options = FilterOptions(**options)
        found = self.judge(model, None, updates="all")
        assert found.status is Status.RECORDED
        self.text = found.text
        self.draw(found)

    def draw(self, found) -> None:
        draw_sheets(stale_sheets(self.path, found.shown, "png"), self.path, found.shown, found.drawn)

    def judge(self, model, stored="", updates="nothing", **options):
        text = self.text if stored == "" else stored
        asked = self.options.using(**options)
        return check(asked, model, [], stored=text, updates=updates, snapshot=self.path)


def words(found):
    return found.changes("test", Room()) if found.differs else []


def changed(model, edit):
    with torch.no_grad():
        return edit(model) or model


def one_weight(model):
    model[0].weight[3, 2, 1, 0] += 0.02


def permuted(model):
    model[0].weight[[3, 7]] = model[0].weight[[7, 3]]


def renewed(model):
    torch.manual_seed(9)
    model[2].reset_parameters()


def scaled(model):
    model[2].weight *= 1.01


def flipped(model):
    model[2].weight *= -1


def with_nan(model):
    model[0].weight[5, 1, 2, 2] = math.nan


def all_nan(model):
    model[2].weight.fill_(math.nan)


def all_dead(model):
    model[0].weight.zero_()


def most_infinite(model):
    model[0].weight[:10, 0, 0] = -math.inf


def narrowed(model):
    model.bfloat16()


def fewer(model):
    weight = model[2].weight.detach()
    model[2] = nn.Conv2d(16, 7, 3)
    model[2].weight.copy_(torch.cat((weight[:4], weight[5:])))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (one_weight, ["0: filter 3 of 16 changed, by up to 0.0194", "    filter 3: channel 2 row 1 column 0 "]),
        (permuted, ["0: filters permuted: 3 -> 7, 7 -> 3", "~ 0"]),
        (renewed, ["2: re-initialised, 8 of 8 filters changed", "~ 2"]),
        (scaled, ["2: weights x1.01", "~ 2"]),
        (flipped, ["2: sign flipped", "~ 2"]),
        (with_nan, ["0: filter 5 of 16 changed", "    filter 5: nan x1, channel 1 row 2 column 2 "]),
        (all_nan, ["2: 8 filters nan, 8 of 8 filters changed", "    ... and 4 more filters"]),
        (all_dead, ["0: 16 filters dead, 16 of 16 filters changed", "    ... and 12 more filters"]),
        (most_infinite, ["0: 10 filters infinite, 10 of 16 filters changed", "    ... and 6 more filters"]),
        (narrowed, ["0: dtype f32 -> bf16, values as rounded from f32 to bf16 (+1 more layer)", "~ 0, 2  x2"]),
        (fewer, ["2: filters 8 -> 7, filter 4 removed", "~ 2"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_an_edit_is_found_and_located(tmp_path, edit, said):
    stored = Stored(tmp_path, net(), rtol=1e-3)
    found = stored.judge(changed(net(), edit))
    assert found.status is Status.DRIFTED
    told = words(found)
    assert told[0].startswith(said[0]), told
    assert told[-1].startswith(said[1]), told
    pictures = dict(pictures_of(found))
    layer = told[0][0]
    assert f"actual.{layer}.png" in pictures
    stay_in_place(found, pictures)
    assert f"diff.{layer}.png" in pictures


def stay_in_place(found, pictures):
    """Both sheets of a layer have one scale, and filters of one form one place; the one before shows what is stored."""
    views = [{layer.path: layer.view.scale for layer in bank.layers} for bank in (found.old, found.bank)]
    for path, name in names_of(found.bank).items():
        before, after = (sheet_in(pictures.get(f"{side}.{name}.png", b"")) for side in ("expected", "actual"))
        if before is None:
            continue
        stored = read_sheet(sheet_of(found.sheets.snapshot, name))
        for index in range(before.layout.filters):
            half = before.levels(index).step / 2
            pairs = zip(before.values(index), stored.values(index), strict=True)
            assert all(old == new or abs(old - new) <= half * 1.0001 or math.isnan(old) for old, new in pairs)
        if after is None or before.layout.channels != after.layout.channels or views[0][path] != views[1][path]:
            continue
        assert before.layout.top == after.layout.top
        assert all(
            before.layout.limit(index) == after.layout.limit(index)
            for index in range(min(before.layout.filters, after.layout.filters))
        )


def test_a_sheet_on_the_scale_of_both_is_the_stored_one(tmp_path):
    """Where nothing is larger than before; else it is drawn anew, and what is stored stays."""
    model = net()
    stored = Stored(tmp_path, model)
    kept = sheet_of(stored.path, "0").read_bytes()
    with torch.no_grad():
        model[0].weight[3] *= 0.5
    smaller = dict(pictures_of(stored.judge(model)))
    assert smaller["expected.0.png"] == kept
    with torch.no_grad():
        model[0].weight[3] *= 9
    found = stored.judge(model)
    larger = dict(pictures_of(found))
    assert larger["expected.0.png"] != kept == sheet_of(stored.path, "0").read_bytes()
    stay_in_place(found, larger)


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: model.to(memory_format=torch.channels_last),
        lambda model: model.requires_grad_(False),
        lambda model: [conv.weight.mul_(1 + 9e-4) for conv in (model[0], model[2])] and None,
        lambda model: torch.compile(model, backend="eager"),
        lambda model: nn.DataParallel(model),
    ],
    ids=["memory format", "requires_grad", "within tolerance", "compiled", "parallel"],
)
def test_what_changes_nothing_passes(tmp_path, edit):
    stored = Stored(tmp_path, net(), rtol=1e-3)
    found = stored.judge(changed(net(), edit), updates="all")
    assert found.status is Status.PASSED, words(found)
    assert found.kept == stored.text
    assert not stale_sheets(stored.path, found.shown, "png")


def test_a_weight_that_no_number_tells_is_seen_by_the_sheet_alone(tmp_path):
    """With a generous rtol a small change of one weight is within the bounds of all numbers, not within its own."""
    model = nn.Sequential(nn.Conv2d(1, 4, 7))
    stored = Stored(tmp_path, model, rtol=0.2)
    with torch.no_grad():
        smallest = model[0].weight[2, 0].abs().argmin()
        model[0].weight[2, 0].view(-1)[smallest] += 0.01
    assert words(stored.judge(model))[0].startswith("0: filter 2 of 4 changed, by up to 0.00975")
    remove_sheets(stored.path)
    assert stored.judge(model).status is Status.PASSED


@pytest.mark.parametrize("sheet", ["missing", "there", "not ours"])
def test_a_sheet_is_of_the_weights_of_its_text(tmp_path, sheet):
    """Drawn of others that are within the tolerance, it would alarm for weights that are within it too."""
    weight = net()[0].weight.detach().clone()
    stored = Stored(tmp_path, net(), rtol=1e-2)
    path = sheet_of(stored.path, "0")
    if sheet == "missing":
        path.unlink()
    elif sheet == "not ours":
        path.write_text("mine")
    model = net()
    model[0].weight.data = weight * 0.991
    found = stored.judge(model, updates="all")
    assert found.status is Status.PASSED
    assert (found.kept == stored.text) == (sheet != "missing")
    if sheet != "not ours":
        stored.draw(found)
    for factor in (0.9815, 0.995, 1.0005) if sheet == "missing" else (0.9905, 1.0095):
        model[0].weight.data = weight * factor
        assert stored.judge(model, found.kept).status is Status.PASSED, factor


def test_a_missing_sheet_of_the_very_weights_leaves_the_text_as_it_is(tmp_path):
    stored = Stored(tmp_path, net())
    before = sheet_of(stored.path, "0").read_bytes()
    sheet_of(stored.path, "0").unlink()
    found = stored.judge(net(), updates="all")
    assert found.kept == stored.text
    stored.draw(found)
    assert sheet_of(stored.path, "0").read_bytes() == before


def test_layers_whose_names_differ_in_case_alone_have_sheets_of_their_own(tmp_path):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.Conv = nn.Conv2d(1, 2, 3)
            self.other = nn.Conv2d(1, 2, 3)

    found = Stored(tmp_path, Both()).judge(Both())
    names = names_of(found.bank)
    assert len({name.casefold() for name in names.values()}) == 3
    assert names["other"] == "other"


def test_a_state_in_train_mode_is_left_alone(tmp_path):
    old_style, new_style = nn.utils.spectral_norm, parametrizations.spectral_norm
    model = nn.Sequential(old_style(nn.Conv2d(3, 3, 3)), new_style(nn.Conv2d(3, 3, 3))).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stored = Stored(tmp_path, model)
    assert stored.judge(model).status is Status.PASSED
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_thousand_convolutions_take_bounded_time_and_space(tmp_path):
    model = nn.Sequential(*(nn.Conv2d(8, 16, 3) for _ in range(1_000)))
    start = time.perf_counter()
    stored = Stored(tmp_path, model)
    spent = time.perf_counter() - start
    files = list(tmp_path.rglob("*.png"))
    assert len(files) == 101
    assert len(stored.text) < 2**20
    assert sum(path.stat().st_size for path in files) < 2**20
    assert spent < 120
    assert "drawn: 0 filters" in stored.text
    with Image.open(tmp_path / "test.filters.png") as image:
        assert max(image.size) <= MOST_PIXELS
    found = stored.judge(changed(model, lambda model: model.apply(_moved)))
    told = found.changes("test", Room(lines=60))
    assert len(told) <= 60
    assert len({name.split(".")[1] for name, _ in pictures_of(found)}) == MOST_LAYERS


def _moved(module):
    if isinstance(module, nn.Conv2d):
        module.weight[0, 0, 0, 0] += 1


def test_a_sheet_of_4096_filters_is_one_page(tmp_path):
    model = nn.Sequential(nn.Conv2d(4, 4_096, 3))
    stored = Stored(tmp_path, model, max_filters=4_096)
    with Image.open(sheet_of(stored.path, "0")) as image:
        assert max(image.size) <= MOST_PIXELS
    with torch.no_grad():
        model[0].weight[4_000, 0, 1, 1] += 1
    assert words(stored.judge(model))[0].startswith("0: filter 4000 of 4,096 changed, by up to 1")


def test_filters_are_told_as_permuted_only_where_they_are_close(tmp_path):
    """A large rtol lets much pass; it does not make one filter another."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3))
    stored = Stored(tmp_path, model, rtol=0.9)
    with torch.no_grad():
        model[0].reset_parameters()
    assert "permuted" not in words(stored.judge(model))[0]
    assert "x" not in words(stored.judge(model))[0].partition(" in test")[0]


_KINDS = st.sampled_from([nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d])
_SIZES = st.tuples(st.sampled_from([1, 2, 3, 6]), st.integers(1, 7), st.sampled_from([1, 2, 3, 40]))
_VIEWS = st.fixed_dictionaries(
    {
        "scale": st.sampled_from(["layer", "filter"]),
        "channels": st.sampled_from(["auto", "first", "mean", "rgb", "all"]),
        "max_filters": st.integers(1, 8),
        "exact": st.booleans(),
    }
)
_VALUES = st.sampled_from([0.0, 1.0, -3e-5, 1e30, -1e-30, math.nan, math.inf, -math.inf])


@st.composite
def convolutions(draw):
    kind, (channels, filters, size) = draw(_KINDS), draw(_SIZES)
    dimensions = int(kind.__name__[-2])
    kernel = (size, *(2,) * (dimensions - 1)) if size == 40 else size
    dtype = draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.complex64]))
    conv = kind(channels, filters, kernel, dtype=dtype)
    with torch.no_grad():
        for _ in range(draw(st.integers(0, 3))):
            flat = conv.weight.view(-1)
            start = draw(st.integers(0, len(flat) - 1))
            flat[start : start + draw(st.integers(1, len(flat)))] = draw(_VALUES)
    return conv


def test_a_layer_that_is_added_does_not_change_what_is_said_of_the_others(tmp_path):
    """Though it leaves them fewer lines: they are measured in the lines that are stored."""
    layers = [nn.Conv1d(1, 3_000, 2), nn.Conv1d(1, 1_900, 2), nn.Conv1d(1, 200, 2)]
    stored = Stored(tmp_path, nn.Sequential(*layers[:2]))
    found = stored.judge(nn.Sequential(*layers))
    assert {layer.path for layer in found.bank.layers if any(len(line) > 1 for line in layer.lines)} == {"0", "1", "2"}
    assert words(found)[1:] == ["+ 2  added: Conv1d f32[200, 1, 2]"]
    fewer = Stored(tmp_path, nn.Sequential(*layers))
    assert words(fewer.judge(nn.Sequential(*layers[:2])))[1:] == ["- 2  removed: Conv1d f32[200, 1, 2]"]


@given(convolutions(), convolutions(), _VIEWS, _VIEWS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_layer_was_and_is_it_is_judged_told_and_drawn(tmp_path, old, new, view, other):
    """And a layer that did not change passes, drawn in whatever way."""
    stored = Stored(tmp_path, nn.Sequential(old), **view)
    assert stored.judge(nn.Sequential(old), **other | {"exact": True}).status is Status.PASSED
    found = stored.judge(nn.Sequential(new), **other)
    told = words(found)
    assert found.differs == bool(told)
    assert all(len(line) <= 110 for line in told[1:])
    pictures = dict(pictures_of(found))
    stay_in_place(found, pictures)
    for picture in pictures.values():
        with Image.open(BytesIO(picture)) as image:
            assert max(image.size) <= MOST_PIXELS
    remove_sheets(stored.path)
    blind = stored.judge(nn.Sequential(new), **other)
    assert found.differs or not blind.differs


def sides(tmp_path, old, new, view, other):
    """Two stored texts with their sheets, each in a folder of its own."""
    for name, conv, options in (("old", old, view), ("new", new, other)):
        (tmp_path / name).mkdir(exist_ok=True)
        stored = Stored(tmp_path / name, nn.Sequential(conv), **options)
        yield Sheets(stored.path, loads(stored.text)), stored.text


@given(convolutions(), convolutions(), _VIEWS, _VIEWS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_two_stored_texts_what_differs_is_told_and_nothing_else(tmp_path, old, new, view, other):
    """By their digests; the sheets, however they are drawn, locate weights and never make one up."""
    (before, stored), (after, text) = sides(tmp_path, old, new, view, other)
    assert not compared(before, before, stored, stored).differs
    found = compared(before, after, stored, text)
    layers = before.bank.layers[0], after.bank.layers[0]
    same_bits = len({(layer.whole.digest, layer.dtype, layer.shape, layer.class_name) for layer in layers}) == 1
    assert found.differs is not same_bits
    told = words(found)
    assert found.differs == bool(told) == bool(found.told(110).main) == bool(found.consequences)
    validate(found.plain("test"))
    for _, picture in pictures_of(found):
        with Image.open(BytesIO(picture)) as image:
            assert max(image.size) <= MOST_PIXELS
    for change in found.drift.layers[0].filters if found.differs and layers[0].shape == layers[1].shape else ():
        for weight in change.moved.largest if change.moved is not None else ():
            assert not weight.by <= (weight.step + weight.new_step) / 2


def test_sheets_on_two_scales_tell_no_weight_that_did_not_move(tmp_path):
    """Of two levels of different scales each stands for a range; where these touch, nothing is known to have moved."""
    model = nn.Conv2d(1, 12, 3)
    other = nn.Conv2d(1, 12, 3)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.weight[:, 0, 0, 0] += 1e-5  # all digests are others
        other.weight[4, 0, 2, 2] = 3.0  # and so is the scale
    (before, stored), (after, text) = sides(tmp_path, model, other, {}, {})
    (layer,) = compared(before, after, stored, text).drift.layers
    located = {each.name: each.moved for each in layer.filters if each.moved is not None}
    assert list(located) == ["4"]
    assert located["4"].count == 1
    assert (located["4"].largest[0].position, round(located["4"].largest[0].new, 6)) == ((2, 2), 3.0)


def test_what_may_be_random_is_said_to_be(tmp_path: Path) -> None:
    stored = Stored(tmp_path, net())
    torch.manual_seed(1)
    other = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))
    assert [line for line in stored.judge(other).remarks if "torch.manual_seed(0)" in line]
    with torch.no_grad():
        other[0].weight.copy_(net()[0].weight)
        other[0].bias.copy_(net()[0].bias)
        other[2].weight.copy_(net()[2].weight * 1.5)
    assert not [line for line in stored.judge(other).remarks if "torch.manual_seed(0)" in line]
