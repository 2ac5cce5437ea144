"""Approximate search in PostgreSQL by pgvector: half-precision vectors in an HNSW graph, exact where it pays.

A table is written in one transaction with its graph, and then named by a small file in the index folder. The
renaming of that file is the moment of the change: a killed load leaves the old table and the old file.
Vectors that are added to a finished table come in one transaction too; stores opened before do not see them.
"""

import secrets
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from marklens.core.errors import UsageError
from marklens.core.types import Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors
from marklens.retrieval.exact_search import allowed_rows, search_rows
from marklens.retrieval.pgvector_queries import (
    Statement,
    exact_search,
    graph_search,
    stored_vectors,
    whole_table,
)
from marklens.retrieval.pgvector_rows import decode, decode_vectors
from marklens.retrieval.pgvector_table import (
    BLOCK,
    Table,
    build_graph,
    column,
    configure,
    copy_rows,
    drop_tables,
    make_table,
    owner_of,
    read_pointer,
    register,
    require_table,
    write_pointer,
)
from marklens.retrieval.postgres import Server
from marklens.retrieval.postgres_schema import migrate, require_schema
from marklens.retrieval.rankings import merged, padded, padding

if TYPE_CHECKING:
    from psycopg import Connection

Result = TypeVar("Result")
MOST_DIMS = 4000
"""Of a halfvec with an HNSW index."""
EF_SEARCH = 400
"""Candidates kept while searching, at least."""
SCAN_BELOW = 0.5
"""Share of allowed marks under which all of them are compared."""
ROWS_PER_STEP = 100
"""Vectors scanned in the time that one candidate of the graph takes: of 20,000 × 512 the graph with 400
candidates took 42 ms, the scan 17 (benchmarks/pgvector.py on a busy machine)."""
LISTED_BELOW = 0.05
"""Share of allowed marks under which they are looked up instead of passing over the whole table."""
MANY_QUERIES = 16
"""From here on, fetching the table once and multiplying here beats a scan in the server for each query."""
MANY_RESULTS = 20_000
"""More results than that are ranked here too."""


