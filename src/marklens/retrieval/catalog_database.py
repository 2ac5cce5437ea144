"""SQLite for many threads: a pool of connections, one snapshot or transaction a call, errors that explain."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from marklens.core.artifacts import identity
from marklens.core.errors import ArtifactError, UsageError

BUSY_SECONDS = 30.0
"""How long a call waits for another process that is writing."""


class Database:
    """An SQLite file with a table `state (changes)` of one row that counts the transactions."""

    def __init__(self, path: Path, writable: bool) -> None:
        self._path, self._writable = path, writable
        self._file = identity(path)
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    @staticmethod
    def open(path: Path, writable: bool) -> "Database":
        """Open a file that is there, undoing what a killed writer left half done.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        if not path.is_file():
            raise ArtifactError(f"{path} is missing: build the index first")
        if path.with_name(f"{path.name}-journal").exists():  # only a writer may roll back
            with _explained(path), closing(_connect(path, "rw")) as db:
                db.execute("SELECT * FROM sqlite_master").fetchall()
        return Database(path, writable)

    def connect(self, count: int) -> None:
        """Have so many connections at rest, each with its view of the file's tables."""
        while len(self._idle) < count:
            db = self._connect()
            db.execute("SELECT changes FROM state").fetchone()
            self._idle.append(db)

    def close(self) -> None:
        """Close the connections at rest; nothing can be asked any more."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """All rows of one query."""
        with self.reading() as db:
            return db.execute(sql, parameters).fetchall()

    def value(self, sql: str, *parameters: Any) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(sql, *parameters)
        return rows[0][0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file until the block ends."""
        with self._lent("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, undone by any error.

        Raises:
            UsageError: the database was opened for reading.
        """
        if not self._writable:
            raise UsageError(f"{self._path} is open for reading: open it with writable=True")
        with self._lent("BEGIN IMMEDIATE") as db:
            yield db
            db.execute("UPDATE state SET changes = changes + 1")

    @contextmanager
    def _lent(self, begin: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one thread; the next one takes it over."""
        with _explained(self._path):
            try:
                db = self._idle.pop()
            except IndexError:
                db = self._connect()
            try:
                db.execute(begin)
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.close()  # rolls back
                raise
            self._idle.append(db)

    def _connect(self) -> sqlite3.Connection:
        """One more connection to the file that was opened, never to one that has taken its place."""
        if self._closed:
            raise UsageError(f"{self._path} was closed: open the index again")
        db = _connect(self._path, "rw" if self._writable else "ro")
        if identity(self._path) != self._file:
            db.close()
            raise ArtifactError(f"{self._path} was changed by another process: open it again")
        # a long transaction that spills what does not fit its cache keeps all readers out until it ends
        db.execute("PRAGMA cache_spill = OFF")
        return db


@contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a new file, fast and without a journal: a crash costs the file."""
    with _explained(path), closing(_connect(path, "rwc")) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        yield db


@contextmanager
def unique_rows() -> Iterator[None]:
    """Say ValueError where two rows may not be alike."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ValueError(
            f"an entry repeats the number, id, view or attribute of another ({error})"
        ) from error


def bindable(text: str) -> str | bytes:
    """What SQLite can store as text: file names that are no UTF-8 (surrogates) go in as their bytes."""
    for errors in ("strict", "surrogateescape"):
        try:
            encoded = text.encode("utf-8", errors)
        except UnicodeEncodeError:
            continue
        return text if errors == "strict" else encoded
    return text.encode("utf-8", "replace").decode()


def readable(stored: bytes) -> str:
    """Undo `bindable`; the text factory of every connection."""
    return stored.decode("utf-8", "surrogateescape")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.text_factory = readable
    return db


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ArtifactError(f"{path} cannot be used ({error})") from error
    except sqlite3.IntegrityError:
        raise  # what was wrong is the call
    except sqlite3.DatabaseError as error:
        raise ArtifactError(f"{path} is damaged ({error}): build the index again") from error
