"""Broken pictures in a folder of good ones: the build finishes, finds every good one and names every bad one.

    python -m benchmarks.broken_pictures --broken 500

The pictures are made from the logos of the PyPI package simple-icons-pack.
"""

import io
import json
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.processes import finish, start
from benchmarks.reporting import report
from marklens import assembly
from marklens.core.images import read_picture
from marklens.datasets.opening import open_dataset
from marklens.datasets.pypi_logos import write_simple_icons
from marklens.engine import Engine
from marklens.settings import load_settings

Random = np.random.Generator
MEMORY_LIMIT = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One way for a picture to be odd.

    Attributes:
        make: from a good picture to the bytes of the odd one.
        ending: of its file.
        usable: True if it must be indexed, False if it must be refused, None if either will do.
    """

    make: Callable[[Image.Image, Random], bytes]
    ending: str
    usable: bool | None


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def truncated(image: Image.Image, random: Random) -> bytes:
    """A picture whose end is missing."""
    whole = encoded(image, str(random.choice(["PNG", "JPEG"])))
    return whole[: int(len(whole) * random.uniform(0.1, 0.8))]


def bit_flipped(image: Image.Image, random: Random) -> bytes:
    """A picture with one to thirty flipped bits."""
    data = bytearray(encoded(image, str(random.choice(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]))))
    for place in random.integers(0, len(data), int(random.integers(1, 31))):
        data[place] ^= 1 << int(random.integers(0, 8))
    return bytes(data)


def bomb(_: Image.Image, random: Random) -> bytes:
    """A PNG of a few kilobytes that claims, and holds, 40,000 × 40,000 pixels."""
    side = int(random.integers(30_000, 50_000))

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = side.to_bytes(4) * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(1 + side // 8) * 2000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def sixteen_bit(image: Image.Image, _: Random) -> bytes:
    """A 16-bit greyscale PNG."""
    values = np.asarray(image.convert("L"), np.uint16) * 257
    return encoded(Image.fromarray(values), "PNG")


def animated(image: Image.Image, _: Random) -> bytes:
    """A GIF of three frames."""
    frames = [image.rotate(angle, fillcolor="white") for angle in (0, 40, 80)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def strip(_: Image.Image, random: Random) -> bytes:
    """A strip of one pixel by ten thousand."""
    size = (1, 10_000) if random.random() < 0.5 else (10_000, 1)
    return encoded(Image.new("RGB", size, "red"), "PNG")


KINDS = {
    "truncated": Kind(truncated, ".png", False),
    "bit-flipped": Kind(bit_flipped, ".png", None),
    "decompression bomb": Kind(bomb, ".png", False),
    "0 bytes": Kind(lambda image, random: b"", ".png", False),
    "1×10000": Kind(strip, ".png", False),
    "no picture": Kind(lambda image, random: random.bytes(3000), ".jpg", False),
    "wrong ending": Kind(lambda image, random: encoded(image, "PNG"), ".jpg", True),
    "CMYK": Kind(lambda image, random: encoded(image.convert("CMYK"), "JPEG"), ".jpg", True),
    "16-bit": Kind(sixteen_bit, ".png", True),
    "animated": Kind(animated, ".gif", True),
}


def main(
    broken: Annotated[int, typer.Option(help="How many odd pictures.")] = 500,
    good: Annotated[int, typer.Option(help="How many good ones around them.")] = 500,
    seed: Annotated[int, typer.Option(help="Of the faults.")] = 0,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
) -> None:
    """Build an index of good and odd pictures and account for every one."""
    with tempfile.TemporaryDirectory() as folder:
        rows, peak = build_and_account(Path(folder), broken, good, seed)
    report(f"Odd pictures in a build; peak memory {peak / 1e6:,.0f} MB", rows, out)
    if peak > MEMORY_LIMIT or any(row["as it should be"] != row["pictures"] for row in rows):
        raise typer.Exit(1)


def build_and_account(work: Path, broken: int, good: int, seed: int) -> tuple[list[dict[str, Any]], int]:
    """Make the pictures, build by the command line, and count what became of each kind; also peak memory."""
    kinds = _make(work / "marks", broken, good, seed)
    peak = finish(start("index", "build", str(work / "marks"), "--index", str(work / "index"))).peak
    engine = assembly.open_engine(work / "index", load_settings())
    indexed = {file: number for number, file in engine.catalog.files().items()}
    lines = (work / "index" / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    reasons = {fault["item"]: fault["reason"] for fault in map(json.loads, lines)}
    rows = []
    for kind in ("good", *KINDS):
        files = [file for file, made in kinds.items() if made == kind]
        usable = True if kind == "good" else KINDS[kind].usable
        kept = [file for file in files if file in indexed]
        named = [file for file in files if reasons.get(file)]
        right = {True: len(kept), False: len(named), None: len(set(kept) ^ set(named))}[usable]
        rows.append(
            {
                "kind": kind, "pictures": len(files), "indexed": len(kept), "in errors.jsonl": len(named),
                "as it should be": right,
            }
        )  # fmt: skip
    good_ones = [file for file in indexed if kinds[file] == "good"]
    rows[0]["as it should be"] = sum(_finds_itself(engine, work / "marks" / file) for file in good_ones)
    return rows, peak


def _finds_itself(engine: Engine, path: Path) -> bool:
    """Among the first three: some logos of one house are the same picture."""
    return any(hit.mark.file == path.name for hit in engine.search(read_picture(path), top=3).hits)


def _make(folder: Path, broken: int, good: int, seed: int) -> dict[str, str]:
    """Write the pictures; return file name to kind."""
    random, kinds = np.random.default_rng(seed), {}
    folder.mkdir(parents=True)
    icons = folder.parent / "icons"
    marks = [mark.path for mark in open_dataset(write_simple_icons(icons)).marks(lambda fault: None)]
    for number, path in enumerate(marks[:good]):
        name = f"good{number:04d}.png"
        Image.fromarray(read_picture(path)).save(folder / name)
        kinds[name] = "good"
    names = list(KINDS)
    for number in range(broken):
        kind = names[number % len(names)]
        image = Image.fromarray(read_picture(marks[(good + number) % len(marks)]))
        name = f"odd{number:04d}{KINDS[kind].ending}"
        (folder / name).write_bytes(KINDS[kind].make(image, random))
        kinds[name] = kind
    return kinds


if __name__ == "__main__":
    typer.run(main)
