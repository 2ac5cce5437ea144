"""Approximate search in PostgreSQL by pgvector: half-precision vectors in an HNSW graph, exact where it pays.

A table is written in one transaction with its graph, and then named by a small file in the index folder. The
renaming of that file is the moment of the change: a killed load leaves the old table and the old file.
Vectors that are added to a finished table come in one transaction too; stores opened before do not see them.
"""

import json
import secrets
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from marklens.core.artifacts import read_json, write_text
from marklens.core.errors import ArtifactError, UsageError
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors
from marklens.retrieval.exact_search import allowed_rows, best_first, search_rows
from marklens.retrieval.pgvector_rows import HEADER, TRAILER, decode, decode_vectors, encode, mask_bytes
from marklens.retrieval.postgres import Server
from marklens.retrieval.postgres_schema import migrate, require_schema

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed, Identifier

Result = TypeVar("Result")
Asked = tuple["Composed", Mapping[str, Any], Mapping[str, str]]
"""A statement for one query, its parameters beside the query, and the settings it needs."""

MOST_DIMS = 4000
"""Of a halfvec with an HNSW index."""
LINKS = 24
"""m, links of a vector on each level; the lowest level has twice as many."""
EF_CONSTRUCTION = 128
"""Candidates kept while building."""
EF_SEARCH = 400
"""Candidates kept while searching, at least."""
MOST_EF = 1000
"""pgvector's upper bound; what lies deeper comes by iterative scan."""
SCAN_BELOW = 0.5
"""Share of allowed marks under which all of them are compared."""
ROWS_PER_STEP = 20
"""Vectors scanned in the time that one candidate of the graph takes."""
LISTED_BELOW = 0.05
"""Share of allowed marks under which they are looked up instead of passing over the whole table."""
MANY_QUERIES = 16
"""From here on, fetching the table once and multiplying here beats a scan in the server for each query."""
MANY_RESULTS = 20_000
"""More results than that are ranked here too."""
BLOCK = 16_384
"""Rows sent or fetched at a time."""
WORK_MEM = "64MB"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of vectors, as the file in the index folder and the database name it.

    Attributes:
        name: in the schema ``marklens``.
        owner: the same for all tables that one index has ever had.
        dims: length of the vectors.
        rows: how many.
        last_id: the largest view id; -1 if there are none.
    """

    name: str
    owner: str
    dims: int
    rows: int = 0
    last_id: int = -1


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
            store._make_table()
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
        table, connection = _read_pointer(path), server.connect()
        try:
            with server.reporting():
                require_schema(connection)
                _require_table(connection, table, path)
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
            self._copy(self._writer, new_ids, new)
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
        passing = None if allowed is None else np.asarray(allowed, np.bool_)[: self._marks]
        share = 1.0 if passing is None else np.count_nonzero(passing) / self._marks
        if not (len(checked) and k and len(self) and share):
            return _padding(len(checked), k)
        if exact or not self._graph_pays(k, share):
            return self._scan(checked, k, passing, share)
        similarities, found = self._ask(checked, k, self._graph_search(k, passing, share))
        short = (found < 0).any(axis=1)
        if short.any():
            similarities[short], found[short] = self._scan(checked[short], k, passing, share)
        return similarities, found

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these ids, rounded; raises KeyError for an id that is not there."""
        from psycopg import sql

        statement = sql.SQL(
            "SELECT vector FROM unnest(%b::bigint[]) WITH ORDINALITY AS wanted (id, place)"
            " LEFT JOIN {} AS held ON held.id = wanted.id AND held.id <= %b ORDER BY place"
        ).format(self._name)
        wanted, parts = np.asarray(ids, np.int64), [np.empty((0, self.dims), np.float32)]
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK].tolist()
            values = self._read(partial(_column, statement=statement, parameters=(block, self._last)))
            if None in values:
                raise KeyError(block[values.index(None)])
            parts.append(decode_vectors(values, self.dims))
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Make the graph, let everybody see the table, and write the file that names it, atomically.

        Tables that the index had before are dropped after that.
        """
        if path.is_file():
            self.table = replace(self.table, owner=_owner(path) or self.table.owner)
        if self._writer is not None:
            with self._server.reporting():
                self._finish(self._writer)
                self._writer.commit()
        write_text(path, json.dumps({"connection": "postgres.url", **asdict(self.table)}, indent=2))
        if self._writer is not None:
            with self._server.reporting():
                drop_tables(self._writer, self.table.owner, self.table.name)
                self._writer.commit()

    @property
    def _name(self) -> "Identifier":
        from psycopg import sql

        return sql.Identifier("marklens", self.table.name)

    @property
    def _last(self) -> int:
        """Rows above this view id were added after this store was opened."""
        return self.table.last_id

    @property
    def _marks(self) -> int:
        """One more than the largest mark number."""
        return max(1, (self.table.last_id >> VIEW_BITS) + 1)

    def _make_table(self) -> None:
        from psycopg import sql

        assert self._writer is not None
        self._writer.execute(
            sql.SQL(
                "CREATE TABLE {} (id bigint PRIMARY KEY, mark bigint GENERATED ALWAYS AS (id >> {}) STORED,"
                " vector halfvec({}) NOT NULL)"
            ).format(self._name, sql.Literal(VIEW_BITS), sql.Literal(self.dims))
        )
        self._writer.execute(  # out of line, every comparison would fetch it from another table
            sql.SQL("ALTER TABLE {} ALTER COLUMN vector SET STORAGE PLAIN").format(self._name)
        )

    def _copy(self, writer: "Connection", ids: Ids, vectors: Vectors) -> None:
        from psycopg import sql
        from psycopg.errors import UniqueViolation

        statement = sql.SQL("COPY {} (id, vector) FROM STDIN (FORMAT binary)").format(self._name)
        # opens the transaction that `save` commits; without it the next block would commit
        writer.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(self._name))
        try:
            with writer.transaction(), writer.cursor().copy(statement) as copy:
                copy.write(HEADER)
                for start in range(0, len(ids), BLOCK):
                    block = slice(start, start + BLOCK)
                    copy.write(encode(ids[block], vectors[block]))
                copy.write(TRAILER)
        except UniqueViolation as error:
            raise ValueError("a view id is in the store already") from error

    def _finish(self, writer: "Connection") -> None:
        from psycopg import sql

        if not self._indexed:
            self._build_graph(writer)
            self._indexed = True
        writer.execute(sql.SQL("ANALYZE {}").format(self._name))
        writer.execute(
            "INSERT INTO marklens.tables (name, owner, dims, rows, last_id)"
            " VALUES (%(name)s, %(owner)s, %(dims)s, %(rows)s, %(last_id)s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET owner = excluded.owner, rows = excluded.rows, last_id = excluded.last_id",
            asdict(self.table),
        )

    def _build_graph(self, writer: "Connection") -> None:
        from psycopg import sql

        settings = {"maintenance_work_mem": f"{self._server.memory_mb}MB"}
        if self.threads:
            settings["max_parallel_maintenance_workers"] = str(self.threads - 1)
        _configure(writer, settings)
        writer.execute(
            sql.SQL(
                "CREATE INDEX ON {} USING hnsw (vector halfvec_ip_ops) WITH (m = {}, ef_construction = {})"
            ).format(self._name, sql.Literal(LINKS), sql.Literal(EF_CONSTRUCTION))
        )
        writer.execute(sql.SQL("CREATE INDEX ON {} (mark)").format(self._name))

    def _graph_pays(self, k: int, share: float) -> bool:
        """Whether the graph, searched widely enough, looks at less than a scan, and finds what is there."""
        rows = share * len(self)
        if not self._indexed or k >= rows:
            return False
        return self.eager or (
            share >= SCAN_BELOW and ROWS_PER_STEP * max(self.ef_search, k) / share < len(self)
        )

    def _graph_search(self, k: int, allowed: Bools | None, share: float) -> Asked:
        from psycopg import sql

        condition, parameters = self._condition(allowed)
        statement = sql.SQL(
            "SELECT id, vector <#> {} AS distance FROM {} WHERE {} ORDER BY vector <#> {} LIMIT {}"
        ).format(self._query, self._name, condition, self._query, sql.Literal(k))
        wide = max(self.ef_search, k)
        settings = {
            "hnsw.ef_search": str(min(MOST_EF, wide)),
            "hnsw.iterative_scan": "relaxed_order",  # strict drops what comes late
            "hnsw.max_scan_tuples": str(ceil(4 * wide / share) + MOST_EF),
            "hnsw.scan_mem_multiplier": "16",
            "enable_seqscan": "off",
            "enable_sort": "off",
        }
        return statement, parameters, settings

    def _scan(self, queries: Vectors, k: int, allowed: Bools | None, share: float) -> tuple[Vectors, Ids]:
        if len(queries) >= MANY_QUERIES or k > MANY_RESULTS:
            return self._scan_here(queries, k, allowed)
        return self._ask(queries, k, self._exact_search(k, allowed, listed=share < LISTED_BELOW))

    def _exact_search(self, k: int, allowed: Bools | None, listed: bool) -> Asked:
        """Comparing in the server; ordering by a sum keeps the graph, which knows only the distance, out."""
        from psycopg import sql

        condition, parameters = self._condition(allowed, listed)
        statement = sql.SQL(
            "SELECT id, (vector <#> {}) + 0 AS distance FROM {} WHERE {} ORDER BY 2, 1 LIMIT {}"
        ).format(self._query, self._name, condition, sql.Literal(k))
        return statement, parameters, {"work_mem": WORK_MEM}

    def _scan_here(self, queries: Vectors, k: int, allowed: Bools | None) -> tuple[Vectors, Ids]:
        """Fetch the table once, block by block, for all queries."""
        from psycopg import sql

        statement = sql.SQL(
            "COPY (SELECT id, vector FROM {} WHERE id <= {}) TO STDOUT (FORMAT binary)"
        ).format(self._name, sql.Literal(self._last))

        def scan(connection: "Connection") -> tuple[Vectors, Ids]:
            best = _padding(len(queries), 0)
            with connection.cursor().copy(statement) as copy:
                for ids, vectors in decode(copy, self.dims, BLOCK):
                    rows = None if allowed is None else allowed_rows(ids, allowed)
                    count = min(k, len(ids) if rows is None else len(rows))
                    best = _merged(best, search_rows(vectors, ids, queries, count, rows), k)
            return best

        return _padded(self._read(scan), k)

    @property
    def _query(self) -> "Composed":
        from psycopg import sql

        return sql.SQL("%(query)b::float8[]::halfvec({})").format(sql.Literal(self.dims))

    def _condition(self, allowed: Bools | None, listed: bool = False) -> tuple["Composed", Mapping[str, Any]]:
        """Which rows may be returned: those of allowed marks, as a list or a bitmap."""
        from psycopg import sql

        here = sql.SQL("id <= {}").format(sql.Literal(self._last))
        if allowed is None:
            return here, {}
        if listed:
            one_of = sql.SQL(" AND mark = ANY(%(marks)b::bigint[])")
            return here + one_of, {"marks": np.flatnonzero(allowed).tolist()}
        inside = sql.SQL(" AND CASE WHEN mark < {} THEN get_bit(%(mask)b::bytea, mark) = 1 ELSE false END")
        return here + inside.format(sql.Literal(len(allowed))), {"mask": mask_bytes(allowed)}

    def _ask(self, queries: Vectors, k: int, asked: Asked) -> tuple[Vectors, Ids]:
        statement, parameters, settings = asked

        def ask(connection: "Connection") -> list[list[tuple[int, float]]]:
            with connection.pipeline():
                _configure(connection, {"jit": "off", "plan_cache_mode": "force_custom_plan", **settings})
                cursors = [
                    connection.execute(statement, {**parameters, "query": query.tolist()}, binary=True)
                    for query in queries
                ]
                return [cursor.fetchall() for cursor in cursors]

        similarities, found = _padding(len(queries), k)
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


def discard(path: Path, server: Server) -> None:
    """Drop every table of the index that a file belongs to."""
    owner = _owner(path)
    if owner is not None:
        with server.reporting(), server.connect() as connection:
            drop_tables(connection, owner)


def drop_tables(connection: "Connection", owner: str, but: str | None = None) -> None:
    """Drop every table of an index, but for one."""
    from psycopg import sql

    for name in _column(connection, "SELECT name FROM marklens.tables WHERE owner = %b", (owner,)):
        if name != but:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("marklens", name)))
            connection.execute("DELETE FROM marklens.tables WHERE name = %s", (name,))


def _require_table(connection: "Connection", table: Table, path: Path) -> None:
    """Check that a table is what its file says."""
    row = connection.execute(
        "SELECT dims, rows, last_id, to_regclass('marklens.' || name) IS NOT NULL"
        " FROM marklens.tables WHERE name = %s",
        (table.name,),
    ).fetchone()
    if row is None or not row[3]:
        raise ArtifactError(
            f"the table {table.name} that {path} names is not in the database: check the setting "
            "postgres.url, or run 'marklens index compact' on the index"
        )
    if row[:3] != (table.dims, table.rows, table.last_id):
        raise ArtifactError(
            f"the table {table.name} is not what {path} says ({row[1]} vectors, {table.rows} expected): run "
            "'marklens index compact' on the index"
        )


def _read_pointer(path: Path) -> Table:
    document = read_json(path)
    try:
        document.pop("connection")
        return Table(**document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} names no vector table: build the index again") from error


def _owner(path: Path) -> str | None:
    """Whose table a file names, if it can be read."""
    try:
        return _read_pointer(path).owner
    except ArtifactError:
        return None


def _configure(connection: "Connection", settings: Mapping[str, str]) -> None:
    """Set parameters of the server until the end of the transaction, in one round trip."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.execute(f"SELECT {calls}".encode(), [part for pair in settings.items() for part in pair])


def _column(connection: "Connection", statement: "str | Composed", parameters: Sequence[Any]) -> list[Any]:
    query = statement.encode() if isinstance(statement, str) else statement
    return [row[0] for row in connection.execute(query, parameters, binary=True).fetchall()]


def _padding(queries: int, k: int) -> tuple[Vectors, Ids]:
    return np.full((queries, k), -np.inf, np.float32), np.full((queries, k), -1, np.int64)


def _padded(best: tuple[Vectors, Ids], k: int) -> tuple[Vectors, Ids]:
    similarities, found = _padding(len(best[0]), k)
    similarities[:, : best[0].shape[1]], found[:, : best[1].shape[1]] = best
    return similarities, found


def _merged(best: tuple[Vectors, Ids], more: tuple[Vectors, Ids], k: int) -> tuple[Vectors, Ids]:
    """The k best of two rankings."""
    similarities = np.concatenate([best[0], more[0]], axis=1)
    ids = np.concatenate([best[1], more[1]], axis=1)
    order = best_first(similarities, min(k, similarities.shape[1]))
    return np.take_along_axis(similarities, order, axis=1), np.take_along_axis(ids, order, axis=1)
