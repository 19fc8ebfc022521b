"""Sheets: what is drawn is read back, what moved is located, and no file that is not a sheet is taken for one."""

from __future__ import annotations

import json
import math
import struct
import zlib
from io import BytesIO
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from pytest_nnviz.filterbanks.arranging import SIDE, columns_of, fitted, tile_of, view_of
from pytest_nnviz.filterbanks.comparing import compare
from pytest_nnviz.filterbanks.contrast import MOST_ROWS, draw_contrast, rows_of
from pytest_nnviz.filterbanks.layout import MOST_PIXELS
from pytest_nnviz.filterbanks.lettering import LARGE, SMALL, fitting, width
from pytest_nnviz.filterbanks.levels import levels_for
from pytest_nnviz.filterbanks.looks import EMPTY, LEVELS, colours
from pytest_nnviz.filterbanks.measuring import find
from pytest_nnviz.filterbanks.overview import MOST_STRIPS, draw_overview
from pytest_nnviz.filterbanks.sheets import KEYWORD, draw_sheet
from pytest_nnviz.filterbanks.stored import read_sheet
from pytest_nnviz.filterbanks.tolerance import Tolerance
from pytest_nnviz.options import FilterOptions

_KERNELS = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.just(3), st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
)
_OPTIONS = st.builds(
    FilterOptions,
    scale=st.sampled_from(["layer", "filter"]),
    channels=st.sampled_from(["auto", "first", "mean", "rgb", "all"]),
    max_filters=st.integers(1, 9),
)


def conv_of(kernel, filters, values=None):
    """A convolution whose filters have this shape."""
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 2]
    conv = kind(kernel[0], filters, kernel[1:])
    weight = torch.randn(filters, *kernel, dtype=torch.float64) if values is None else values
    conv.weight = nn.Parameter(weight.reshape(filters, *kernel).clone(), requires_grad=False)
    return conv


def drawn_of(conv, options):
    found = find(conv)
    (layer,) = found.measure(options).layers
    return layer, found.drawn(layer)


