"""How fast this machine describes and indexes marks, stage by stage.

    python -m benchmarks.throughput
    python -m benchmarks.throughput --dataset logos --marks 3000

Without a dataset the logos of the PyPI package simple-icons-pack are used.
"""

import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.reporting import report
from marklens import assembly, build_assembly
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.resources import graceful_stop
from marklens.datasets.opening import open_dataset
from marklens.datasets.pypi_logos import write_simple_icons
from marklens.settings import load_settings

BATCHES = (1, 4, 8, 16, 32)
VIEWS = 192


def main(
    dataset: Annotated[Path | None, typer.Option(help="Marks to index.")] = None,
    marks: Annotated[int, typer.Option(help="How many of them.")] = 1500,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Time the network alone by batch size, then a whole build."""
    configure_logs(verbose=False, as_json=False)
    report("Embedding alone, views of 224 pixels", [_embedding(batch) for batch in BATCHES])
    with tempfile.TemporaryDirectory() as folder:
        rows = _whole_build(
            dataset or write_simple_icons(Path(folder) / "marks"), Path(folder) / "index", marks
        )
    report("Whole build; seconds of all processes together", rows, json)


def _embedding(batch: int) -> dict[str, Any]:
    embedder = assembly.make_embedder(load_settings(model={"batch_size": batch}))
    pixels = np.random.default_rng(0).integers(0, 256, (VIEWS, embedder.size, embedder.size, 3), np.uint8)
    embedder.embed(pixels[: 2 * batch])
    runs = []
    for _ in range(3):
        started = perf_counter()
        embedder.embed(pixels)
        runs.append(VIEWS / (perf_counter() - started))
    return {"batch": batch, "views/s (median of 3)": float(np.median(runs)), "best": max(runs)}


def _whole_build(dataset: Path, index: Path, marks: int) -> list[dict[str, Any]]:
    shutil.rmtree(index, ignore_errors=True)
    with shown_progress() as progress, graceful_stop() as stop:
        done = build_assembly.build(index, open_dataset(dataset), load_settings(), marks, progress, stop)
    stages = done.manifest.seconds
    total = sum(stages.values())
    rows = [
        {
            "stage": stage,
            "seconds": seconds,
            "ms a mark": seconds / done.described * 1e3,
            "share": seconds / total,
        }
        for stage, seconds in stages.items()
    ]
    rate = done.described / done.seconds
    whole = {
        "stage": f"whole build, {rate:.1f} marks/s, wall",
        "seconds": done.seconds,
        "ms a mark": 1e3 / rate,
    }
    return [*rows, {**whole, "share": 1.0}]


if __name__ == "__main__":
    typer.run(main)
