"""What Marklens keeps in a PostgreSQL database, and how an older database is brought up to date.

Everything lies in the schema ``marklens``: ``migrations`` says which of `MIGRATIONS` were applied, ``tables``
names the vector tables with the index each belongs to. The vectors of an index are one table of their own.
"""

from typing import TYPE_CHECKING

from marklens.core.errors import ArtifactError, DatabaseError, first_line

if TYPE_CHECKING:
    from psycopg import Connection

LEAST_PGVECTOR = (0, 8, 4)
"""Earlier 0.8 can damage an HNSW index at vacuum, earlier ones know no iterative scan."""
LOCK = 0x6D61726B6C656E73
"""Advisory lock of migrations: "marklens" in ASCII."""
MIGRATIONS = (
    """
    CREATE TABLE marklens.tables (
        name text PRIMARY KEY,
        owner text NOT NULL,
        dims integer NOT NULL,
        rows bigint NOT NULL,
        last_id bigint NOT NULL,
        made timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX tables_owner ON marklens.tables (owner);
    """,
)
"""Applied in this order, each once; never change one that was released, append."""


def migrate(connection: "Connection") -> None:
    """Make the schema, or bring it up to date, within the transaction of the connection.

    Raises:
        DatabaseError: pgvector is missing or too old, or the database refuses.
        ArtifactError: a newer Marklens has been here.
    """
    from psycopg.errors import FeatureNotSupported, InsufficientPrivilege, UndefinedFile

    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (InsufficientPrivilege, UndefinedFile, FeatureNotSupported) as error:
        raise DatabaseError(
            f"the database has no pgvector ({first_line(error)}): install it, and have an administrator run "
            "CREATE EXTENSION vector"
        ) from error
    require_pgvector(connection)
    connection.execute("CREATE SCHEMA IF NOT EXISTS marklens")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS marklens.migrations"
        " (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"
    )
    for version in range(_applied(connection), len(MIGRATIONS)):
        connection.execute(MIGRATIONS[version].encode())
        connection.execute("INSERT INTO marklens.migrations (version) VALUES (%s)", (version + 1,))


def require_schema(connection: "Connection") -> None:
    """Check that the database is what this Marklens reads.

    Raises:
        DatabaseError: pgvector is missing or too old.
        ArtifactError: there is nothing of Marklens in it, or something older or newer.
    """
    require_pgvector(connection)
    found = connection.execute("SELECT to_regclass('marklens.migrations') IS NOT NULL").fetchone()
    if not (found and found[0] and _applied(connection) == len(MIGRATIONS)):
        raise ArtifactError(
            "the database holds no vectors of this version of Marklens: check the setting postgres.url, or "
            "run 'marklens index compact' on the index"
        )


def require_pgvector(connection: "Connection") -> None:
    """Check the version of the extension.

    Raises:
        DatabaseError: it is missing or too old.
    """
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    least = ".".join(map(str, LEAST_PGVECTOR))
    if row is None:
        raise DatabaseError(
            f"the database has no pgvector: install {least} or newer and CREATE EXTENSION vector"
        )
    if version_of(row[0]) < LEAST_PGVECTOR:
        raise DatabaseError(
            f"the database has pgvector {row[0]}, Marklens needs {least} or newer, because earlier ones can "
            "damage their index: install it, then ALTER EXTENSION vector UPDATE"
        )


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version such as ``0.8.5``."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _applied(connection: "Connection") -> int:
    row = connection.execute("SELECT coalesce(max(version), 0) FROM marklens.migrations").fetchone()
    applied = int(row[0]) if row else 0
    if applied > len(MIGRATIONS):
        raise ArtifactError("a newer Marklens has changed the database: install that version")
    return applied
