"""The plainest vector store: NumPy, exact, the oracle for all others."""

from pathlib import Path

import numpy as np

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors


class ExactStore:
    """Compares every query with every vector; as slow as it is simple.

    Args:
        dims: length of the vectors.
    """

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._ids: Ids = np.empty(0, np.int64)
        self._vectors: Vectors = np.empty((0, dims), np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dims) under ids (n,).

        Raises:
            ValueError: another shape, a number that is not finite, an id that is there already.
        """
        new = checked_vectors(vectors, self.dims)
        self._ids = np.concatenate([self._ids, checked_new_ids(ids, len(new), self._ids)])
        self._vectors = np.concatenate([self._vectors, new])

    def search(
        self, queries: Vectors, k: int, allowed: Bools | None = None, *, exact: bool = False
    ) -> tuple[Vectors, Ids]:
        """Find the k most similar vectors of each query, as the port says; always exact."""
        products = checked_vectors(queries, self.dims) @ self._vectors.T
        if allowed is not None:
            numbers = self._ids >> VIEW_BITS
            passes = np.array([n < len(allowed) and bool(allowed[n]) for n in numbers], np.bool_)
            products[:, ~passes] = -np.inf
        order = np.argsort(-products, axis=1, kind="stable")[:, :k]
        similarities = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        similarities[:, : order.shape[1]] = np.take_along_axis(products, order, axis=1)
        found[:, : order.shape[1]] = self._ids[order]
        found[np.isneginf(similarities)] = -1
        return similarities, found

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these ids; raises KeyError for an id that is not there."""
        row_of = {int(id): row for row, id in enumerate(self._ids)}
        return self._vectors[np.array([row_of[int(id)] for id in ids], np.intp)]

    def save(self, path: Path) -> None:
        """Write a safetensors file, atomically."""
        save_arrays(path, {"ids": self._ids, "vectors": self._vectors})

    @staticmethod
    def load(path: Path) -> "ExactStore":
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing, damaged or something else.
        """
        arrays, _ = load_arrays(path)
        try:
            store = ExactStore(arrays["vectors"].shape[1])
            store.add(arrays["ids"], arrays["vectors"])
        except (KeyError, IndexError, ValueError) as error:
            raise ArtifactError(f"{path} holds no vector store: build the index again") from error
        return store
