"""Draw how a training run went: loss by step, and what validation measured after each epoch.

python -m benchmarks.training_curves --run run --out docs/images/training.svg
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

MEASURES = {"recall_at_100": "Recall@100", "recall_at_10": "Recall@10", "map_at_100": "mAP@100"}


def main(
    run: Annotated[Path, typer.Option(help="The run's folder.")],
    out: Annotated[Path, typer.Option(help="The picture to write; its ending tells the format.")],
) -> None:
    """Draw."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    draw([row for row in rows if row["kind"] == "step"], [row for row in rows if row["kind"] == "epoch"], out)


def draw(steps: Sequence[Mapping[str, Any]], epochs: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Two panels side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, measures = figure.subplots(1, 2)
    loss.plot([row["step"] for row in steps], [row["loss"] for row in steps], color="#0b6b62")
    loss.set(title="Loss", xlabel="step")
    for name, label in MEASURES.items():
        measures.plot([row["step"] for row in epochs], [row[name] for row in epochs], marker="o", label=label)
    measures.set(title="Validation brands", xlabel="step", ylim=(0, 1))
    measures.legend(frameon=False)
    for panel in (loss, measures):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.3)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)


if __name__ == "__main__":
    typer.run(main)
