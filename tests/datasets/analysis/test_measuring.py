"""One picture: every measurement against what was drawn; every failure against the index build's own word."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.datasets.analysis.measuring import FORMAT_NAMES, ROW, inspect, measure_group


def boxed(width: int, height: int, ink: tuple[int, int, int]) -> Image.Image:
    """A white picture with a box of 40×20 pixels at (10, 10)."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[10:30, 10:50] = ink
    return Image.fromarray(pixels)


def row_of(path: Path) -> dict[str, object]:
    measured = measure_group([str(path)], inspect)
    assert measured.failures == ()
    return dict(zip(ROW.names or (), measured.rows[0].tolist(), strict=True))


def test_a_drawn_box(tmp_path: Path) -> None:
    path = tmp_path / "box.png"
    boxed(100, 60, (0, 0, 0)).save(path)
    row = row_of(path)
    assert row["readable"]
    assert FORMAT_NAMES[int(str(row["format"]))] == "PNG"
    assert (row["width"], row["height"], row["bytes"]) == (100, 60, path.stat().st_size)
    assert (row["mark_width"], row["mark_height"]) == (40, 20)
    assert row["ink"] == 1333  # 800 of 6000 pixels, in 1/10,000
    assert np.array_equal(row["ground"], [255, 255, 255])  # type: ignore[arg-type]
    assert (row["uniform"], row["colored"], row["one_channel"]) == (True, False, False)


def test_colour_is_seen_in_the_pixels_and_grey_in_the_file(tmp_path: Path) -> None:
    boxed(80, 80, (200, 30, 30)).save(tmp_path / "red.jpg", quality=80)
    boxed(80, 80, (90, 90, 90)).save(tmp_path / "gray-as-rgb.jpg", quality=80)
    boxed(80, 80, (90, 90, 90)).convert("L").save(tmp_path / "gray.jpg", quality=80)
    seen = {
        path.stem: (row_of(path)["colored"], row_of(path)["one_channel"]) for path in tmp_path.glob("*.jpg")
    }
    assert seen == {"red": (True, False), "gray-as-rgb": (False, False), "gray": (False, True)}


def test_a_turn_by_exif_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    boxed(100, 60, (0, 0, 0)).save(tmp_path / "turned.jpg", exif=exif)
    row = row_of(tmp_path / "turned.jpg")
    assert (row["width"], row["height"]) == (60, 100)


def test_several_pictures_in_one_jpeg_are_a_jpeg(tmp_path: Path) -> None:
    first, second = boxed(100, 60, (0, 0, 0)), boxed(50, 60, (0, 0, 0))
    first.save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[second])
    row = row_of(tmp_path / "two.jpg")
    assert (row["width"], row["height"]) == (100, 60)


def test_svg_has_a_shape_but_no_size(tmp_path: Path) -> None:
    box = '<rect x="9" y="9" width="60" height="30"/>'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90">{box}</svg>'
    (tmp_path / "a.svg").write_text(drawing)
    row = row_of(tmp_path / "a.svg")
    assert FORMAT_NAMES[int(str(row["format"]))] == "SVG"
    assert (row["width"], row["height"]) == (0, 0)
    assert int(str(row["mark_width"])) / int(str(row["mark_height"])) == pytest.approx(2, rel=0.02)


def test_margins_and_size_do_not_change_the_look(tmp_path: Path) -> None:
    mark = np.asarray(boxed(60, 40, (0, 0, 0)))[10:30, 10:50].copy()
    mark[5:12, 8:20] = 255
    mark[0:8, 30:40] = 255
    wide = np.full((200, 300, 3), 255, np.uint8)
    wide[100:120, 220:260] = mark
    Image.fromarray(np.pad(mark, ((2, 2), (2, 2), (0, 0)), constant_values=255)).save(tmp_path / "a.png")
    Image.fromarray(wide).save(tmp_path / "b.png")
    one, other = row_of(tmp_path / "a.png"), row_of(tmp_path / "b.png")
    assert one["coarse"] == other["coarse"]
    assert np.array_equal(one["fine"], other["fine"])  # type: ignore[arg-type]
    assert not np.array_equal(one["content"], other["content"])  # type: ignore[arg-type]


def test_failures_are_named_as_the_index_build_names_them(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    boxed(200, 200, (0, 0, 0)).save(buffer, "JPEG")
    whole = buffer.getvalue()
    broken = {
        "empty.jpg": b"", "cut.jpg": whole[: len(whole) // 2], "noise.jpg": b"no picture at all" * 50,
        "huge.png": _huge_png(), "bad.svg": b"<svg", "flipped.jpg": whole[:300] + b"\0" * 50 + whole[350:],
    }  # fmt: skip
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
    boxed(100, 5, (255, 255, 255)).save(tmp_path / "thin.png")
    (tmp_path / "folder.png").mkdir()
    names = [*broken, "thin.png", "folder.png", "gone.png"]
    measured = measure_group([str(tmp_path / name) for name in names], inspect)
    expected = []
    for place, name in enumerate(names):
        try:
            read_picture(tmp_path / name)
        except PictureError as error:
            expected.append((place, error.kind, error.reason))
    assert [(failure.place, failure.kind, failure.reason) for failure in measured.failures] == expected
    assert {kind for _, kind, _ in expected} >= {"empty", "truncated", "not-a-picture", "too-large",
                                                 "too-small", "unreadable", "missing-file"}  # fmt: skip
    assert np.count_nonzero(measured.rows["readable"]) == len(names) - len(expected)


def test_a_blank_picture_is_no_mark(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), "teal").save(tmp_path / "blank.png")
    (failure,) = measure_group([str(tmp_path / "blank.png")], inspect).failures
    assert failure.kind == "blank"


def _huge_png() -> bytes:
    """A small file that claims 40,000 × 40,000 pixels."""
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = (40_000).to_bytes(4) * 2 + bytes([1, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )
