"""The brand benchmark: same brand drawn by another hand, found among all logos; one row of the table a call.

    npm pack @iconify/json
    marklens dataset import-icons iconify-json-*.tgz --out logos --which logos
    python -m benchmarks.brands --dataset logos --work build/brands --row views

Rows: raw (the picture as it is), trim (border cut off), whitening (and the reduction whitened), views (and a
view without text). Every row keeps its index in the work folder, so that a second call only measures.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.reporting import report
from marklens import assembly, build_assembly
from marklens.cli.evaluate import ask_groups, measure
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.resources import graceful_stop
from marklens.datasets.opening import open_dataset
from marklens.settings import Settings, load_settings

PLAIN = {"figurative": False, "inner": False}
FIRST = {"rerank": False}
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "raw": {
        "views": {**PLAIN, "trim": False, "polarity": False},
        "pca": {"whitening": 0.0, "own_from": 0},
        "search": FIRST,
    },
    "trim": {"views": PLAIN, "pca": {"whitening": 0.0, "own_from": 0}, "search": FIRST},
    "whitening": {"views": PLAIN, "pca": {"whitening": 0.75, "own_from": 0}, "search": FIRST},
    "views": {},
}
FOLDERS = {"raw": "raw", "trim": "trim", "whitening": "trim", "views": "views"}
"""Rows that differ in the reduction only share their chunks."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    work: Annotated[Path, typer.Option(help="Where the indexes go.")],
    row: Annotated[list[str], typer.Option(help="Which rows, in this order.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "test",
    depth: Annotated[int, typer.Option(help="Candidates a query.")] = 1000,
    limit: Annotated[int | None, typer.Option(help="Only the first marks.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Build what is missing and measure."""
    configure_logs(verbose=False, as_json=False)
    rows = [_measure(name, load_settings(**ROWS[name]), dataset, work, split, depth, limit) for name in row]
    report(f"Brands of the {split} split, drawn by another hand", rows, json)


def _measure(
    name: str, settings: Settings, dataset: Path, work: Path, split: str, depth: int, limit: int | None
) -> dict[str, Any]:
    index = work / FOLDERS[name]
    with shown_progress() as progress:
        with graceful_stop() as stop:
            build_assembly.build(index, open_dataset(dataset), settings, limit, progress, stop)
        engine = assembly.open_engine(index, settings)
        asked = ask_groups(engine, dataset / f"groups_{split}.json", "default")
        evaluation = measure(engine, asked, depth + 1, progress)
    means = evaluation.means
    return {
        "row": name,
        "gallery": evaluation.gallery,
        "queries": len(evaluation.results),
        "mAP@100": means.map_at_100,
        "Recall@1": means.recall_at_1,
        "Recall@10": means.recall_at_10,
        "Recall@100": means.recall_at_100,
        "Precision@10": means.precision_at_10,
        "R-precision": means.r_precision,
        "NAR": means.nar,
    }


if __name__ == "__main__":
    typer.run(main)
