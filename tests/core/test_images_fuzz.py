"""Hundreds of damaged pictures: each gives pixels or a `PictureError`, in bounded memory."""

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from marklens.core.errors import PictureError
from marklens.core.images import WORKING_SIDE, decode

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 60"><defs><linearGradient id="a">'
    b'<stop stop-color="red"/><stop offset="1" stop-color="#00f"/></linearGradient>'
    b'<clipPath id="c"><circle cx="30" cy="30" r="25"/></clipPath></defs>'
    b'<g clip-path="url(#c)" transform="rotate(10)">'
    b'<path d="M10 10C20 0 60 0 90 50z" fill="url(#a)"/></g></svg>'
)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def seeds() -> list[bytes]:
    picture = Image.new("RGB", (90, 60), "white")
    ImageDraw.Draw(picture).ellipse((10, 10, 70, 50), fill=(20, 90, 200))
    deep = Image.fromarray(np.arange(5400, dtype=np.uint16).reshape(60, 90))
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(5)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        SVG, saved(picture, "PNG", exif=exif), saved(picture.convert("RGBA"), "PNG"), saved(deep, "PNG"),
        saved(picture.convert("P"), "PNG", transparency=0), saved(picture, "JPEG", exif=exif),
        saved(picture, "JPEG", progressive=True), saved(picture.convert("CMYK"), "JPEG"),
        saved(picture, "WEBP"), saved(picture, "WEBP", **frames), saved(picture, "GIF", **frames),
        saved(picture, "BMP"), saved(picture, "TIFF"), saved(picture, "TIFF", compression="tiff_deflate"),
        saved(picture.convert("1"), "TIFF", compression="group4"), saved(picture.convert("F"), "TIFF"),
    ]  # fmt: skip


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    match int(rng.integers(5)):
        case 0:  # some bytes anywhere
            for position in rng.integers(len(damaged), size=int(rng.integers(1, 9))):
                damaged[position] = int(rng.integers(256))
        case 1:  # some bits of the header
            for position in rng.integers(min(80, len(damaged)), size=3):
                damaged[position] ^= 1 << int(rng.integers(8))
        case 2:  # cut off
            del damaged[int(rng.integers(len(damaged))) :]
        case 3:  # a hole
            start = int(rng.integers(len(damaged)))
            del damaged[start : start + int(rng.integers(1, 40))]
        case _:  # extreme numbers
            position = int(rng.integers(max(1, len(damaged) - 4)))
            damaged[position : position + 4] = bytes([int(rng.choice([0, 127, 128, 255]))] * 4)
    return bytes(damaged)


def sizes_and_faults(count: int, seed: int) -> tuple[int, int]:
    rng, originals = np.random.default_rng(seed), seeds()
    decoded = faults = 0
    for index in range(count):
        data = mutated(originals[index % len(originals)], rng)
        try:
            pixels = decode(data)
        except PictureError as error:
            assert error.kind and error.reason
            faults += 1
        else:
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
            assert max(pixels.shape) <= WORKING_SIDE
            decoded += 1
    return decoded, faults


def test_the_undamaged_seeds_decode() -> None:
    assert [decode(data).shape[2] for data in seeds()] == [3] * len(seeds())


def test_damaged_pictures_give_pixels_or_a_picture_error() -> None:
    decoded, faults = sizes_and_faults(2000, seed=5)
    assert decoded > 300
    assert faults > 300


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_pictures_take_a_few_hundred_megabytes() -> None:
    script = """
import io
from pathlib import Path
import numpy as np
from PIL import Image
from marklens.core.images import decode
def peak():  # not ru_maxrss, which a process inherits from the one that started it
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10
made = []
for mode, kind, options in (("RGBA", "PNG", {"compress_level": 1}), ("I;16", "PNG", {"compress_level": 1}),
                            ("P", "GIF", {}), ("L", "JPEG", {})):
    buffer = io.BytesIO()
    Image.new(mode, (100, 100)).resize((7000, 7000)).save(buffer, kind, **options)
    made.append(buffer.getvalue())
print(peak())
for data in made:
    assert max(decode(data).shape) == 512
print(peak())
"""
    # making them takes memory too, so the decoding runs in a process that was handed the bytes
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    _, peak = map(int, done.stdout.split())
    assert peak < 800
