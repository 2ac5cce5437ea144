"""Which reduction: fitted on the index itself, whitened how much, or the one that was learned from pairs.

    python -m benchmarks.reduction --dataset logos --index build/brands/views

Asks the validation brands in galleries of several sizes, cut out of one index; vectors come from its chunks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.brand_ranks import best_of_marks, mean_measures, ranks_of
from benchmarks.reporting import report
from marklens.core.artifacts import read_json
from marklens.core.types import Ids, Vectors
from marklens.embeddings.onnx_embedder import bundled_weights
from marklens.embeddings.pca_reducer import PcaReducer, find_reducer, fit_pca
from marklens.indexing.chunks import load_chunk
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete

SIZES = ((600, 60), (2_000, 150), (5_000, 200), (15_000, 400))
"""Marks of a gallery, and how many validation brands are asked for in it."""
WHITENINGS = (0.0, 0.25, 0.5, 0.75, 1.0)
DIMS = 512


@dataclass(frozen=True, slots=True)
class Views:
    """All views of an index: vectors float32 (n, 1280) and the mark each belongs to, int64 (n,)."""

    vectors: Vectors
    owners: Ids

    def of(self, marks: Ids) -> "Views":
        """Those of some marks."""
        rows = np.isin(self.owners, marks)
        return Views(self.vectors[rows], self.owners[rows])


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index, made with the bundled network.")],
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Measure every reduction in every gallery."""
    views, files = _load(index)
    numbers = {file: number for number, file in enumerate(files)}
    known = {split: _groups(dataset, split, numbers) for split in ("val", "test")}
    asked = {number for groups in known.values() for group in groups for number in group}
    free = np.array([number for number in range(len(files)) if number not in asked])
    np.random.default_rng(0).shuffle(free)
    model = load_complete(IndexFolder(index)).recipe.model["hash"]
    report("Reductions on validation brands", list(_rows(views, known["val"], free, str(model))), json)


def _rows(views: Views, groups: Sequence[Ids], free: Ids, model: str) -> Iterator[dict[str, Any]]:
    for size, brands in SIZES:
        asked = groups[:brands]
        members = np.concatenate(asked)
        gallery = views.of(np.concatenate([members, free[: max(0, size - len(members))]]))
        own, learned = fit_pca([gallery.vectors], DIMS, 0.0), find_reducer(bundled_weights(), model, DIMS)
        assert learned is not None
        reducers = {f"own, whitening {power:.2f}": replace(own, whitening=power) for power in WHITENINGS}
        for name, reducer in {**reducers, "learned": learned}.items():
            yield {"gallery": size, "reduction": name, **_measure(gallery, reducer, asked)}


def _measure(gallery: Views, reducer: PcaReducer, groups: Sequence[Ids]) -> dict[str, float]:
    vectors, owners = reducer.reduce(gallery.vectors), gallery.owners
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    marks = owners[starts]
    rows = []
    for group in groups:
        for query in group:
            scores = best_of_marks(vectors[owners == query], vectors, starts)
            scores[marks == query] = -np.inf
            relevant = np.searchsorted(marks, group[group != query])
            rows.append((ranks_of(scores, relevant), len(relevant)))
    return mean_measures(rows)


def _load(index: Path) -> tuple[Views, list[str]]:
    vectors: list[Vectors] = []
    owners: list[Ids] = []
    files: list[str] = []
    folder = IndexFolder(index)
    for path in folder.chunks(load_complete(folder).chunks):
        chunk = load_chunk(path)
        vectors.append(chunk.vectors.astype(np.float32))
        owners.append(chunk.owners.astype(np.int64) + len(files))
        files += [mark.file for mark in chunk.marks]
    return Views(np.concatenate(vectors), np.concatenate(owners)), files


def _groups(dataset: Path, split: str, numbers: dict[str, int]) -> list[Ids]:
    named = read_json(dataset / f"groups_{split}.json").values()
    found = [np.array([numbers[file] for file in group if file in numbers], np.int64) for group in named]
    return [np.sort(group) for group in found if len(group) > 1]


if __name__ == "__main__":
    typer.run(main)
