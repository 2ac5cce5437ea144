"""Every kind of picture, and everything that only looks like one."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from marklens.core.errors import PictureError
from marklens.core.images import MAX_BYTES, WORKING_SIDE, decode, read_picture, shrink
from marklens.core.transparency import flatten
from marklens.core.types import Crop

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (30, 60, 200)


def quarters(width: int = 60, height: int = 40) -> Image.Image:
    """Upper left red, upper right green, lower left blue, lower right white: no symmetry."""
    picture = Image.new("RGB", (width, height), "white")
    picture.paste(RED, (0, 0, width // 2, height // 2))
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    return picture


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def kind_of(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode(data)
    assert caught.value.reason
    return caught.value.kind


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0), ("BMP", {}, 0), ("TIFF", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0), ("GIF", {}, 0), ("JPEG", {"quality": 95}, 6),
        ("JPEG", {"quality": 95, "progressive": True}, 6),
    ],
)  # fmt: skip
def test_each_format_gives_the_same_pixels(kind: str, options: dict[str, Any], tolerance: int) -> None:
    pixels = decode(saved(quarters(), kind, **options))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (40, 60, 3))
    for (y, x), color in {(5, 5): RED, (5, 50): GREEN, (35, 5): BLUE, (35, 50): (255, 255, 255)}.items():
        assert np.abs(pixels[y, x].astype(int) - color).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quarters(), kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    np.testing.assert_array_equal(decode(data), expected)
    assert decode(data).shape == ((40, 60, 3) if orientation < 5 else (60, 40, 3))


def test_damaged_exif_does_not_cost_the_picture() -> None:
    exif = b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 20
    assert decode(saved(quarters(), "JPEG", exif=exif)).shape == (40, 60, 3)


def test_cmyk_jpeg() -> None:
    # Pillow writes Adobe's inverted CMYK, the form that photo shops give: cyan ink only must come out cyan
    pixels = decode(saved(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "JPEG", quality=95))
    assert np.abs(pixels.reshape(-1, 3).astype(int) - (0, 255, 255)).max() <= 6


def test_deep_greyscale_png_keeps_its_range() -> None:
    values = np.zeros((16, 16), np.uint16)
    values[:, 8:] = 65535
    values[8:, :8] = 32896  # 128 * 257
    pixels = decode(saved(Image.fromarray(values), "PNG"))
    assert [pixels[0, 0, 0], pixels[8, 0, 0], pixels[0, 8, 0]] == [0, 128, 255]


def test_float_tiff_with_holes() -> None:
    values = np.full((16, 16), 0.25, np.float32)
    values[0, 0], values[0, 1], values[0, 2], values[15, 15] = np.nan, np.inf, -np.inf, 1.0
    pixels = decode(saved(Image.fromarray(values), "TIFF"))
    assert [pixels[0, x, 0] for x in range(4)] == [0, 0, 0, 64]  # 0.25 of the range 0..1
    assert pixels[15, 15, 0] == 255


def test_only_the_first_page_or_frame_counts() -> None:
    first, second = quarters(), Image.new("RGB", (60, 40), "black")
    for kind in ("GIF", "TIFF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = saved(first, kind, save_all=True, append_images=[second], **options)
        assert Image.open(io.BytesIO(data)).n_frames == 2
        np.testing.assert_array_equal(decode(data), np.asarray(first))


def test_transparency_is_laid_on_white_and_white_marks_on_black() -> None:
    dark = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    dark.paste((200, 0, 0, 255), (5, 5, 15, 15))
    pixels = decode(saved(dark, "PNG"))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[10, 10].tolist() == [200, 0, 0]
    white = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    white.paste((255, 255, 255, 255), (5, 5, 15, 15))
    pixels = decode(saved(white, "PNG"))
    assert (pixels[0, 0].tolist(), pixels[10, 10].tolist()) == ([0, 0, 0], [255, 255, 255])


def test_palette_and_grey_transparency() -> None:
    palette = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    blue = min(
        range(4), key=lambda i: abs(palette.getpalette()[3 * i + 2] - 200) + palette.getpalette()[3 * i]
    )
    # white borders on what is transparent, and would be lost on white
    assert decode(saved(palette, "PNG", transparency=blue))[35, 5].tolist() == [0, 0, 0]
    grey = Image.new("LA", (20, 20), (0, 0))
    grey.paste((90, 255), (5, 5, 15, 15))
    pixels = decode(saved(grey, "PNG"))
    assert (pixels[0, 0, 0], pixels[10, 10, 0]) == (255, 90)
    keyed = Image.new("L", (20, 20), 7)
    keyed.paste(90, (5, 5, 15, 15))
    assert decode(saved(keyed, "PNG", transparency=7))[0, 0, 0] == 255


def test_flatten_by_hand() -> None:
    # half-transparent black on white: 0 * 128/255 + 255 * 127/255 = 127; opaque red stays
    picture = np.array([[[0, 0, 0, 128], [255, 0, 0, 255]]], np.uint8)
    assert flatten(picture).tolist() == [[[127, 127, 127], [255, 0, 0]]]
    opaque = np.full((2, 2, 4), 255, np.uint8)
    assert flatten(opaque).tolist() == np.full((2, 2, 3), 255).tolist()


def test_hidden_colours_do_not_bleed_into_the_edges_when_shrinking() -> None:
    picture = Image.new("RGBA", (1200, 1200), (0, 0, 0, 0))  # transparent black
    picture.paste((255, 0, 0, 255), (101, 101, 1099, 1099))
    pixels = decode(saved(picture, "PNG")).astype(int)
    # every pixel is a mixture of red and white, so red stays full and green equals blue
    assert pixels[..., 0].min() >= 253
    assert np.abs(pixels[..., 1] - pixels[..., 2]).max() <= 1


def test_shrinking_keeps_the_aspect() -> None:
    assert decode(saved(quarters(2000, 500), "PNG")).shape == (128, WORKING_SIDE, 3)
    assert decode(saved(quarters(3000, 2000), "JPEG")).shape == (341, WORKING_SIDE, 3)
    small = np.zeros((10, 20, 3), np.uint8)
    assert shrink(small, 20) is small
    assert shrink(small, 10).shape == (5, 10, 3)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "mark.svg"
    path.write_bytes(saved(quarters(), "PNG"))
    assert read_picture(path).shape == (40, 60, 3)


def test_what_is_no_picture() -> None:
    assert kind_of(b"") == "empty"
    assert kind_of(b"hello") == "not-a-picture"
    assert kind_of(b"\0" * 4096) == "not-a-picture"
    assert kind_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not-a-picture"


def test_a_truncated_picture_is_a_fault() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8))
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF"):
        data = saved(noise, kind)
        assert kind_of(data[: len(data) // 2]) in {"truncated", "damaged", "not-a-picture"}
    data = saved(noise, "JPEG")
    assert kind_of(data[: len(data) // 2]) == "truncated"


def test_too_thin() -> None:
    assert kind_of(saved(Image.new("RGB", (10_000, 1)), "PNG")) == "too-small"
    assert kind_of(saved(Image.new("RGB", (1, 10_000)), "PNG")) == "too-small"
    assert kind_of(saved(Image.new("RGB", (7, 7)), "PNG")) == "too-small"
    assert decode(saved(Image.new("RGB", (10_000, 9)), "PNG")).shape == (1, 512, 3)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def test_decompression_bombs_are_refused_by_their_header() -> None:
    for side in (8000, 12_000, 30_000, 2**31 - 1):
        assert kind_of(png_claiming(side, side)) == "too-large"
    gif = bytearray(saved(quarters(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_000, 65_000)
    assert kind_of(bytes(gif)) == "too-large"


def test_large_files(tmp_path: Path) -> None:
    assert kind_of(b"\0" * (MAX_BYTES + 1)) == "too-large"
    path = tmp_path / "large.png"
    with path.open("wb") as handle:
        handle.truncate(MAX_BYTES + 1)
    with pytest.raises(PictureError, match="too-large"):
        read_picture(path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="missing-file"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(PictureError, match="unreadable"):
        read_picture(tmp_path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_is_meant_as_a_person_sees_the_picture(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quarters(120, 80), kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {}))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    cropped = decode(data, Crop(16, 8, 40, 24))
    assert np.array_equal(cropped, np.asarray(upright.crop((16, 8, 56, 32))))
    width, height = upright.size
    in_percent = Crop(1600 / width, 800 / height, 4000 / width, 2400 / height, percent=True)
    assert np.array_equal(decode(data, in_percent), cropped)


def test_a_crop_is_cut_before_the_picture_is_made_smaller() -> None:
    large = Image.new("RGB", (3000, 2000), "white")
    large.paste(quarters(), (2100, 1500))
    for kind in ("PNG", "JPEG"):
        found = decode(saved(large, kind), Crop(2100, 1500, 60, 40))
        assert found.shape == (40, 60, 3)
        assert np.abs(found.astype(int) - np.asarray(quarters())).mean() < 8  # JPEG at its default


def test_a_crop_ends_at_the_border_of_the_picture() -> None:
    assert decode(saved(quarters(), "PNG"), Crop(30, 20, 1000, 1000)).shape == (20, 30, 3)


def test_a_crop_of_an_svg_is_rendered_finely() -> None:
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">'
        b'<rect x="40" y="40" width="10" height="10" fill="red"/></svg>'
    )
    found = decode(svg, Crop(40, 40, 10, 10, percent=True))
    assert min(found.shape[:2]) > 150
    assert (found == (255, 0, 0)).all(axis=2).mean() > 0.97
    with pytest.raises(PictureError, match="percent"):
        decode(svg, Crop(40, 40, 10, 10))


def test_a_part_of_a_flat_svg_is_rendered_finely_too() -> None:
    flat = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="50">'
        b'<circle cx="25" cy="25" r="25"/></svg>'
    )
    assert min(decode(flat, Crop(0, 0, 5, 100, percent=True)).shape[:2]) > 150
    assert max(decode(flat, Crop(90, 0, 500, 100, percent=True)).shape[:2]) > 300
    with pytest.raises(PictureError, match="smaller"):
        decode(flat, Crop(0, 0, 1e-310, 1e-310, percent=True))


def test_a_part_of_a_16_bit_picture_is_as_bright_as_in_the_whole() -> None:
    deep = np.zeros((64, 64), np.uint16)
    deep[:, 32:] = 65535
    deep[:32, :32] = 200
    data = saved(Image.fromarray(deep), "PNG")
    assert decode(data, Crop(0, 0, 32, 64)).max() <= 1
    assert np.array_equal(decode(data, Crop(16, 0, 48, 64)), decode(data)[:, 16:])


@pytest.mark.parametrize(
    "crop", [Crop(60, 0, 10, 10), Crop(0, 40, 10, 10), Crop(0, 0, 20, 3), Crop(0, 0, 1, 1, True)]
)
def test_a_crop_outside_or_too_small_is_refused(crop: Crop) -> None:
    with pytest.raises(PictureError) as caught:
        decode(saved(quarters(), "PNG"), crop)
    assert caught.value.kind == "crop"


@pytest.mark.parametrize(
    "numbers", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, float("nan")), (0, 0, float("inf"), 1)]
)
def test_numbers_that_make_no_crop_are_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="crop"):
        Crop(*numbers)


@pytest.mark.parametrize("trouble", ["one dark pixel", "a dark fringe", "half transparent"])
def test_a_white_mark_stays_one_whatever_is_at_its_edges(trouble: str) -> None:
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[20:40, 10:50] = 255
    if trouble == "one dark pixel":
        picture[30, 30, :3] = 0
    if trouble == "a dark fringe":
        picture[19:41, [9, 50]] = picture[[19, 40], 9:51] = (40, 40, 40, 140)
    if trouble == "half transparent":
        picture[..., 3] //= 3
    flat = flatten(picture)
    assert flat[5, 5].tolist() == [0, 0, 0] and flat[25, 25].min() >= 80


def test_a_mark_that_is_dark_in_part_is_laid_on_white() -> None:
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[20:40, 10:50] = 255
    picture[20:40, 10:20, :3] = 0
    assert flatten(picture)[5, 5].tolist() == [255, 255, 255]
    assert flatten(np.zeros((9, 9, 4), np.uint8)).min() == 255  # nothing is seen at all


def test_white_words_beside_a_coloured_symbol_are_laid_on_black() -> None:
    picture = np.zeros((60, 120, 4), np.uint8)
    cv2.circle(picture, (25, 30), 18, (200, 30, 30, 255), -1)
    cv2.putText(picture, "ACME", (50, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255, 255), 3)
    assert flatten(picture)[0, 0].tolist() == [0, 0, 0]
    carded = np.full((60, 120, 4), 255, np.uint8)  # a white card with round corners
    carded[[0, 0, -1, -1], [0, -1, 0, -1], 3] = 0
    cv2.circle(carded, (25, 30), 18, (200, 30, 30, 255), -1)
    outlined = np.zeros((60, 120, 4), np.uint8)
    cv2.circle(outlined, (60, 30), 25, (255, 255, 255, 255), -1)
    cv2.circle(outlined, (60, 30), 18, (200, 30, 30, 255), -1)
    greys = np.zeros((60, 120, 4), np.uint8)  # both are seen on white
    cv2.circle(greys, (35, 30), 20, (68, 68, 68, 255), -1)
    cv2.circle(greys, (85, 30), 20, (204, 204, 204, 255), -1)
    assert flatten(greys)[0, 0].tolist() == [255, 255, 255]
    assert flatten(carded)[0, 0].tolist() == flatten(outlined)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
def test_deep_greyscale_of_fewer_bits_is_as_bright(white: int) -> None:
    values = np.full((16, 16), white, np.uint16)
    values[4:12, 4:12] = 0
    pixels = decode(saved(Image.fromarray(values), "PNG"))
    assert (pixels[0, 0, 0], pixels[8, 8, 0]) == (255, 0)
