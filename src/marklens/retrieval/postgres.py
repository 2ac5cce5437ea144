"""A PostgreSQL server: connections to it, and patience while it restarts."""

import atexit
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from marklens.core.errors import (
    ArtifactError,
    DatabaseError,
    DiskSpaceError,
    MissingExtraError,
    UsageError,
    last_line,
)

if TYPE_CHECKING:
    from psycopg import Connection, Error
    from psycopg_pool import ConnectionPool

Result = TypeVar("Result")
FIRST_PAUSE = 0.05
"""Seconds between two tries at a server that is away; each is twice the one before, at most a second."""
TRY = 1.0
"""Seconds that one try waits for a free connection. The pool gives up as soon: it doubles its pauses without
end, and would come back as long after the server as that was away."""
CONNECT_TIMEOUT = 10
"""Seconds for one connection, where the URL does not say."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where vectors live that do not lie in the index folder.

    Attributes:
        url: as libpq takes it, e.g. ``postgresql://user@host/database``; it may hold a password, so it is not
            shown.
        connections: how many searches may run at once.
        patience: seconds that a search waits for a server that restarts.
        memory_mb: what the server may take to build a graph.
    """

    url: str = field(repr=False)
    connections: int = 4
    patience: float = 10.0
    memory_mb: int = 1024

    def connect(self) -> "Connection":
        """A connection of its own, for one writer.

        Raises:
            MissingExtraError: psycopg is not installed.
            UsageError: the URL is none.
            DatabaseError: the server refuses or is not there.
        """
        psycopg = _psycopg()
        with self.reporting():
            return psycopg.connect(_checked(self.url), **_limits(self.url))  # type: ignore[no-any-return]

    def read(self, work: Callable[["Connection"], Result]) -> Result:
        """Do something that changes nothing, in a transaction; again if the server went away meanwhile.

        Raises:
            ArtifactError: a table is gone.
            DatabaseError: the server was away for longer than `patience`, or refuses.
        """
        psycopg, until, pause = _psycopg(), time.monotonic() + self.patience, FIRST_PAUSE
        pool = _pool(_checked(self.url), self.connections)
        with self.reporting():
            while True:
                try:
                    with pool.connection(TRY) as connection:
                        return work(connection)
                except psycopg.OperationalError as error:
                    if not _went_away(error) or time.monotonic() + pause > until:
                        raise
                time.sleep(pause)
                pause = min(1.0, 2 * pause)
                pool.check()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn what the database says into one line of ours."""
        psycopg = _psycopg()
        from psycopg_pool import PoolTimeout

        try:
            yield
        except psycopg.errors.UndefinedTable as error:
            raise ArtifactError(
                "the vectors of this index were replaced or dropped in the database: open the index again, "
                "or run 'marklens index compact' on it"
            ) from error
        except psycopg.errors.DiskFull as error:
            raise DiskSpaceError(
                f"PostgreSQL {self.place} has no room ({_said(error)}): make room on its disk, or, where it "
                "is shared memory, enlarge /dev/shm or set build.graph_threads to 1, and try again"
            ) from error
        except psycopg.Error as error:
            if not isinstance(error, psycopg.OperationalError) or not _went_away(error):
                raise DatabaseError(f"PostgreSQL {self.place} refuses: {_said(error)}") from error
            remedy = "start it, or check the setting postgres.url"
            if isinstance(error, PoolTimeout):
                remedy += f"; raise postgres.connections where more than {self.connections} ask at once"
            raise DatabaseError(
                f"PostgreSQL {self.place} does not answer ({last_line(error)}): {remedy}"
            ) from error

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        from psycopg.conninfo import conninfo_to_dict

        parts = conninfo_to_dict(self.url)
        return f"{parts.get('host') or 'localhost'}/{parts.get('dbname') or parts.get('user') or ''}"


def _psycopg() -> Any:
    """The driver, imported when first needed."""
    try:
        import psycopg
        import psycopg_pool  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the vector store 'pgvector'", "postgres") from error
    return psycopg


def _checked(url: str) -> str:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        host = str(conninfo_to_dict(url).get("host") or "")
        strange = "@" in host and not host.startswith("/")  # an @ in the password: the rest is no host
    except ProgrammingError:
        strange = True
    if strange:  # libpq's words can hold a part of the password
        raise UsageError(
            "setting postgres.url is no connection URL: give one like postgresql://user@host:5432/database"
        ) from None
    return url


def _limits(url: str) -> dict[str, int]:
    """How long a connection may take, where the URL does not say."""
    from psycopg.conninfo import conninfo_to_dict

    return {} if "connect_timeout" in conninfo_to_dict(url) else {"connect_timeout": CONNECT_TIMEOUT}


@cache
def _pool(url: str, connections: int) -> "ConnectionPool":
    """The connections of this process to one server, shared by every store that reads there."""
    from psycopg_pool import ConnectionPool

    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # errors are raised, not printed too
    pool = ConnectionPool(
        url,
        kwargs=_limits(url),
        min_size=1,
        max_size=connections,
        reconnect_timeout=TRY,
        open=True,
    )
    atexit.register(pool.close)
    return pool


def _said(error: "Error") -> str:
    """What the server says of a statement, without the statement; the last line where it was not reached."""
    return error.diag.message_primary or last_line(error)


def _went_away(error: Exception) -> bool:
    """Whether the connection broke or none could be made, rather than a statement failed."""
    state = getattr(error, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))
