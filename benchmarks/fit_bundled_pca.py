"""Fit the reduction that ships with the bundled network, on logos that belong to no validation or test brand.

python -m benchmarks.fit_bundled_pca --dataset logos --index build/brands/views
"""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from marklens import assembly
from marklens.core.artifacts import read_json, save_arrays
from marklens.core.types import Vectors
from marklens.embeddings.pca_reducer import BUNDLED_PCA, fit_pca
from marklens.indexing.chunks import load_chunk
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.settings import load_settings

DIMS = 512


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index, made with the bundled network.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; none replaces the bundled file.")] = None,
) -> None:
    """Fit and write."""
    kept_out = {
        file
        for split in ("val", "test")
        for group in read_json(dataset / f"groups_{split}.json").values()
        for file in group
    }
    reducer = fit_pca(_vectors(index, kept_out), DIMS, whitening=1.0)
    arrays = {"mean": reducer.mean, "components": reducer.components, "deviations": reducer.deviations}
    path = out or Path(str(files("marklens.embeddings") / "weights" / BUNDLED_PCA))
    save_arrays(path, arrays, {"model": assembly.make_embedder(load_settings()).model_hash})
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _vectors(index: Path, kept_out: set[str]) -> Iterator[Vectors]:
    folder = IndexFolder(index)
    for path in folder.chunks(load_complete(folder).chunks):
        chunk = load_chunk(path)
        keep = np.array([mark.file not in kept_out for mark in chunk.marks], np.bool_)
        if keep.any():
            yield chunk.vectors[keep[chunk.owners]].astype(np.float32)


if __name__ == "__main__":
    typer.run(main)
