"""Fit the patch reduction that ships with the bundled network, on ink patches of training brands' logos.

    python -m benchmarks.fit_patch_reduction --dataset logos

Patches of one brand's logos are matched as stage 2 does it, under a whitened PCA; directions in which matches
differ count less, as in fit_reduction. With --weights it makes one for another network, beside that network,
where indexing finds it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.fit_reduction import fit_whitening
from benchmarks.training_brands import training_brands
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.images import read_picture
from marklens.core.ports import Progress
from marklens.core.types import PATCH_GRID, Bools, LocalViews, Vectors
from marklens.embeddings.onnx_embedder import OnnxEmbedder
from marklens.embeddings.patch_reducer import ENDING, quantised
from marklens.embeddings.pca_reducer import PcaReducer, fit_pca, to_unit
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.reranking.spatial_matcher import match_patches
from marklens.settings import load_settings

DIMS = 128
MATCHED_DIMS, MATCHED_WHITENING = 96, 0.75
"""Of the PCA that patches are matched under."""
SHRINKAGE = 0.02
"""0.005 finds as much, 0.1 less (docs/benchmarks.md, experiments)."""
HANDS = 3
"""Logos of a brand, at most: large brands shall not outweigh the others."""
SPREAD = 100_000
"""Patches, at most, that the spread of all is measured on."""
BATCH = 16


@dataclass(frozen=True, slots=True)
class Logo:
    """One logo's full view.

    Attributes:
        ink: bool (49,), which cells hold ink.
        patches: float16 (ink cells, d), unit length.
    """

    ink: Bools
    patches: npt.NDArray[np.float16]

    def local(self, reducer: PcaReducer) -> LocalViews:
        """As an index would keep it, without colours."""
        packed = quantised(reducer.reduce(self.patches.astype(np.float32)))
        return LocalViews(packed, self.ink[None], np.zeros((1, 0), np.uint8))


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    weights: Annotated[Path | None, typer.Option(help="A network; none takes the bundled one.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes every core.")] = 0,
) -> None:
    """Fit and write."""
    network = weights or assembly.weights_file(load_settings())
    embedder = OnnxEmbedder(network, BATCH, threads)
    maker = assembly.make_view_maker(ViewOptions(size=embedder.size, figurative=False))
    brands = some_logos(training_brands(dataset)[0])
    with shown_progress() as progress:
        progress.start("describe", sum(map(len, brands)))
        logos = [_described(dataset, files, maker, embedder, progress) for files in brands]
    every = np.concatenate([logo.patches for brand in logos for logo in brand])
    some = np.random.default_rng(0).permutation(len(every))[:SPREAD]
    vectors = every[some].astype(np.float32)
    matching = fit_pca([vectors], MATCHED_DIMS, MATCHED_WHITENING)
    apart = np.concatenate([pairs for brand in logos for pairs in differences(brand, matching)])
    learned = fit_whitening(vectors, apart, DIMS, SHRINKAGE)
    path = network.with_name(network.stem + ENDING)
    learned.save(path, embedder.model_hash)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB, of {len(apart):,} pairs of patches")


def some_logos(brands: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Some logos of each brand, the same every time."""
    random = np.random.default_rng(0)
    return [random.permutation(sorted(files)).tolist()[:HANDS] for _, files in sorted(brands.items())]


def differences(brand: Sequence[Logo], matching: PcaReducer) -> Iterator[Vectors]:
    """What matched patches of every two logos of a brand differ by, float32 (matches, d)."""
    for one, other in combinations(brand, 2):
        found = match_patches(one.local(matching), other.local(matching))
        ours, theirs = (_rows(logo, cells) for logo, cells in ((one, found.query), (other, found.mark)))
        yield one.patches[ours].astype(np.float32) - other.patches[theirs].astype(np.float32)


def _rows(logo: Logo, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of a logo's patches that stand in these cells."""
    return np.searchsorted(np.flatnonzero(logo.ink), cells)


def _described(
    dataset: Path, files: Sequence[str], maker: ViewMaker, embedder: OnnxEmbedder, progress: Progress
) -> list[Logo]:
    views = [maker.prepare(read_picture(dataset / "images" / file)).views[0] for file in files]
    progress.advance(len(files))
    _, patches = embedder.describe(np.stack([view.pixels for view in views]))
    inks = np.stack([view.ink for view in views]).reshape(-1, PATCH_GRID**2)
    return [Logo(ink, to_unit(own[ink]).astype(np.float16)) for ink, own in zip(inks, patches, strict=True)]


if __name__ == "__main__":
    typer.run(main)
