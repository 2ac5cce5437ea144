"""Fit the reduction that ships with the bundled network, without held-out brands and their look-alikes.

    python -m benchmarks.fit_reduction --dataset logos --index build/brands/views

With --weights it makes one for another network, beside that network, where indexing finds it.

Marks of one brand that were drawn by different hands ought to be alike: directions in which they differ count
less (Mikolajczyk and Matas, Improving Descriptors for Fast Tree Matching by Optimal Linear Projection, 2007;
Radenović, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, 2019, section 3.4).
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.training_brands import training_brands
from marklens import assembly
from marklens.core.types import Ids, Vectors
from marklens.embeddings.pca_reducer import ENDING, PcaReducer, to_unit
from marklens.indexing.chunks import load_chunk
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.settings import load_settings

Matrix = npt.NDArray[np.float64]
DIMS = 512
SHRINKAGE = 0.02
"""From 0.01 to 0.05 all find alike (benchmarks/learned_whitening.py)."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index, made with that network.")],
    weights: Annotated[Path | None, typer.Option(help="A network; none takes the bundled one.")] = None,
    shrinkage: Annotated[float, typer.Option(help="See fit_whitening.")] = SHRINKAGE,
) -> None:
    """Fit and write."""
    settings = load_settings(model={"weights": weights} if weights else {})
    network, model = assembly.weights_file(settings), assembly.make_embedder(settings).model_hash
    if load_complete(IndexFolder(index)).recipe.model["hash"] != model:
        raise typer.BadParameter(f"{index} was made with another network than {network}")
    vectors, owners, brands = _views(index, dataset)
    apart = np.concatenate(list(differences(vectors, owners, brands)))
    reducer = fit_whitening(vectors, apart, DIMS, shrinkage)
    path = network.with_name(network.stem + ENDING)
    reducer.save(path, model)
    typer.echo(
        f"{path}: {path.stat().st_size / 1e6:.1f} MB, of {len(apart):,} pairs among {len(vectors):,} views"
    )


def differences(vectors: Vectors, owners: Ids, brands: Ids) -> Iterator[Vectors]:
    """Each view of a brand less the likest view of another mark of it.

    Args:
        vectors: float32 (n, d), unit length.
        owners: int64 (n,), the mark of each view.
        brands: int64 (n,), its brand, or -1.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for row, name in enumerate(brands.tolist()):
        if name >= 0:
            members[name].append(row)
    for rows in members.values():
        own = vectors[rows]
        alike = np.where(owners[rows][:, None] == owners[rows][None], -np.inf, own @ own.T)
        there = np.isfinite(alike).any(axis=1)
        yield own[there] - own[alike.argmax(axis=1)[there]]


def fit_whitening(vectors: Vectors, apart: Vectors, dims: int, shrinkage: float) -> PcaReducer:
    """A reduction in which pairs that are alike differ equally in all directions.

    Args:
        vectors: float32 (n, d), unit length, of all kinds of views.
        apart: float32 (pairs, d), the differences of views that ought to be alike.
        dims: that many of the directions in which views spread most, measured by how pairs differ.
        shrinkage: of the pairs' scatter towards a multiple of the identity, 0..1 (Ledoit and Wolf 2004).
    """
    dims = min(dims, vectors.shape[1])
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    within = _scatter(apart) / 2
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    values, axes = np.linalg.eigh(within)
    whiten = (axes / np.sqrt(values)) @ axes.T
    spread, turned = np.linalg.eigh(whiten @ _scatter(vectors - mean) @ whiten.T)
    best = np.argsort(-spread)[:dims]
    return PcaReducer(mean, (turned[:, best].T @ whiten).astype(np.float32), np.ones(dims, np.float32), 0.0)


def _scatter(vectors: Vectors) -> Matrix:
    """Mean of the outer products, summed by parts so that float32 loses nothing."""
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part in np.array_split(vectors, max(1, len(vectors) // 4096)):
        exact = part.astype(np.float64)
        total += exact.T @ exact
    return total / len(vectors)


def _views(index: Path, dataset: Path) -> tuple[Vectors, Ids, Ids]:
    """Vectors, marks and brands (or -1) of the index's views that something may be learned from."""
    folder, vectors, owners, brands, marks = IndexFolder(index), [], [], [], 0
    training, learned = training_brands(dataset)
    brand_of = {file: brand for brand, files in enumerate(training.values()) for file in files}
    for path in folder.chunks(load_complete(folder).chunks):
        chunk = load_chunk(path)
        keep = np.array([mark.file in learned for mark in chunk.marks], np.bool_)[chunk.owners]
        brand = np.array([brand_of.get(mark.file, -1) for mark in chunk.marks], np.int64)
        vectors.append(to_unit(chunk.vectors[keep].astype(np.float32)))
        owners.append(chunk.owners[keep].astype(np.int64) + marks)
        brands.append(brand[chunk.owners][keep])
        marks += len(chunk.marks)
    return np.concatenate(vectors), np.concatenate(owners), np.concatenate(brands)


if __name__ == "__main__":
    typer.run(main)
