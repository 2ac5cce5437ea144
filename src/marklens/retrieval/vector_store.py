"""Vector stores by name."""

from pathlib import Path
from typing import Protocol

from loguru import logger

from marklens.core.errors import ArtifactError, DatabaseError, UsageError
from marklens.core.ports import VectorStore
from marklens.retrieval.faiss_forms import Plan
from marklens.retrieval.milvus import Milvus
from marklens.retrieval.postgres import Server

AnyServer = Server | Milvus
"""Where vectors can be that do not lie in the index folder."""


class StoreKind(Protocol):
    """A way to keep vectors. What it needs is imported when it is used, so that nobody needs another's.

    Attributes:
        place: where the vectors are.
        page: the page of the documents that tells about it.
    """

    place: str
    page: str

    def create(self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
        """See `create_store`."""

    def open(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
        """See `open_store`."""

    def check(self, server: AnyServer | None) -> None:
        """See `check_store`."""

    def prune(self, path: Path, server: AnyServer | None) -> None:
        """See `prune_store`."""

    def discard(self, path: Path, server: AnyServer | None) -> None:
        """Delete what lies elsewhere, see `discard_store`."""


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
    return _known(kind).create(dims, threads=threads, server=server, plan=plan)


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
    return _kind_of(path).open(path, writable=writable, server=server)


def check_store(kind: str, *, server: AnyServer | None = None) -> None:
    """Raise now, before long work, what creating a store would raise after it.

    Raises:
        UsageError: no such kind, or no server.
        DatabaseError: the server is not there, refuses, or lacks what Marklens needs.
    """
    _known(kind).check(server)


def prune_store(path: Path, *, server: AnyServer | None = None) -> None:
    """Delete what a saved store left of those before it; call it when nobody opens those any more."""
    try:
        _kind_of(path).prune(path, server)
    except (DatabaseError, ArtifactError) as error:  # the index is whole without it
        logger.warning("vectors of before stay in the database until the next compact: {}", error)


def discard_store(path: Path, *, server: AnyServer | None = None) -> None:
    """Delete a saved store, where one is: an index that moved to another kind does not need it."""
    kind = _kind_of(path)
    try:
        if path.is_file():
            kind.discard(path, server)
    except (UsageError, DatabaseError, ArtifactError) as error:  # who leaves a dead server must be able to
        logger.warning(
            "the vectors in {} stay there, docs/{}.md tells how to drop them: {}",
            kind.place,
            kind.page,
            error,
        )
    path.unlink(missing_ok=True)


class _InFolder:
    """Its file is all it has."""

    place, page = "the folder", "index"

    def check(self, server: AnyServer | None) -> None: ...

    def prune(self, path: Path, server: AnyServer | None) -> None: ...

    def discard(self, path: Path, server: AnyServer | None) -> None: ...


class _Faiss(_InFolder):
    def create(self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
        from marklens.retrieval.faiss_store import FaissStore

        return FaissStore(dims, threads=threads, plan=plan)

    def open(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
        from marklens.retrieval.faiss_store import FaissStore

        return FaissStore.load(path, writable=writable)


class _Exact(_InFolder):
    def create(self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
        from marklens.retrieval.exact_store import ExactStore

        return ExactStore(dims)

    def open(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
        from marklens.retrieval.exact_store import ExactStore

        return ExactStore.load(path)


class _PgVector:
    place, page = "PostgreSQL", "postgres"

    def create(self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
        from marklens.retrieval.pgvector_store import PgVectorStore

        return PgVectorStore.create(self._given(server), dims, threads=threads)

    def open(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
        from marklens.retrieval.pgvector_store import PgVectorStore

        return PgVectorStore.load(path, self._given(server), writable=writable)

    def check(self, server: AnyServer | None) -> None:
        self.create(1, threads=0, server=server, plan=None)

    def prune(self, path: Path, server: AnyServer | None) -> None:
        from marklens.retrieval import pgvector_store

        pgvector_store.prune(path, self._given(server))

    def discard(self, path: Path, server: AnyServer | None) -> None:
        from marklens.retrieval import pgvector_store

        pgvector_store.discard(path, self._given(server))

    @staticmethod
    def _given(server: AnyServer | None) -> Server:
        if not isinstance(server, Server):
            raise UsageError(
                "the vectors of this index are in PostgreSQL: set postgres.url or MARKLENS_POSTGRES__URL, as "
                "in postgresql://user@host:5432/database"
            )
        return server


class _Milvus:
    place, page = "Milvus", "scale"

    def create(self, dims: int, *, threads: int, server: AnyServer | None, plan: Plan | None) -> VectorStore:
        from marklens.retrieval.milvus_store import MilvusStore

        return MilvusStore.create(self._given(server), dims)

    def open(self, path: Path, *, writable: bool, server: AnyServer | None) -> VectorStore:
        from marklens.retrieval.milvus_store import MilvusStore

        return MilvusStore.load(path, self._given(server), writable=writable)

    def check(self, server: AnyServer | None) -> None:
        self._given(server).check()

    def prune(self, path: Path, server: AnyServer | None) -> None:
        from marklens.retrieval import milvus_store

        milvus_store.prune(path, self._given(server))

    def discard(self, path: Path, server: AnyServer | None) -> None:
        from marklens.retrieval import milvus_store

        milvus_store.discard(path, self._given(server))

    @staticmethod
    def _given(server: AnyServer | None) -> Milvus:
        if not isinstance(server, Milvus):
            raise UsageError(
                "the vectors of this index are in Milvus: set milvus.uri or MARKLENS_MILVUS__URI, as in "
                "http://host:19530, or vectors.db for Milvus Lite"
            )
        return server


STORES: dict[str, StoreKind] = {
    "faiss": _Faiss(), "exact": _Exact(), "pgvector": _PgVector(), "milvus": _Milvus(),
}  # fmt: skip


def _known(kind: str) -> StoreKind:
    if kind not in STORES:
        raise UsageError(f"there is no vector store '{kind}': choose one of {', '.join(STORES)}")
    return STORES[kind]


def _kind_of(path: Path) -> StoreKind:
    return _known(path.suffix.removeprefix("."))
