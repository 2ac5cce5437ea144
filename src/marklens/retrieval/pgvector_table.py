"""The table that holds the vectors of an index, from making to dropping, and the file that names it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marklens.core.artifacts import read_json, write_text
from marklens.core.errors import ArtifactError
from marklens.core.types import VIEW_BITS, Ids, Vectors
from marklens.retrieval.pgvector_rows import HEADER, TRAILER, encode

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed, Identifier

LINKS = 24
"""m, links of a vector on each level; the lowest level has twice as many."""
EF_CONSTRUCTION = 128
"""Candidates kept while building."""
BLOCK = 16_384
"""Rows sent or fetched at a time."""


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

    @property
    def marks(self) -> int:
        """One more than the largest mark number, at least 1."""
        return max(1, (self.last_id >> VIEW_BITS) + 1)

    @property
    def place(self) -> "Identifier":
        """Its name in a statement."""
        from psycopg import sql

        return sql.Identifier("marklens", self.name)


def write_pointer(path: Path, table: Table) -> None:
    """Write the file that names a table, atomically; the connection is a setting, and not in it."""
    write_text(path, json.dumps({"connection": "postgres.url", **asdict(table)}, indent=2))


def read_pointer(path: Path) -> Table:
    """Read what `write_pointer` wrote.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    document = read_json(path)
    try:
        document.pop("connection")
        return Table(**document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} names no vector table: build the index again") from error


def owner_of(path: Path) -> str | None:
    """Whose table a file names; None where there is no such file that can be read."""
    try:
        return read_pointer(path).owner
    except ArtifactError:
        return None


def require_table(connection: "Connection", table: Table, path: Path) -> None:
    """Check that a table is what its file says.

    Raises:
        ArtifactError: it is gone or another one.
    """
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


def make_table(connection: "Connection", table: Table) -> None:
    """Make it, empty."""
    from psycopg import sql

    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (id bigint PRIMARY KEY, mark bigint GENERATED ALWAYS AS (id >> {}) STORED,"
            " vector halfvec({}) NOT NULL)"
        ).format(table.place, sql.Literal(VIEW_BITS), sql.Literal(table.dims))
    )
    connection.execute(  # out of line, every comparison would fetch it from another table
        sql.SQL("ALTER TABLE {} ALTER COLUMN vector SET STORAGE PLAIN").format(table.place)
    )


def copy_rows(connection: "Connection", table: Table, ids: Ids, vectors: Vectors) -> None:
    """Load vectors (n, dims) under ids (n,), all or none, in a transaction that stays open.

    Raises:
        ValueError: an id is there already.
    """
    from psycopg import sql
    from psycopg.errors import UniqueViolation

    statement = sql.SQL("COPY {} (id, vector) FROM STDIN (FORMAT binary)").format(table.place)
    # opens the transaction where none is; without it the next block would commit
    connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(table.place))
    try:
        with connection.transaction(), connection.cursor().copy(statement) as copy:
            copy.write(HEADER)
            for start in range(0, len(ids), BLOCK):
                block = slice(start, start + BLOCK)
                copy.write(encode(ids[block], vectors[block]))
            copy.write(TRAILER)
    except UniqueViolation as error:
        raise ValueError("a view id is in the store already") from error


def build_graph(connection: "Connection", table: Table, memory_mb: int, threads: int) -> None:
    """Make the graph, and the index that looks marks up."""
    from psycopg import sql

    settings = {"maintenance_work_mem": f"{memory_mb}MB"}
    if threads:
        settings["max_parallel_maintenance_workers"] = str(threads - 1)
    configure(connection, settings)
    graph = sql.SQL(
        "CREATE INDEX ON {} USING hnsw (vector halfvec_ip_ops) WITH (m = {}, ef_construction = {})"
    )
    connection.execute(graph.format(table.place, sql.Literal(LINKS), sql.Literal(EF_CONSTRUCTION)))
    connection.execute(sql.SQL("CREATE INDEX ON {} (mark)").format(table.place))


def register(connection: "Connection", table: Table) -> None:
    """Note how much it holds and whose it is."""
    from psycopg import sql

    connection.execute(sql.SQL("ANALYZE {}").format(table.place))
    connection.execute(
        "INSERT INTO marklens.tables (name, owner, dims, rows, last_id)"
        " VALUES (%(name)s, %(owner)s, %(dims)s, %(rows)s, %(last_id)s)"
        " ON CONFLICT (name) DO UPDATE"
        " SET owner = excluded.owner, rows = excluded.rows, last_id = excluded.last_id",
        asdict(table),
    )


def drop_tables(connection: "Connection", owner: str, but: str | None = None) -> None:
    """Drop every table of an index, but for one."""
    from psycopg import sql

    for name in column(connection, "SELECT name FROM marklens.tables WHERE owner = %b", (owner,)):
        if name != but:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("marklens", name)))
            connection.execute("DELETE FROM marklens.tables WHERE name = %s", (name,))


def configure(connection: "Connection", settings: Mapping[str, str]) -> None:
    """Set parameters of the server until the end of the transaction, in one round trip."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.execute(f"SELECT {calls}".encode(), [part for pair in settings.items() for part in pair])


def column(connection: "Connection", statement: "str | Composed", parameters: Sequence[Any]) -> list[Any]:
    """The first column of an answer."""
    query = statement.encode() if isinstance(statement, str) else statement
    return [row[0] for row in connection.execute(query, parameters, binary=True).fetchall()]
