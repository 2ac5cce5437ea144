"""A long build among enemies: workers killed at random, pictures that hang the detector or crash a library.

    python -m benchmarks.hostile_pictures --dataset logos --marks 20000 --plot docs/pictures/hostile.svg

Every mark but the planted ones must be indexed, and the memory of all processes must stay flat.
"""

import json
import os
import random
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import psutil
import typer

from benchmarks.chosen_marks import ChosenMarks
from benchmarks.reporting import report
from marklens import assembly
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import write_text
from marklens.core.resources import graceful_stop, tree_memory
from marklens.core.types import Mark, Pixels, TextFinding
from marklens.datasets.opening import open_dataset
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.builder import BuildOptions, build_index
from marklens.indexing.describing import Describer
from marklens.indexing.folder import IndexFolder
from marklens.indexing.local_runner import LocalRunner
from marklens.indexing.preparing import PoolPreparer
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import create_text_detector
from marklens.preprocessing.text_reader import PpOcrReader
from marklens.reranking.color import color_histograms
from marklens.settings import load_settings

HANG, CRASH = 211, 212
"""Side in pixels of a planted picture; the real logos are 256 on their longer side."""
TIMEOUT = 4.0
"""Seconds a picture may take in this run; the default is 120."""


class HostileMaker(ViewMaker):
    """The real pipeline, but for the planted pictures."""

    def prepare(self, picture: Pixels, read: bool = False) -> PreparedMark:
        """Note which picture it is: trimmed ones have any size."""
        self._side = max(picture.shape[:2])
        return super().prepare(picture, read)

    def find_text(self, picture: Pixels, ground: Any) -> TextFinding:
        """Hang or crash where a picture asks for it: inside the detector, as a native library would."""
        if self._side == HANG:
            time.sleep(10_000)
        if self._side == CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().find_text(picture, ground)


def make_hostile(options: ViewOptions) -> ViewMaker:
    """What each worker makes for itself."""
    detector = create_text_detector(options.detector, options.detector_side, options.confidence)
    return HostileMaker(options, detector, PpOcrReader())


@dataclass
class Enemy:
    """Kills a worker now and then and notes the memory of all processes.

    Attributes:
        kills: how many so far.
        memory: (seconds, bytes) once a second.
    """

    pause: float
    kills: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `over`."""
        me, chance, started, last = psutil.Process(), random.Random(0), perf_counter(), perf_counter()
        while not self.over.wait(1.0):
            self.memory.append((perf_counter() - started, tree_memory(me)))
            workers = [child for child in me.children() if "spawn_main" in " ".join(_command(child))]
            if workers and perf_counter() - last > self.pause * chance.uniform(0.5, 1.5):
                last = perf_counter()
                chance.choice(workers).kill()
                self.kills += 1


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    marks: Annotated[int, typer.Option(help="Real logos.")] = 20_000,
    hang: Annotated[int, typer.Option(help="Pictures that hang the detector.")] = 40,
    crash: Annotated[int, typer.Option(help="Pictures that crash the decoder.")] = 60,
    pause: Annotated[float, typer.Option(help="Seconds between two kills, about.")] = 6.0,
    plot: Annotated[Path | None, typer.Option(help="Write the memory as an SVG picture.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the row as JSON.")] = None,
) -> None:
    """Build, and account for every mark."""
    configure_logs(verbose=False, as_json=False)
    with tempfile.TemporaryDirectory() as folder:
        planted = _plant(open_dataset(dataset), Path(folder), marks, {HANG: hang, CRASH: crash})
        enemy, started = Enemy(pause), perf_counter()
        thread = threading.Thread(target=enemy.run, daemon=True)
        thread.start()
        index = IndexFolder(Path(folder, "index"))
        _build(planted, index)
        seconds = perf_counter() - started
        enemy.over.set()
        thread.join()
        row = _account(planted, index, enemy, seconds)
    report("A build among enemies", [row], out)
    if plot is not None:
        write_text(plot, draw(enemy.memory))
    if row["indexed"] != marks or row["planted in errors.jsonl"] != hang + crash:
        raise typer.Exit(1)


def _plant(real: Any, folder: Path, count: int, sides: dict[int, int]) -> ChosenMarks:
    from PIL import Image

    chosen = list(islice(real.marks(lambda fault: None), count))
    chance = random.Random(1)
    for side, number in sides.items():
        for place in range(number):
            path = folder / f"{side}-{place}.png"
            picture = Image.new("RGB", (side, side), "white")
            picture.paste((20, 20, place % 200), (0, 0, side // 2, side))
            picture.paste((200, place % 200, 20), (side // 2, side // 4, side, side))
            picture.save(path)
            mark = Mark(f"planted-{path.stem}", path.name, path)
            chosen.insert(chance.randrange(len(chosen)), mark)
    return ChosenMarks(folder, tuple(chosen))


def _build(planted: ChosenMarks, index: IndexFolder) -> None:
    settings = load_settings(build={"timeout": TIMEOUT})
    options, embedder = assembly.view_options(settings), assembly.make_embedder(settings)
    patches = assembly.make_patch_reducer(settings, embedder, settings.patches.dims)
    views = ViewDescriber(embedder, patches, color_histograms)

    def runner() -> LocalRunner:
        preparer = PoolPreparer(partial(make_hostile, options), settings.build.workers, TIMEOUT)
        return LocalRunner(preparer, views)

    with shown_progress() as progress, graceful_stop() as stop:
        describer = Describer(index, runner, progress, stop)
        recipe = assembly.make_recipe(settings, embedder, patches)
        build_index(describer, planted, recipe, BuildOptions(settings.build.chunk))


def _account(planted: ChosenMarks, index: IndexFolder, enemy: Enemy, seconds: float) -> dict[str, Any]:
    engine = assembly.open_engine(index.root, load_settings())
    indexed = set(engine.catalog.files().values())
    faults = [json.loads(line) for line in index.errors.read_text(encoding="utf-8").splitlines()]
    named = {fault["item"] for fault in faults if fault["item"].startswith((f"{HANG}-", f"{CRASH}-"))}
    settled = [size for second, size in enemy.memory if second > seconds * 0.2]
    return {
        "real marks": sum(not mark.id.startswith("planted") for mark in planted.chosen),
        "indexed": len(indexed),
        "planted in errors.jsonl": len(named),
        "workers killed": enemy.kills,
        "marks a second": len(planted.chosen) / seconds,
        "MB, median": sorted(settled)[len(settled) // 2] / 1e6,
        "MB, peak": max(settled) / 1e6,
    }


def draw(memory: list[tuple[float, int]], width: int = 720, height: int = 220) -> str:
    """Memory over time as an SVG line."""
    last, most = memory[-1][0], max(size for _, size in memory) * 1.1
    points = " ".join(
        f"{40 + (width - 60) * second / last:.1f},{height - 30 - (height - 50) * size / most:.1f}"
        for second, size in memory
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<line x1="40" y1="{height - 30}" x2="{width - 20}" y2="{height - 30}" stroke="#999"/>'
        f'<polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="1.5"/>'
        f'<text x="40" y="16">memory of all processes, at most {most / 1.1 / 1e6:,.0f} MB</text>'
        f'<text x="{width - 20}" y="{height - 10}" text-anchor="end">{last:,.0f} s</text></svg>\n'
    )


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


if __name__ == "__main__":
    typer.run(main)
