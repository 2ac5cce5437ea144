"""Train the bundled lettering network from nothing: make lock-ups, learn, write the ONNX file.

    python -m benchmarks.train_lettering --dataset logos --fonts fonts --work build/text --out lettering.onnx

Symbols and fonts of the training split only; how far it gets in so many minutes depends on the machine.
"""

from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.text_truth import Truth, made, real
from marklens.datasets.icons.brand_split import Split
from marklens.training.lettering.network import export_onnx
from marklens.training.lettering.samples import Sample
from marklens.training.lettering.trainer import Measured, train

REAL_REPEATED = 3
"""Real lock-ups are few and count as often as this."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    fonts: Annotated[Path, typer.Option(help="WOFF files, see benchmarks.fetch_fonts.")],
    work: Annotated[Path, typer.Option(help="Where what was read is kept.")],
    out: Annotated[Path, typer.Option(help="The ONNX file.")],
    count: Annotated[int, typer.Option(help="Made lock-ups to learn from.")] = 16_000,
    minutes: Annotated[float, typer.Option(help="Of training.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of weights and order.")] = 0,
) -> None:
    """Make, learn, write."""
    learnt = _samples(dataset, fonts, work, "train", count)
    validation = _samples(dataset, fonts, work, "val", 500)
    network = train(learnt, validation, minutes, seed, _tell)
    export_onnx(network, out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def _samples(dataset: Path, fonts: Path, work: Path, split: Split, count: int) -> list[Sample]:
    """Made lock-ups and, of the training split, real ones several times."""
    next(made(dataset, fonts, work, split, 1))  # reads the symbols once, for both processes
    shares = [(0, count // 2), (count // 2, count - count // 2)]
    with get_context("spawn").Pool(2) as pool:
        parts = pool.starmap(_make, [(dataset, fonts, work, split, *share) for share in shares])
    truths = [truth for part in parts for truth in part]
    truths += list(real(dataset, split)) * (REAL_REPEATED if split == "train" else 1)
    return [(truth.picture, truth.text, truth.figure) for truth in truths]


def _make(dataset: Path, fonts: Path, work: Path, split: Split, first: int, count: int) -> list[Truth]:
    cv2.setNumThreads(1)
    return list(made(dataset, fonts, work, split, count, first))


def _tell(measured: Measured) -> None:
    typer.echo(
        f"{measured.minutes:5.1f} min  {measured.samples:7,} samples  loss {measured.loss:.3f}  "
        f"text found {measured.recall:.3f}  figure erased {measured.erased:.3f}"
    )


if __name__ == "__main__":
    typer.run(main)
