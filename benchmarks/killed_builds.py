"""Builds killed with SIGKILL at random moments and run again must end in the index of a build left alone.

python -m benchmarks.killed_builds --builds 20
"""

import tempfile
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.processes import Process, finish, kill, start
from benchmarks.reporting import report
from marklens.datasets.pypi_logos import write_simple_icons
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.retrieval.catalog import Catalog

ENVIRONMENT = {
    "MARKLENS_BUILD__CHUNK": "16",
    "MARKLENS_BUILD__GRAPH_THREADS": "1",  # the graph is the same every time only when one thread draws it
    "MARKLENS_PCA__DIMS": "64",
}


def main(
    builds: Annotated[int, typer.Option(help="How many builds to kill.")] = 20,
    marks: Annotated[int, typer.Option(help="Marks in each.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Kill builds and compare what comes of them."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_simple_icons(Path(folder) / "marks")
        rows = kill_and_compare(dataset, Path(folder), builds, marks, seed)
    report("Killed builds, resumed", rows, json)
    if not all(row["equal"] for row in rows):
        raise typer.Exit(1)


def kill_and_compare(dataset: Path, work: Path, builds: int, marks: int, seed: int) -> list[dict[str, Any]]:
    """Build once undisturbed, then `builds` times with one to three kills each; one row a build."""
    seconds = finish(_start(dataset, work / "undisturbed", marks)).wall
    expected, random = content(work / "undisturbed"), np.random.default_rng(seed)
    rows = []
    for number in range(builds):
        index, kept = work / f"killed{number}", []
        for moment in random.uniform(0.02, 1.0, random.integers(1, 4)) * seconds:
            process = _start(dataset, index, marks)
            sleep(moment)
            kill(process)
            kept.append(len(IndexFolder(index).chunks_from(0)))
        finish(_start(dataset, index, marks))
        equal = content(index) == expected
        rows.append({"build": number, "kills": len(kept), "chunks kept": str(kept), "equal": equal})
    return rows


def content(index: Path) -> tuple[str, bytes, bytes]:
    """What equal indexes have in common: the catalog's rows, the reduction and the vectors to the byte."""
    folder = IndexFolder(index)
    load_complete(folder)
    with Catalog.open(folder.catalog) as catalog:
        return catalog.content_digest(), folder.pca.read_bytes(), folder.vectors.read_bytes()


def _start(dataset: Path, index: Path, marks: int) -> Process:
    command = ("index", "build", str(dataset), "--index", str(index))
    return start(*command, "--limit", str(marks), "--workers", "2", environment=ENVIRONMENT)


if __name__ == "__main__":
    typer.run(main)
