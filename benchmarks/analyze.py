"""How fast a dataset of L3D's shape is analysed, in what memory, and whether a killed analysis ends the same.

    python -m benchmarks.analyze --icons logos --pictures 100000 --kills 5

Real icons lie underneath: each becomes a 256-pixel JPEG with metadata that has L3D's faults and frequencies.
Where there are more pictures than icons, an icon comes again, smaller and compressed otherwise. Every
thousandth picture is cut off. Without icons those of the PyPI package simple-icons-pack are used.
"""

import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Annotated, Any

import cv2
import numpy as np
import psutil
import typer

from benchmarks.reporting import report
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.resources import tree_memory
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
    seconds, cpu, peak = _finish(dataset, quiet, workers)
    random = np.random.default_rng(seed)
    for moment in random.uniform(0.1, 0.9, kills) * seconds / max(1, kills) * 1.5:
        process = _start(dataset, killed, workers)
        sleep(moment)
        _kill(process)
    rest, rest_cpu, _ = _finish(dataset, killed, workers)
    equal = all((quiet / name).read_bytes() == (killed / name).read_bytes() for name in FILES)
    scale, row = L3D / pictures, _row("undisturbed", pictures, seconds, cpu, peak)
    return [
        row,
        {
            **dict.fromkeys(row, ""),
            "run": f"killed {kills} times, then finished",
            "wall s": rest,
            "CPU s": rest_cpu,
            "same files": "yes" if equal else "no",
        },
        _row("projected to L3D, linear", L3D, seconds * scale, cpu * scale, peak),
    ]


def _row(run: str, pictures: int, seconds: float, cpu: float, peak: int) -> dict[str, Any]:
    return {
        "run": run,
        "wall s": seconds,
        "CPU s": cpu,
        "CPU ms a picture": 1e3 * cpu / pictures,
        "pictures/s, wall": pictures / seconds,
        "pictures/s of 2 free cores": 2 * pictures / cpu,
        "peak MB": peak / 1e6,
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


def _start(dataset: Path, out: Path, workers: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "marklens", "dataset", "analyze", str(dataset), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def _finish(dataset: Path, out: Path, workers: int) -> tuple[float, float, int]:
    """Run to the end; wall seconds, CPU seconds and peak resident bytes of all its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    process = _start(dataset, out, workers)
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            try:
                peak = max(peak, tree_memory(psutil.Process(process.pid)))
            except psutil.Error:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(errors.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - started, cpu, peak


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the command alone; its workers must notice by themselves and go."""
    workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=30)
    if alive:
        raise RuntimeError(f"workers outlived the analysis: {alive}")


if __name__ == "__main__":
    typer.run(main)
