"""White on black and black on white: does turning marks on dark grounds light find more?

    python -m benchmarks.polarity --dataset logos --split val

Brands: drawn by other hands, as they are. Twins: marks in one ink whose negative is searched for among all.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.reporting import report
from benchmarks.text_ablation import ask_brands, choose, measure
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ports import Progress
from marklens.core.types import Mark, Pixels, Vectors
from marklens.datasets.icons.brand_split import SPLITS
from marklens.embeddings.onnx_embedder import OnnxEmbedder
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.settings import load_settings

TWINS = 300
BATCH = 8


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "val",
    gallery: Annotated[int, typer.Option(help="Marks in all.")] = 5000,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Embed the full views both ways and measure."""
    cv2.setNumThreads(1)
    chosen = next(name for name in SPLITS if name == split)
    marks = choose(dataset, chosen, gallery)
    brands = ask_brands(dataset, chosen, [mark.path.name for mark in marks])
    rows = []
    with shown_progress() as progress:
        embedder = assembly.make_embedder(load_settings())
        for polarity in (False, True):
            maker = ViewMaker(ViewOptions(polarity=polarity, figurative=False), NoDetector())
            progress.start("polarity" if polarity else "as it is", len(marks) + TWINS)
            vectors = _embed(maker, embedder, _pictures(marks), progress)
            twins = [place for place, mark in enumerate(marks) if _one_ink(mark)][:TWINS]
            negatives = (255 - read_picture(marks[place].path) for place in twins)
            queries = _embed(maker, embedder, negatives, progress)
            ranks = [
                np.count_nonzero(vectors @ query >= vectors[place] @ query)
                for place, query in zip(twins, queries, strict=True)
            ]
            found = measure((vectors, vectors), brands, "raw")
            rows.append(
                {
                    "dark grounds": "turned light" if polarity else "as they are",
                    **{f"brands {name}": value for name, value in found.items()},
                    "twins R@1": float(np.mean(np.array(ranks) == 1)),
                    "twins R@10": float(np.mean(np.array(ranks) <= 10)),
                }
            )
    sizes = f"{len(marks):,} marks, {len(brands):,} brand queries, {TWINS} twins"
    report(f"Polarity on {split}, {sizes}", rows, json)


def _pictures(marks: Sequence[Mark]) -> Iterator[Pixels]:
    for mark in marks:
        yield read_picture(mark.path)


def _embed(
    maker: ViewMaker, embedder: OnnxEmbedder, pictures: Iterator[Pixels], progress: Progress
) -> Vectors:
    """Reduced vectors of the full views, float32 (n, dims); zeros for what has no mark on it."""
    reducer = assembly.make_reducer(load_settings(), embedder)
    assert reducer is not None
    blank = np.full((embedder.size, embedder.size, 3), 255, np.uint8)
    views: list[Pixels] = []
    for picture in pictures:
        try:
            views.append(maker.prepare(picture).views[0].pixels)
        except PictureError:
            views.append(blank)
        progress.advance(1)
    batches = [np.stack(views[start : start + BATCH]) for start in range(0, len(views), BATCH)]
    return np.concatenate([reducer.reduce(embedder.embed(batch)) for batch in batches])


def _one_ink(mark: Mark) -> bool:
    """Dark grey to black on white, nothing else."""
    picture = read_picture(mark.path).astype(int)
    colorful = (picture.max(axis=2) - picture.min(axis=2)).max() > 12
    return not colorful and picture.min() < 60 and picture[0].mean() > 250


if __name__ == "__main__":
    typer.run(main)
