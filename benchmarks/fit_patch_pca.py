"""Fit the patch reduction that ships with the bundled network, on ink patches of training brands' logos.

    python -m benchmarks.fit_patch_pca --dataset logos

With --weights it makes one for another network, beside that network, where indexing finds it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from marklens import assembly
from marklens.core.artifacts import read_json, save_arrays
from marklens.core.images import read_picture
from marklens.core.types import Vectors
from marklens.datasets.icons.brand_split import split_of
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.patch_reducer import ENDING
from marklens.embeddings.pca_reducer import fit_pca
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions

DIMS = 128
WHITENING = 0.75
"""From 0.5 on more is better for mutual matches, and 1 no better than this (benchmarks/rerank.py)."""
BATCH = 16


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    logos: Annotated[int, typer.Option(help="How many logos to fit on.")] = 3000,
    weights: Annotated[Path | None, typer.Option(help="A network; none takes the bundled one.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes every core.")] = 0,
) -> None:
    """Fit and write."""
    network = weights or bundled_weights()
    embedder = OnnxEmbedder(network, BATCH, threads)
    files = training_files(dataset)[:logos]
    maker = assembly.make_view_maker(ViewOptions(size=embedder.size, figurative=False))
    pca = fit_pca(_ink_patches(dataset, files, maker, embedder), DIMS, WHITENING)
    path = network.with_name(network.stem + ENDING)
    arrays = {"mean": pca.mean, "components": pca.components, "deviations": pca.deviations}
    save_arrays(path, arrays, {"model": embedder.model_hash, "whitening": repr(pca.whitening)})
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB, of {len(files)} logos")


def training_files(dataset: Path) -> list[str]:
    """Logos of training brands in a drawn order that is the same every time: first one of each brand."""
    groups = read_json(dataset / "groups_train.json")
    assert all(split_of(brand) == "train" for brand in groups)
    random = np.random.default_rng(0)
    shuffled = [random.permutation(sorted(group)).tolist() for _, group in sorted(groups.items())]
    random.shuffle(shuffled)
    return [group[turn] for turn in range(max(map(len, shuffled))) for group in shuffled if turn < len(group)]


def _ink_patches(
    dataset: Path, files: list[str], maker: ViewMaker, embedder: OnnxEmbedder
) -> Iterator[Vectors]:
    for start in range(0, len(files), 8 * BATCH):
        some = files[start : start + 8 * BATCH]
        views = [maker.prepare(read_picture(dataset / "images" / file)).views[0] for file in some]
        _, patches = embedder.describe(np.stack([view.pixels for view in views]))
        yield patches[np.stack([view.ink.ravel() for view in views])]


if __name__ == "__main__":
    typer.run(main)