def stored_in(folder, png):
    path = folder / "sheet.png"
    path.write_bytes(png)
    return read_sheet(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sheets")


@given(_KERNELS, st.integers(1, 9), _OPTIONS, st.integers(0, 9))
def test_a_sheet_is_read_back_to_within_half_a_step(folder, kernel, filters, options, seed):
    torch.manual_seed(seed)
    layer, drawn = drawn_of(conv_of(kernel, filters), options)
    sheet = stored_in(folder, draw_sheet(layer, drawn))
    assert sheet is not None
    assert sheet.shows(layer)
    assert len(sheet.rows) == layer.view.filters
    for index, row in enumerate(drawn):
        half = sheet.levels(index).step / 2 * (1 + 1e-9)
        assert all(abs(old - new) <= half for old, new in zip(sheet.values(index), row, strict=True))
    assert not sheet.moved(drawn, Tolerance(0, 0), [line.statistics.largest for line in layer.lines])


@given(_KERNELS, st.integers(1, 5), _OPTIONS, st.data())
def test_one_weight_that_moves_by_more_than_a_step_is_located(folder, kernel, filters, options, data):
    """Filter, channel and position, from a value within half a step of what it was to what it is."""
    torch.manual_seed(0)
    assume(options.channels != "mean")
    conv = conv_of(kernel, filters)
    layer, drawn = drawn_of(conv, options)
    sheet = stored_in(folder, draw_sheet(layer, drawn))
    index = data.draw(st.integers(0, layer.view.filters - 1))
    channel = data.draw(st.integers(0, layer.view.shown - 1))
    position = tuple(data.draw(st.integers(0, size - 1)) for size in kernel[1:])
    step = sheet.levels(index).step
    by = data.draw(st.sampled_from([1.001, -1.001, 7.3, math.inf, math.nan])) * (step or 1e-3)
    before = conv.weight[(index, channel, *position)].item()
    conv.weight[(index, channel, *position)] += by
    tolerance = Tolerance(0, data.draw(st.sampled_from([0, 1e-5])))
    moved = sheet.moved(find(conv).drawn(layer), tolerance, [line.statistics.largest for line in layer.lines])
    assert list(moved) == [index]
    (change,) = moved[index].largest
    assert (change.channel, change.position) == (channel, position)
    assert abs(change.old - before) <= step / 2 * (1 + 1e-9)
    assert change.new == before + by or math.isnan(by)


@given(_KERNELS, st.integers(1, 4), _OPTIONS, st.sampled_from([0, 1e-6]), st.sampled_from([0, 1e-5, 0.2]), st.data())
def test_what_moves_within_the_tolerance_is_not_seen(folder, kernel, filters, options, atol, rtol, data):
    torch.manual_seed(0)
    conv = conv_of(kernel, filters)
    layer, drawn = drawn_of(conv, options)
    sheet = stored_in(folder, draw_sheet(layer, drawn))
    share = data.draw(st.sampled_from([1.0, -1.0]))
    conv.weight += share * (atol + rtol * conv.weight.abs()) * (1 - 1e-9)
    now = find(conv).drawn(layer)
    assert not sheet.moved(now, Tolerance(atol, rtol), [line.statistics.largest for line in layer.lines])


@pytest.mark.parametrize("channels", ["first", "rgb", "all"])
def test_what_is_not_finite_is_drawn_and_compared(folder, channels):
    values = torch.randn(4, 3, 2, 2)
    values[0, 0, 0, 0], values[1, 0, 1, 0], values[2, 0, 0, 1] = math.nan, math.inf, -math.inf
    conv = conv_of((3, 2, 2), 4, values)
    layer, drawn = drawn_of(conv, FilterOptions(channels=channels))
    sheet = stored_in(folder, draw_sheet(layer, drawn))
    largest = [line.statistics.largest for line in layer.lines]
    assert not sheet.moved(drawn, Tolerance(0, 0), largest)
    conv.weight[3, 0, 1, 1] = math.nan
    conv.weight[0, 0, 0, 0] = 0.5
    assert sorted(sheet.moved(find(conv).drawn(layer), Tolerance(0, 0), largest)) == [0, 3]


def test_weights_that_are_all_zero_are_drawn(folder):
    conv = conv_of((1, 3, 3), 2, torch.zeros(2, 1, 3, 3))
    layer, drawn = drawn_of(conv, FilterOptions())
    sheet = stored_in(folder, draw_sheet(layer, drawn))
    assert sheet.values(1) == [0.0] * 9
    conv.weight[1, 0, 2, 1] = 1e-7
    moved = sheet.moved(find(conv).drawn(layer), Tolerance(1e-8, 0), [0.0, 0.0])
    assert moved[1].largest[0].position == (2, 1)


def test_tiny_weights_have_levels_too():
    levels = levels_for(1e-320, "first")
    assert levels.of([1e-320, -1e-320, 0.0]) == bytes([LEVELS - 1, 0, LEVELS // 2])


@given(
    st.lists(st.integers(1, 10**5), min_size=2, max_size=4).map(tuple), st.integers(1, 10**5),
    st.builds(FilterOptions, channels=st.sampled_from(["auto", "all", "first"]), max_filters=st.integers(1, 4096)),
)  # fmt: skip
def test_no_sheet_is_larger_than_a_page(kernel, filters, options):
    view = view_of(kernel, filters, options)
    assert view.filters <= min(filters, options.max_filters)
    if view.filters:
        tile = tile_of(kernel, view.channels, view.shown)
        pixels = fitted(tile, view.filters)
        columns = columns_of(tile, view.filters, pixels)
        assert columns * (tile.width(pixels) + 8) <= SIDE + 8
        assert math.ceil(view.filters / columns) * (tile.height(pixels) + 8) <= SIDE + 8


@pytest.mark.parametrize(
    ("kernel", "filters", "asked", "view"),
    [
        ((1, 3, 3), 16, {}, (16, 1, "first", 24)),
        ((3, 7, 7), 64, {}, (64, 3, "rgb", 18)),
        ((3, 16, 16), 768, {}, (64, 3, "rgb", 8)),
        ((256, 1, 1), 512, {}, (64, 256, "all", 8)),
        ((80, 3), 512, {}, (64, 80, "all", 8)),
        ((1, 400), 128, {}, (64, 1, "all", 4)),
        ((64, 3, 3), 64, {"channels": "rgb"}, (64, 1, "first", 24)),
        ((64, 3, 3), 64, {"channels": "all"}, (64, 64, "all", 8)),
        ((512, 3, 3), 64, {"channels": "all"}, (64, 512, "all", 2)),
        ((8, 3, 3), 4096, {"max_filters": 4096}, (4096, 1, "first", 7)),
        ((3, 3, 5, 5), 16, {}, (16, 1, "first", 8)),
    ],
)
def test_what_is_drawn_and_how_large(kernel, filters, asked, view):
    found = view_of(kernel, filters, FilterOptions(**asked))
    pixels = fitted(tile_of(kernel, found.channels, found.shown), found.filters)
    assert (found.filters, found.shown, found.channels, pixels) == view


def test_what_does_not_fit_a_page_is_not_drawn():
    assert view_of((1, 5_000, 5_000), 4, FilterOptions()).filters == 0


def sheet_of_two():
    torch.manual_seed(0)
    layer, drawn = drawn_of(conv_of((1, 3, 3), 4), FilterOptions())
    return draw_sheet(layer, drawn)


def rewritten(change):
    """A sheet with another text in it, or other pixels."""
    with Image.open(BytesIO(sheet_of_two())) as image:
        image.load()
        text = image.info[KEYWORD]
        image, text = change(image, text)
        info = PngInfo()
        info.add_text(KEYWORD, text, zip=True)
        file = BytesIO()
        image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def another(**values):
    return lambda image, text: (image, json.dumps(json.loads(text) | values))


def painted(image, text):
    layout = json.loads(text)
    image.paste(7, (layout["left"], layout["top"], layout["left"] + 24, layout["top"] + 24))
    return image, text


def test_the_way_to_rewrite_a_sheet_is_sound(folder):
    assert stored_in(folder, rewritten(lambda image, text: (image, text))) is not None


@pytest.mark.parametrize(
    "change",
    [
        painted,
        lambda image, text: (image.convert("RGB"), text),
        lambda image, text: (image, text[:-1]),
        lambda image, text: (image, "[" * 100_000),
        lambda image, text: (image, "[]"),
        lambda image, text: (image.crop((0, 0, 60, 60)), text),
        another(version=2),
        another(more=1),
        another(kernel=[1, 3, 1e400]),
        another(kernel=[10**9] * 8),
        another(kernel=[0, 0, 0]),
        another(kernel=[1, True, 3]),
        another(filters=10**9),
        another(filters=10**3),
        another(filters=-1),
        another(pixels=0),
        another(pixels=10**9),
        another(columns=0),
        another(left=-50),
        another(limits=[]),
        another(limits=[float("nan")]),
        another(limits=["1"]),
        another(channels="rgb"),
        another(channels=[]),
        another(shown=5),
        another(levels="0" * 64),
    ],
)
def test_a_sheet_that_does_not_fit_together_is_not_trusted(folder, change):
    assert stored_in(folder, rewritten(change)) is None


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width, height):
    """A small file of many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    pixels = zlib.compress(bytes(10**6), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def long_text():
    body = b"zTXt" + KEYWORD.encode() + b"\0\0" + zlib.compress(bytes(10**8), 9)
    png = sheet_of_two()
    return png[:33] + chunk(body[:4], body[4:]) + png[33:]


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", sheet_of_two()[:200], bomb(60_000, 60_000), bomb(2_000, 2_000), long_text(), bytes(40 * 2**20)],
    ids=["empty", "gif", "cut off", "bomb", "no text", "long text", "large"],
)
def test_a_file_that_is_no_sheet_is_not_taken_for_one(folder, data):
    assert stored_in(folder, data) is None


def test_a_missing_sheet_is_none(folder):
    assert read_sheet(folder / "nowhere.png") is None
    assert read_sheet(folder) is None


def test_the_palette_tells_levels_apart_and_is_lighter_towards_zero():
    palette = colours()
    assert len(palette) <= 256
    assert len(set(palette[:LEVELS])) > 240
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in palette[:LEVELS]]
    middle = LEVELS // 2
    assert all(a <= b + 0.5 for a, b in pairwise(light[: middle + 1]))
    assert all(a >= b - 0.5 for a, b in pairwise(light[middle:]))
    assert len(palette) > EMPTY


def test_a_line_of_text_fits_its_room():
    text = "encoder.layers.0.attention.conv  Conv2d f32[64, 64, 3, 3]"
    for room in (400, 200, 60):
        shown = fitting(text, SMALL, room)
        assert width(shown, SMALL) <= room
        assert "..." in shown or shown == text
    assert fitting(text, LARGE, 9_999) == text


def test_marked_filters_have_a_frame_and_the_sheet_is_read_all_the_same(folder):
    torch.manual_seed(0)
    layer, drawn = drawn_of(conv_of((1, 3, 3), 4), FilterOptions())
    plain, marked = (stored_in(folder, draw_sheet(layer, drawn, which)) for which in ((), (1, 3)))
    assert marked == plain
    assert draw_sheet(layer, drawn) != draw_sheet(layer, drawn, (1, 3))


def test_the_furthest_filters_stand_first_in_the_picture_of_a_drift(folder):
    torch.manual_seed(0)
    conv = conv_of((1, 3, 3), 40)
    found = find(conv)
    old = found.measure(FilterOptions())
    sheet = stored_in(folder, draw_sheet(old.layers[0], found.drawn(old.layers[0])))
    conv.weight[7, 0, 0, 0] += 0.5
    conv.weight[20:40, 0, 0, 0] += 2
    conv.weight[3] *= -1
    new = found.measure(FilterOptions())
    (change,) = compare(old, new).layers
    rows = rows_of(change, sheet, found.drawn(new.layers[0]))
    assert [row.name for row in rows][-1] == "7"
    assert rows == sorted(rows, key=lambda row: -row.by)
    assert len(rows) == 22 > MOST_ROWS
    with Image.open(BytesIO(draw_contrast(change, rows, sheet.layout.tile, "first"))) as image:
        assert max(image.size) <= MOST_PIXELS


def test_the_overview_of_a_thousand_layers_is_one_page():
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Conv2d(2, 4, 3) for _ in range(60)))
    found = find(model)
    bank = found.measure(FilterOptions())
    png = draw_overview(bank, [found.drawn(layer) for layer in bank.layers[:MOST_STRIPS]])
    with Image.open(BytesIO(png)) as image:
        assert max(image.size) <= MOST_PIXELS
