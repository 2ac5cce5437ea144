"""The file of a watch's state: its tables, and the lock that keeps other watches away."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from marklens.core.artifacts import DISK_FULL
from marklens.core.errors import ArtifactError, DiskSpaceError, UsageError
from marklens.retrieval.catalog_database import readable
from marklens.watching.state import WatchState

APPLICATION = 0x4D6B5761
VERSION = 3
BUSY_SECONDS = 30.0
_CONFLICTS = """
CREATE TABLE conflicts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, filing INTEGER NOT NULL REFERENCES filings (number),
    mark TEXT NOT NULL, score REAL NOT NULL, document TEXT NOT NULL, shown TEXT,
    report INTEGER REFERENCES reports (number), UNIQUE (filing, mark)
);
"""
"""A number is never used again: who has read up to one must not miss what comes later."""
_NEW_IN_3 = """
CREATE TABLE faults (
    item TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, digest TEXT NOT NULL,
    report INTEGER REFERENCES reports (number), UNIQUE (item, kind, reason, digest)
);
CREATE TABLE watched (folder TEXT NOT NULL);
"""
_TABLES = f"""
BEGIN;
CREATE TABLE recipes (number INTEGER PRIMARY KEY, document TEXT NOT NULL UNIQUE);
CREATE TABLE filings (
    number INTEGER PRIMARY KEY, digest TEXT NOT NULL, id TEXT NOT NULL, file TEXT,
    recipe INTEGER NOT NULL REFERENCES recipes (number), checked TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    picture TEXT, UNIQUE (digest, id)
);
{_CONFLICTS}
CREATE INDEX conflicts_report ON conflicts (report);
CREATE TABLE reports (
    number INTEGER PRIMARY KEY, path TEXT NOT NULL, facts TEXT NOT NULL, written INTEGER NOT NULL DEFAULT 0
);
{_NEW_IN_3}
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
_SECOND = f"""
BEGIN;
ALTER TABLE conflicts RENAME TO version_1;
{_CONFLICTS}
INSERT INTO conflicts (number, filing, mark, score, document, shown, report)
    SELECT rowid, filing, mark, score, document, shown, report FROM version_1;
DROP TABLE version_1;
CREATE INDEX conflicts_report ON conflicts (report);
PRAGMA user_version = 2;
COMMIT;
"""
"""From version 1, whose conflicts had no numbers of their own."""
_THIRD = f"""
BEGIN;
ALTER TABLE faults RENAME TO version_2;
{_NEW_IN_3}
INSERT INTO faults SELECT item, kind, reason, '', report FROM version_2;
DROP TABLE version_2;
PRAGMA user_version = 3;
COMMIT;
"""
"""From version 2, which took faults of equal words for one, and did not know whose portfolio it was."""
_STEPS = {1: _SECOND, 2: _THIRD}


@contextmanager
def open_state(path: Path, any_thread: bool = False) -> Iterator[WatchState]:
    """Open a state, or begin a new one, for this process alone.

    Args:
        path: of the file.
        any_thread: whether other threads may use it, one at a time.

    Raises:
        UsageError: another process has it, or the file is something else.
        ArtifactError: it is damaged, or of another version.
        DiskSpaceError: there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connect = partial(
        sqlite3.connect, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not any_thread
    )
    with _locked(path), reporting(path), closing(connect(path)) as db:
        db.text_factory = readable
        _prepare(db, path)
        yield WatchState(db)


def require_portfolio(remembered: WatchState, path: Path, index: Path, recheck: bool = False) -> None:
    """Remember whose portfolio a state is of.

    Args:
        remembered: the state.
        path: of it.
        index: the folder of the index that is watched.
        recheck: everything will be looked at anew.

    Raises:
        UsageError: it is of another one, whose filings would count as looked at.
    """
    before, here = remembered.watched(), os.path.abspath(index)
    if before not in {None, here} and not recheck:
        raise UsageError(
            f"{path} is of a watch over {before}: give another --state, or --recheck if {here} is that index"
        )
    if before != here:
        remembered.watch(here)


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a state into one line of ours."""
    try:
        yield
    except sqlite3.Error as error:
        if any(sign in str(error) for sign in DISK_FULL):
            raise DiskSpaceError(f"the disk is full: make room for {path} and try again") from error
        raise ArtifactError(
            f"{path}, the state of the watch, cannot be used ({error}): give another --state, "
            "which looks at everything anew"
        ) from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    application, version, tables = (
        db.execute(sql).fetchone()[0]
        for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master")
    )
    if tables and application != APPLICATION:
        raise UsageError(f"{path} is no state of a watch: give another file to --state")
    if tables and version not in {*_STEPS, VERSION}:
        raise ArtifactError(
            f"{path} is of version {version}, this Marklens has {VERSION}: give another --state"
        )
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    if not tables:
        db.executescript(_TABLES)
        return
    for step in range(version, VERSION):
        db.executescript(_STEPS[step])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other watches away; the system frees the lock however this process ends."""
    import fcntl

    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"another watch is using {path}: wait until it is done") from None
    try:
        yield
    finally:
        os.close(handle)
