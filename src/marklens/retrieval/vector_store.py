"""Vector stores by name, and the plainest of them: NumPy, exact, the oracle for all others."""

from pathlib import Path
from typing import Protocol

import numpy as np
from loguru import logger

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError, DatabaseError, UsageError
from marklens.core.ports import VectorStore
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors
from marklens.retrieval.faiss_forms import Plan
from marklens.retrieval.milvus import Milvus
from marklens.retrieval.postgres import Server

AnyServer = Server | Milvus
"""Where vectors can be that do not lie in the index folder."""


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


class _Creator(Protocol):
    def __call__(
        self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None
    ) -> VectorStore: ...


class _Opener(Protocol):
    def __call__(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore: ...


def create_store(
    kind: str,
    dims: int,
    *,
    threads: int = 0,
    server: AnyServer | None = None,
    plan: Plan | None = None,
) -> VectorStore:
    """Make an empty store.

    Args:
        kind: a key of `STORES`.
        dims: length of the vectors.
        threads: how many threads build it, 0 for all cores.
        server: where PostgreSQL or Milvus is, for the kinds that keep vectors there.
        plan: how many vectors there will be and in which form FAISS shall keep them; None for float32.

    Raises:
        UsageError: no such kind, or no server.
    """
    create, _ = _known(kind)
    return create(dims, threads=threads, server=server, plan=plan)


def open_store(path: Path, *, writable: bool = False, server: AnyServer | None = None) -> VectorStore:
    """Open a saved store, its kind being the ending of the file name: `vectors.faiss`, `vectors.exact`.

    Args:
        path: what `save` wrote.
        writable: whether `add` will be called.
        server: where PostgreSQL or Milvus is, for the kinds that keep vectors there.

    Raises:
        UsageError: no such kind, or no server.
        ArtifactError: the file is missing or damaged.
    """
    _, load = _known(path.suffix.removeprefix("."))
    return load(path, writable=writable, server=server)


def check_store(kind: str, *, server: AnyServer | None = None) -> None:
    """Raise now, before long work, what creating a store would raise after it.

    Raises:
        UsageError: no such kind, or no server.
        DatabaseError: the server is not there, refuses, or lacks what Marklens needs.
    """
    if kind == "milvus":
        _given_milvus(server).check()
    else:
        create_store(kind, 1, server=server)


def prune_store(path: Path, *, server: AnyServer | None = None) -> None:
    """Delete what a saved store left of those before it; call it when nobody opens those any more."""
    try:
        if path.suffix == ".pgvector":
            from marklens.retrieval import pgvector_store

            pgvector_store.prune(path, _given(server))
        elif path.suffix == ".milvus":
            from marklens.retrieval import milvus_store

            milvus_store.prune(path, _given_milvus(server))
    except (DatabaseError, ArtifactError) as error:  # the index is whole without it
        logger.warning("vectors of before stay in the database until the next compact: {}", error)


def discard_store(path: Path, *, server: AnyServer | None = None) -> None:
    """Delete a saved store, where one is: an index that moved to another kind does not need it."""
    try:
        if path.suffix == ".pgvector" and path.is_file():
            from marklens.retrieval import pgvector_store

            pgvector_store.discard(path, _given(server))
        elif path.suffix == ".milvus" and path.is_file():
            from marklens.retrieval import milvus_store

            milvus_store.discard(path, _given_milvus(server))
    except (UsageError, DatabaseError) as error:  # whoever leaves a dead server must be able to
        place, page = ("PostgreSQL", "postgres") if path.suffix == ".pgvector" else ("Milvus", "scale")
        logger.warning(
            "the vectors in {} stay there, docs/{}.md tells how to drop them: {}", place, page, error
        )
    path.unlink(missing_ok=True)


def _create_faiss(dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
    from marklens.retrieval.faiss_store import FaissStore

    return FaissStore(dims, threads=threads, plan=plan)


def _open_faiss(path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
    from marklens.retrieval.faiss_store import FaissStore

    return FaissStore.load(path, writable=writable)


def _create_exact(dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
    return ExactStore(dims)


def _open_exact(path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
    return ExactStore.load(path)


def _create_pgvector(dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
    from marklens.retrieval.pgvector_store import PgVectorStore

    return PgVectorStore.create(_given(server), dims, threads=threads)


def _open_pgvector(path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
    from marklens.retrieval.pgvector_store import PgVectorStore

    return PgVectorStore.load(path, _given(server), writable=writable)


def _create_milvus(dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
    from marklens.retrieval.milvus_store import MilvusStore

    return MilvusStore.create(_given_milvus(server), dims)


def _open_milvus(path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
    from marklens.retrieval.milvus_store import MilvusStore

    return MilvusStore.load(path, _given_milvus(server), writable=writable)


STORES: dict[str, tuple[_Creator, _Opener]] = {
    "faiss": (_create_faiss, _open_faiss),
    "exact": (_create_exact, _open_exact),
    "pgvector": (_create_pgvector, _open_pgvector),
    "milvus": (_create_milvus, _open_milvus),
}


def _known(kind: str) -> tuple[_Creator, _Opener]:
    if kind not in STORES:
        raise UsageError(f"there is no vector store '{kind}': choose one of {', '.join(STORES)}")
    return STORES[kind]


def _given(server: AnyServer | None) -> Server:
    if not isinstance(server, Server):
        raise UsageError(
            "the vectors of this index are in PostgreSQL: set postgres.url or MARKLENS_POSTGRES__URL, as in "
            "postgresql://user@host:5432/database"
        )
    return server


def _given_milvus(server: AnyServer | None) -> Milvus:
    if not isinstance(server, Milvus):
        raise UsageError(
            "the vectors of this index are in Milvus: set milvus.uri or MARKLENS_MILVUS__URI, as in "
            "http://host:19530, or vectors.db for Milvus Lite"
        )
    return server
