"""`marklens train`: teach a network which marks look alike."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marklens.cli.options import JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import MissingExtraError

if TYPE_CHECKING:
    from marklens.training.run_state import Outcome

ENDINGS = {
    "finished": "Finished",
    "no-gain": "Ended early: Recall@100 rose no more",
    "stopped": "Stopped; the same call goes on",
    "time": "The time is over; the same call goes on",
}


def train(
    dataset: Annotated[
        Path,
        typer.Argument(help="A dataset, or a folder of packed views.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Refuse to begin a new run.")] = False,
    index: Annotated[
        Path | None, typer.Option(help="An index of the dataset whose text masks are taken.")
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="Groups of marks that are alike, or the similar_pairs.json of 'dataset pairs'."),
    ] = None,
    validate: Annotated[
        Path | None, typer.Option(help="Groups to measure Recall@100 on; never learned from.")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="The dataset that is searched to measure.", show_default="DATASET")
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="Any network of timm, by its name.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="imagenet, none, a file, or bundled: what ships.")
    ] = None,
    queue_size: Annotated[
        int | None, typer.Option(help="Older keys kept as negatives; 0: those of the batch only.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through all marks.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of a side while training.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop cleanly after so long.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ….")] = "auto",
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network on pairs of marks that are alike. Needs the extra 'train'.

    OUT gets checkpoints, metrics.jsonl and best.pt, the network that measured best. The same call goes on
    with a run, whatever ended it; a run of other settings is refused. Everything else is a setting, see
    MARKLENS_TRAIN__… and examples/rtx3060.toml. Several GPUs: torchrun --nproc-per-node 4 -m marklens train …

    Example: marklens train my-logos --out run --validate groups_val.json
    """
    from marklens.core.resources import graceful_stop
    from marklens.settings import load_settings

    # threads that wait must not spin while others make pairs; OpenMP reads this when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from marklens.train_assembly import TrainRequest
        from marklens.train_assembly import train as run
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("torch", "timm"):
            raise
        raise MissingExtraError("training a network", "train") from None
    settings = load_settings(
        train={"backbone": backbone, "weights": weights, "queue_size": queue_size, "epochs": epochs,
               "batch": batch, "size": size, "seed": seed}
    )  # fmt: skip
    request = TrainRequest(dataset, out, index, groups, validate, gallery, minutes, device, resume)
    with shown_progress() as progress, graceful_stop() as stop:
        outcome = run(request, settings, progress, stop)
    _tell(outcome, out, as_json)


def _tell(outcome: "Outcome", out: Path, as_json: bool) -> None:
    best = out / "best.pt"
    state = outcome.state
    if as_json:
        document = {"ending": outcome.ending, "steps": outcome.steps, **asdict(state)}
        print_json({**document, "best_file": str(best) if best.exists() else None})
        return
    typer.echo(f"{ENDINGS[outcome.ending]}: {outcome.steps:,} steps, epoch {state.epoch}.")
    if best.exists():
        measured = f" (Recall@100 {state.best:.3f}, epoch {state.best_epoch})" if state.best >= 0 else ""
        typer.echo(f"Best network: {best}{measured}\nUse it:       marklens export {best} --out marks.onnx")
