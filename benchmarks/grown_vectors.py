"""Vectors for benchmarks of stores: those of an index, more made out of them, or drawn; in one file.

Vectors beyond those of the index are made up: a stored vector plus normal noise, in each dimension of the
variance that two views of one mark differ by, back to unit length. So they crowd around real marks as views
do, which real marks of other owners would not: graphs and lists have a harder time telling them apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.filtered_recall import clustered
from marklens.core.sampling import evenly
from marklens.core.types import VIEW_BITS, Ids, Vectors
from marklens.indexing.folder import IndexFolder
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.vector_store import open_store

BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Rows:
    """Unit vectors in a file, read block by block: mapped, they would count as memory of who reads them.

    Attributes:
        path: float32, row after row.
        dims: length of a row.
        real: how many of them are of an index.
    """

    path: Path
    dims: int
    real: int

    def blocks(self, count: int) -> Iterator[Vectors]:
        """The first `count` rows, in blocks (at most `BLOCK`, dims)."""
        with self.path.open("rb") as file:
            for start in range(0, count, BLOCK):
                rows = min(BLOCK, count - start)
                yield np.fromfile(file, np.float32, rows * self.dims).reshape(rows, self.dims)

    def spread(self, count: int, sample: int) -> Vectors:
        """About `sample` of the first `count` rows, evenly spread, float32 (n, dims)."""
        chosen = evenly(sample, count)
        with self.path.open("rb") as file:
            parts = []
            for row in chosen.tolist():
                file.seek(row * self.dims * 4)
                parts.append(np.fromfile(file, np.float32, self.dims))
        return np.stack(parts)


def write_rows(path: Path, index: Path | None, count: int, dims: int, queries: int) -> tuple[Rows, Vectors]:
    """Write `count` vectors to a file.

    Args:
        path: where to.
        index: whose vectors come first; without one, all are drawn in clusters.
        count: how many.
        dims: their length, where they are drawn.
        queries: how many to make that are not in the file.

    Returns:
        the rows, and queries float32 (queries, dims).
    """
    if index is None:
        vectors, _ = clustered(count + queries, dims)
        vectors[:count].tofile(path)
        return Rows(path, dims, 0), vectors[count:]
    ids, vectors = stored(index)
    noise, rng = view_noise(ids, vectors), np.random.default_rng(0)
    with path.open("wb") as file:
        vectors[:count].tofile(file)
        for block in beyond(vectors, noise, count, rng):
            block.tofile(file)
    asked = shaken(vectors[rng.integers(min(count, len(vectors)), size=queries)], noise, rng)
    return Rows(path, vectors.shape[1], min(count, len(vectors))), asked


def stored(index: Path) -> tuple[Ids, Vectors]:
    """Every view of an index with FAISS: ids (n,), rising, and vectors (n, dims)."""
    store = open_store(IndexFolder(index).vectors)
    assert isinstance(store, FaissStore)
    ids = np.sort(store._ids())
    return ids, store.vectors(ids)


def grown(index: Path, count: int) -> tuple[Ids, Vectors]:
    """The first `count` views of an index; where it has fewer, made-up ones of further marks after them."""
    ids, vectors = stored(index)
    made = max(0, count - len(ids))
    further = (int(ids[-1] >> VIEW_BITS) + 1 + np.arange(made)) << VIEW_BITS
    blocks = beyond(vectors, view_noise(ids, vectors), count, np.random.default_rng(0)) if made else ()
    return np.concatenate([ids, further])[:count], np.concatenate([vectors, *blocks])[:count]


def beyond(vectors: Vectors, noise: Vectors, count: int, rng: np.random.Generator) -> Iterator[Vectors]:
    """What makes vectors (n, dims) up to `count`, in blocks (at most `BLOCK`, dims)."""
    for start in range(len(vectors), count, BLOCK):
        yield shaken(vectors[np.arange(start, min(start + BLOCK, count)) % len(vectors)], noise, rng)


def view_noise(ids: Ids, vectors: Vectors) -> Vectors:
    """How far two views of one mark are apart in each dimension: standard deviations (dims,)."""
    marks = ids >> VIEW_BITS
    pairs = np.flatnonzero(marks[1:] == marks[:-1])
    if len(pairs) < 2:
        raise ValueError("no mark of the index has two views: nothing tells how far views are apart")
    return np.asarray(np.std(vectors[pairs + 1] - vectors[pairs], axis=0), np.float32)


def shaken(vectors: Vectors, noise: Vectors, rng: np.random.Generator) -> Vectors:
    """Vectors (n, dims) plus noise of these deviations (dims,), of unit length."""
    moved = vectors + rng.normal(size=vectors.shape).astype(np.float32) * noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)
