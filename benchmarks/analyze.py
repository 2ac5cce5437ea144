"""How fast a dataset of L3D's shape is analysed, in what memory, and whether a killed analysis ends the same.

    python -m benchmarks.analyze --icons logos --pictures 100000 --kills 5

Real icons lie underneath: each becomes a 256-pixel JPEG with metadata that has L3D's faults and frequencies.
Where there are more pictures than icons, an icon comes again, smaller and compressed otherwise. Every
thousandth picture is cut off. Without icons those of the PyPI package simple-icons-pack are used.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.processes import Process, Usage, finish, kill, start
from benchmarks.reporting import report
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import Pixels
from marklens.datasets.opening import open_dataset
from marklens.datasets.pypi_logos import write_simple_icons
from marklens.datasets.synthetic import GRAYSCALE, SIDE, write_synthetic_l3d

L3D = 769_674
FILES = ("stats.json", "summary.md", "report.html", "duplicates.jsonl", "errors.jsonl")
CUT_OFF = 1000
"""One picture of so many is cut off."""
MEMORY_LIMIT = 1_000_000_000


def main(
    icons: Annotated[Path | None, typer.Option(help="A dataset whose pictures lie underneath.")] = None,
    pictures: Annotated[int, typer.Option(help="How many to make.")] = 100_000,
    kills: Annotated[int, typer.Option(help="How often the second run is killed.")] = 5,
    workers: Annotated[int, typer.Option(help="Processes that measure.")] = 2,
    seed: Annotated[int, typer.Option(help="Of pictures and moments.")] = 0,
    work: Annotated[Path | None, typer.Option(help="Keep everything here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Make the dataset, analyse it undisturbed and killed, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        here = work or Path(folder)
        dataset = here / "dataset"
        if not dataset.is_dir():
            make_dataset(icons or write_simple_icons(here / "icons"), dataset, pictures, seed)
        rows = analyze_and_kill(dataset, here, pictures, kills, workers, seed)
    title = f"Analysis of {pictures:,} pictures of {SIDE} pixels with {workers} workers"
    report(title, rows, json)
    if rows[1]["same files"] != "yes" or rows[0]["peak MB"] * 1e6 > MEMORY_LIMIT:
        raise typer.Exit(1)


def make_dataset(icons: Path, out: Path, pictures: int, seed: int) -> None:
    """Write a dataset with L3D's metadata and these icons for pictures."""
    made = write_synthetic_l3d(out, pictures, seed)
    random = np.random.default_rng(seed)
    for number, (file, icon) in enumerate(zip(made.files, _icons(icons), strict=False)):
        picture, quality = _fitted(icon, float(random.uniform(0.6, 1))), int(random.integers(70, 96))
        if random.random() < GRAYSCALE:
            picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        data = encoded.tobytes()
        (out / "images" / file).write_bytes(data[: len(data) // 2] if number % CUT_OFF == 7 else data)


def analyze_and_kill(
    dataset: Path, work: Path, pictures: int, kills: int, workers: int, seed: int
) -> list[dict[str, Any]]:
    """Analyse once undisturbed and once killed at random moments; one row each, and the projection."""
    quiet, killed = work / "quiet", work / "killed"
    took = finish(_start(dataset, quiet, workers))
    random = np.random.default_rng(seed)
    for moment in random.uniform(0.1, 0.9, kills) * took.wall / max(1, kills) * 1.5:
        process = _start(dataset, killed, workers)
        sleep(moment)
        kill(process)
    rest = finish(_start(dataset, killed, workers))
    equal = all((quiet / name).read_bytes() == (killed / name).read_bytes() for name in FILES)
    scale, row = L3D / pictures, _row("undisturbed", pictures, took)
    return [
        row,
        {
            **dict.fromkeys(row, ""),
            "run": f"killed {kills} times, then finished",
            "wall s": rest.wall,
            "CPU s": rest.cpu,
            "same files": "yes" if equal else "no",
        },
        _row("projected to L3D, linear", L3D, Usage(took.wall * scale, took.cpu * scale, took.peak)),
    ]


def _row(run: str, pictures: int, took: Usage) -> dict[str, Any]:
    return {
        "run": run,
        "wall s": took.wall,
        "CPU s": took.cpu,
        "CPU ms a picture": 1e3 * took.cpu / pictures,
        "pictures/s, wall": pictures / took.wall,
        "pictures/s of 2 free cores": 2 * pictures / took.cpu,
        "peak MB": took.peak / 1e6,
        "same files": "",
    }


def _icons(icons: Path) -> Iterator[Pixels]:
    """The readable pictures of a dataset, BGR, over and over."""
    paths = [mark.path for mark in open_dataset(icons).marks(lambda fault: None)]
    while True:
        for path in paths:
            try:
                yield np.asarray(cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2BGR), np.uint8)
            except PictureError:
                continue


def _fitted(icon: Pixels, scale: float) -> Pixels:
    """The icon in the middle of a square of its corner's colour."""
    factor = scale * SIDE / max(icon.shape[:2])
    height, width = (max(1, round(factor * side)) for side in icon.shape[:2])
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square = np.empty((SIDE, SIDE, 3), np.uint8)
    square[:] = icon[0, 0]
    square[top : top + height, left : left + width] = cv2.resize(
        icon, (width, height), interpolation=cv2.INTER_AREA
    )
    return square


def _start(dataset: Path, out: Path, workers: int) -> Process:
    return start("dataset", "analyze", str(dataset), "--out", str(out), "--workers", str(workers))


if __name__ == "__main__":
    typer.run(main)
