"""PNGs made smaller and pictures compared: by their pixels, whatever their bytes."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from pytest_nnviz import Options
from pytest_nnviz.errors import OptionError
from pytest_nnviz.pictures.digest import SIGNATURE, chunk, embed_in_png, embed_in_svg, read_digest
from pytest_nnviz.pictures.pixels import compare
from pytest_nnviz.pictures.png import shrink


def png(image: Image.Image, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def opened(data: bytes, mode: str = "RGBA") -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        return image.convert(mode)


@st.composite
def images(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(["RGB", "RGBA", "L", "P", "LA", "1", "I;16"]))
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    seed = draw(st.binary(min_size=1, max_size=60))
    size = len(Image.new(mode, (width, height)).tobytes())
    return Image.frombytes(mode, (width, height), (seed * (size // len(seed) + 1))[:size])


@given(images())
def test_a_smaller_png_has_the_same_pixels(image: Image.Image) -> None:
    data = png(image, compress_level=1)
    small = shrink(data)
    assert len(small) <= len(data)
    assert ImageChops.difference(opened(small), opened(data)).getbbox(alpha_only=False) is None


@pytest.mark.parametrize("colours", [2, 200, 256, 257, 3000])
@pytest.mark.parametrize("alpha", [255, 128])
def test_alpha_and_the_number_of_colours_are_kept_and_what_is_carried_is_read(
    colours: int, alpha: int, tmp_path
) -> None:
    image = Image.new("RGBA", (300, 300), (255, 255, 255, alpha))
    for index in range(colours):
        image.putpixel((index % 300, 3 * (index // 300)), (index % 256, index // 256, 0, alpha))
    data = png(image, compress_level=1)
    small = shrink(data)
    assert len(small) <= len(data)
    assert opened(small).tobytes() == image.tobytes()
    path = tmp_path / "picture.png"
    path.write_bytes(embed_in_png(small, "abc"))
    assert read_digest(path) == "abc"
    assert opened(path.read_bytes()).tobytes() == image.tobytes()


def test_bytes_that_cannot_be_made_fewer_stay() -> None:
    small = shrink(png(Image.new("RGB", (1, 1))))
    assert shrink(small) is small


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 19)), max_size=30), st.integers(0, 3))
def test_the_share_is_that_of_the_pixels_that_differ(points: set[tuple[int, int]], band: int) -> None:
    one = Image.new("RGBA", (10, 20), (9, 9, 9, 200))
    other = one.copy()
    for point in points:
        other.putpixel(point, tuple(10 if index == band else value for index, value in enumerate(one.getpixel(point))))
    found = compare(png(one), png(other), "png")
    assert found.share == len(points) / 200
    assert (found.image is None) == (not points)
    if found.image is not None:
        shown = opened(found.image, "RGB")
        red = {(x, y) for x in range(10) for y in range(20) if shown.getpixel((x, y)) == (214, 39, 40)}
        assert red == points


def test_what_only_one_of_two_sizes_covers_differs() -> None:
    found = compare(png(Image.new("RGB", (10, 20))), png(Image.new("RGB", (20, 10))), "png")
    assert found.share == 0.75
    assert found.image is not None
    assert opened(found.image).size == (20, 20)


def test_how_pixels_are_written_does_not_matter() -> None:
    image = Image.new("RGB", (30, 30), "white")
    assert compare(png(image.quantize(2)), png(image.convert("RGBA"), compress_level=0), "png").share == 0


@pytest.mark.parametrize("stored", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", png(Image.new("RGB", (99, 99)))[:-40]])
def test_what_is_no_png_differs_everywhere(stored: bytes) -> None:
    assert compare(stored, png(Image.new("RGB", (9, 9))), "png").share == 1


@pytest.mark.filterwarnings("error")
def test_a_png_of_many_times_the_size_is_not_decoded() -> None:
    """A file of some kilobytes may stand for gigabytes of pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0))
    bomb = SIGNATURE + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    with pytest.raises(Image.DecompressionBombWarning):
        opened(bomb)
    assert compare(bomb, png(Image.new("RGBA", (64, 64))), "png").share == 1


def test_an_svg_is_the_same_but_for_its_digest_and_the_ends_of_lines() -> None:
    drawn = "<svg>\n<g/>\n</svg>\n"
    for stored in (drawn, embed_in_svg(drawn, "abc"), embed_in_svg(drawn, "abc").replace("\n", "\r\n")):
        assert compare(stored.encode(), embed_in_svg(drawn, "xyz").encode(), "svg").share == 0
    assert compare(drawn.replace("g", "h").encode(), drawn.encode(), "svg").share == 1


@pytest.mark.parametrize("share", [-0.1, 1.5, True, "much", float("nan"), None])
def test_a_tolerance_is_a_share(share: object) -> None:
    with pytest.raises(OptionError, match="images_tolerance="):
        Options(images_tolerance=share)


def test_a_tolerance_is_read_from_an_ini() -> None:
    assert Options.parse_ini({"images_tolerance": "0.25"}) == {"images_tolerance": 0.25}
    with pytest.raises(OptionError, match="'much' is not a number"):
        Options.parse_ini({"images_tolerance": "much"})