class PgVectorStore:
    """Unit vectors in a table of PostgreSQL, inner product, half precision.

    Searches may run in many threads at once, on as many connections as the server allows; a store that is
    written has one connection and sees what it has added before anybody else does.

    Args:
        server: where the table is.
        table: which it is.
        writer: the connection that writes; None for a store that is only read.
        indexed: whether the table has its graph.
        threads: that build the graph, 0 for as many as the server likes.
        ef_search: candidates that the graph search keeps, at least.
        eager: ask the graph even where comparing all vectors would be faster; for tests and benchmarks.
    """

    def __init__(
        self,
        server: Server,
        table: Table,
        writer: "Connection | None" = None,
        *,
        indexed: bool = True,
        threads: int = 0,
        ef_search: int = EF_SEARCH,
        eager: bool = False,
    ) -> None:
        self._server, self.table, self._writer, self._indexed = server, table, writer, indexed
        self.dims, self.threads, self.ef_search, self.eager = table.dims, threads, ef_search, eager
        if writer is not None:
            weakref.finalize(self, writer.close)

    @staticmethod
    def create(server: Server, dims: int, *, threads: int = 0) -> "PgVectorStore":
        """Make an empty store, which nobody else sees before it is saved.

        Raises:
            UsageError: more dims than pgvector indexes.
            DatabaseError: the server is not there, refuses, or has no pgvector of this time.
        """
        if dims > MOST_DIMS:
            raise UsageError(f"pgvector takes at most {MOST_DIMS} dims, not {dims}: set pca.dims")
        writer, table = server.connect(), Table(f"vectors_{secrets.token_hex(8)}", secrets.token_hex(8), dims)
        store = PgVectorStore(server, table, writer, indexed=False, threads=threads)
        with server.reporting():
            migrate(writer)
            writer.commit()
            make_table(writer, table)
        return store

    @staticmethod
    def load(path: Path, server: Server, *, writable: bool = False) -> "PgVectorStore":
        """Open the table that a file names.

        Args:
            path: what `save` wrote.
            server: where the table is.
            writable: whether `add` will be called.

        Raises:
            ArtifactError: the file is missing or damaged, the table is gone or another one.
            DatabaseError: the server is not there, refuses, or has no pgvector of this time.
        """
        table, connection = read_pointer(path), server.connect()
        try:
            with server.reporting():
                require_schema(connection)
                require_table(connection, table, path)
                connection.commit()
        except BaseException:
            connection.close()
            raise
        if not writable:
            connection.close()
        return PgVectorStore(server, table, connection if writable else None)

    def __len__(self) -> int:
        return self.table.rows

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dims) under ids (n,).

        Raises:
            ValueError: another shape, a number that is not finite, an id that is there already.
            UsageError: the store was loaded for reading.
            DatabaseError: the connection was lost: nothing of this store was kept.
        """
        if self._writer is None:
            raise UsageError("this vector store is open for reading: open it with writable=True")
        new = checked_vectors(vectors, self.dims)
        new_ids = checked_new_ids(ids, len(new), np.empty(0, np.int64))
        if not len(new):
            return
        with self._server.reporting():
            copy_rows(self._writer, self.table, new_ids, new)
        self.table = replace(
            self.table,
            rows=self.table.rows + len(new),
            last_id=max(self.table.last_id, int(new_ids.max())),
        )

    def search(
        self, queries: Vectors, k: int, allowed: Bools | None = None, *, exact: bool = False
    ) -> tuple[Vectors, Ids]:
        """Find the k most similar vectors of each query, as the port says.

        Args:
            queries: float32 (q, dims), unit length.
            k: how many to return for each query.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all.
            exact: compare with all allowed vectors, whatever it takes.

        Raises:
            ValueError: another shape, or a number that is not finite.
            ArtifactError: the table was replaced.
            DatabaseError: the server does not answer.
        """
        checked = checked_vectors(queries, self.dims)
        passing = None if allowed is None else np.asarray(allowed, np.bool_)[: self.table.marks]
        share = 1.0 if passing is None else np.count_nonzero(passing) / self.table.marks
        if not (len(checked) and k and len(self) and share):
            return padding(len(checked), k)
        if exact or not self._graph_pays(k, share):
            return self._scan(checked, k, passing, share)
        similarities, found = self._ask(
            checked, k, graph_search(self.table, k, passing, share, self.ef_search)
        )
        short = (found < 0).any(axis=1)
        if short.any():
            similarities[short], found[short] = self._scan(checked[short], k, passing, share)
        return similarities, found

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these ids, rounded; raises KeyError for an id that is not there."""
        wanted, parts = np.asarray(ids, np.int64), [np.empty((0, self.dims), np.float32)]
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK].tolist()
            values = self._read(partial(column, statement=stored_vectors(self.table), parameters=(block,)))
            if None in values:
                raise KeyError(block[values.index(None)])
            parts.append(decode_vectors(values, self.dims))
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Make the graph, let everybody see the table, and write the file that names it, atomically.

        Tables that the index had before stay until `prune`: whoever has the index open searches there.
        """
        self.table = replace(self.table, owner=owner_of(path) or self.table.owner)
        if self._writer is not None:
            with self._server.reporting():
                if not self._indexed:
                    build_graph(self._writer, self.table, self._server.memory_mb, self.threads)
                    self._indexed = True
                register(self._writer, self.table)
                self._writer.commit()
        write_pointer(path, self.table)

    def _graph_pays(self, k: int, share: float) -> bool:
        """Whether the graph, searched widely enough, looks at less than a scan, and finds what is there."""
        rows = share * len(self)
        if not self._indexed or k >= rows:
            return False
        return self.eager or (
            share >= SCAN_BELOW and ROWS_PER_STEP * max(self.ef_search, k) / share < len(self)
        )

    def _scan(self, queries: Vectors, k: int, allowed: Bools | None, share: float) -> tuple[Vectors, Ids]:
        if len(queries) >= MANY_QUERIES or k > MANY_RESULTS:
            return self._scan_here(queries, k, allowed)
        return self._ask(queries, k, exact_search(self.table, k, allowed, listed=share < LISTED_BELOW))

    def _scan_here(self, queries: Vectors, k: int, allowed: Bools | None) -> tuple[Vectors, Ids]:
        """Fetch the table once, block by block, for all queries."""

        def scan(connection: "Connection") -> tuple[Vectors, Ids]:
            best = padding(len(queries), 0)
            with connection.cursor().copy(whole_table(self.table)) as copy:
                for ids, vectors in decode(copy, self.dims, BLOCK):
                    rows = None if allowed is None else allowed_rows(ids, allowed)
                    count = min(k, len(ids) if rows is None else len(rows))
                    best = merged(best, search_rows(vectors, ids, queries, count, rows), k)
            return best

        return padded(self._read(scan), k)

    def _ask(self, queries: Vectors, k: int, asked: Statement) -> tuple[Vectors, Ids]:
        def ask(connection: "Connection") -> list[list[tuple[int, float]]]:
            with connection.pipeline():
                configure(connection, asked.settings)
                cursors = [
                    connection.execute(
                        asked.statement, {**asked.parameters, "query": query.tolist()}, binary=True
                    )
                    for query in queries
                ]
                return [cursor.fetchall() for cursor in cursors]

        similarities, found = padding(len(queries), k)
        for row, answer in enumerate(self._read(ask)):
            if answer:
                ids, distances = (
                    np.array([id for id, _ in answer], np.int64),
                    np.array([d for _, d in answer]),
                )
                order = np.lexsort((ids, distances))
                similarities[row, : len(order)], found[row, : len(order)] = -distances[order], ids[order]
        return similarities, found

    def _read(self, work: Callable[["Connection"], Result]) -> Result:
        """On the connection that writes, whose transaction it leaves as it was, or on any."""
        if self._writer is None:
            return self._server.read(work)
        with self._server.reporting(), self._writer.transaction(force_rollback=True):
            return work(self._writer)


def prune(path: Path, server: Server) -> None:
    """Drop the tables that the index of a file had before the one that it names."""
    table = read_pointer(path)
    with server.reporting(), server.connect() as connection:
        drop_tables(connection, table.owner, table.name)


def discard(path: Path, server: Server) -> None:
    """Drop every table of the index that a file belongs to."""
    owner = owner_of(path)
    if owner is not None:
        with server.reporting(), server.connect() as connection:
            drop_tables(connection, owner)
