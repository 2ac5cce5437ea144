"""The tables of `catalog.sqlite`, and how marks become rows."""

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from marklens.core.file_names import fold
from marklens.core.types import PATCH_GRID, Bools, Mark, ReadText, ViewKind
from marklens.retrieval.catalog_database import bindable

SCHEMA_VERSION = 2
CHUNK = 5000
"""Marks written by one executemany: enough to be fast, little enough to stay small in memory."""

TABLES = """
CREATE TABLE state (changes INTEGER NOT NULL);
INSERT INTO state VALUES (0);
CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE marks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, file TEXT NOT NULL, folded TEXT NOT NULL,
    root INTEGER NOT NULL REFERENCES roots, picture TEXT NOT NULL,
    text TEXT, year INTEGER, removed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE vienna (
    number INTEGER NOT NULL, position INTEGER NOT NULL, code TEXT NOT NULL,
    PRIMARY KEY (number, position)) WITHOUT ROWID;
CREATE TABLE attributes (
    number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (number, name)) WITHOUT ROWID;
CREATE TABLE views (
    number INTEGER NOT NULL, kind INTEGER NOT NULL, ink BLOB NOT NULL,
    PRIMARY KEY (number, kind)) WITHOUT ROWID;
CREATE TABLE masks (number INTEGER PRIMARY KEY, rle BLOB NOT NULL);
CREATE TABLE readings (number INTEGER PRIMARY KEY, text TEXT NOT NULL, confidence REAL NOT NULL);
"""
# `living` lets a mark return under its old id after it was removed
INDEXES = """
CREATE UNIQUE INDEX living ON marks (id) WHERE removed = 0;
CREATE INDEX gone ON marks (id) WHERE removed = 1;
CREATE INDEX marks_file ON marks (folded);
CREATE INDEX marks_year ON marks (year);
CREATE INDEX vienna_code ON vienna (code);
CREATE INDEX attributes_value ON attributes (name, value);
"""

_DIGESTED = (
    "SELECT number, id, file, picture, text, year, removed FROM marks ORDER BY number",
    "SELECT number, position, code FROM vienna ORDER BY number, position",
    "SELECT number, name, value FROM attributes ORDER BY number, name",
    "SELECT number, kind, ink FROM views ORDER BY number, kind",
    "SELECT number, rle FROM masks ORDER BY number",
    "SELECT number, text, confidence FROM readings ORDER BY number",
)

_WANTED = "number IN (SELECT value FROM json_each(?))"
_CODE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One mark as the catalog takes it.

    Attributes:
        number: not negative, unique; the view ids of the vector store are made from it.
        mark: what the dataset knows of it.
        views: every view that was embedded, with its ink, bool (PATCH_GRID, PATCH_GRID).
        mask: the run-length encoded text mask, None where no text was found.
        reading: words that were read off the picture, None where nobody looked or nothing is legible.
    """

    number: int
    mark: Mark
    views: tuple[tuple[ViewKind, Bools], ...]
    mask: bytes | None
    reading: ReadText | None = None


def insert(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Write entries, chunk by chunk, inside the caller's transaction."""
    roots: dict[str, int] = {path: id for id, path in db.execute("SELECT id, path FROM roots")}
    for chunk in _chunks(entries):
        db.executemany(
            "INSERT INTO marks (number, id, file, folded, root, picture, text, year)"
            " VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?)",
            [_mark_row(db, roots, entry) for entry in chunk],
        )
        db.executemany(
            "INSERT INTO vienna VALUES (?, ?, CAST(? AS TEXT))",
            [
                (entry.number, position, bindable(canonical_code(code)))
                for entry in chunk
                for position, code in enumerate(entry.mark.vienna_codes)
            ],
        )
        db.executemany(
            "INSERT INTO attributes VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT))",
            [
                (entry.number, bindable(name), bindable(value))
                for entry in chunk
                for name, value in entry.mark.attributes.items()
            ],
        )
        db.executemany(
            "INSERT INTO views VALUES (?, ?, ?)",
            [(entry.number, int(kind), pack_ink(ink)) for entry in chunk for kind, ink in entry.views],
        )
        db.executemany(
            "INSERT INTO masks VALUES (?, ?)",
            [(entry.number, entry.mask) for entry in chunk if entry.mask is not None],
        )
        db.executemany(
            "INSERT INTO readings VALUES (?, CAST(? AS TEXT), ?)",
            [
                (entry.number, bindable(entry.reading.text), entry.reading.confidence)
                for entry in chunk
                if entry.reading is not None
            ],
        )


def select_marks(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, Mark]:
    """The marks under these numbers; unknown numbers are left out."""
    wanted = [_json(numbers)]
    codes = _grouped(
        db.execute(f"SELECT number, code FROM vienna WHERE {_WANTED} ORDER BY number, position", wanted)
    )
    attributes = _grouped(
        (number, (name, value))
        for number, name, value in db.execute(
            f"SELECT number, name, value FROM attributes WHERE {_WANTED}", wanted
        )
    )
    rows = db.execute(
        "SELECT number, marks.id, file, path, picture, text, year"
        f" FROM marks JOIN roots ON roots.id = root WHERE {_WANTED}",
        wanted,
    )
    return {
        number: Mark(
            id, file, Path(root, picture), text, tuple(codes.get(number, ())), year,
            dict(attributes.get(number, ())),
        )
        for number, id, file, root, picture, text, year in rows
    }  # fmt: skip


def select_views(
    db: sqlite3.Connection, numbers: Iterable[int]
) -> dict[int, tuple[tuple[ViewKind, Bools], ...]]:
    """The views of each of these marks that has any, by kind."""
    sql = f"SELECT number, kind, ink FROM views WHERE {_WANTED} ORDER BY number, kind"
    rows = db.execute(sql, [_json(numbers)])
    found = _grouped((number, (ViewKind(kind), unpack_ink(ink))) for number, kind, ink in rows)
    return {number: tuple(views) for number, views in found.items()}


def select_readings(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, ReadText]:
    """What was read off the pictures of these marks, of those that bear legible words."""
    sql = f"SELECT number, text, confidence FROM readings WHERE {_WANTED}"
    return {number: ReadText(text, sure) for number, text, sure in db.execute(sql, [_json(numbers)])}


def digest(db: sqlite3.Connection) -> str:
    """SHA-256 over all rows but the roots, in the order of their keys, in hexadecimal."""
    whole = hashlib.sha256()
    for sql in _DIGESTED:
        whole.update(sql.encode())
        for row in db.execute(sql):
            whole.update(ascii(row).encode())
    return whole.hexdigest()


def pack_ink(ink: Bools) -> bytes:
    """Pack a bool (PATCH_GRID, PATCH_GRID) map into 7 bytes."""
    if ink.shape != (PATCH_GRID, PATCH_GRID):
        raise ValueError(f"ink of shape {ink.shape}, expected ({PATCH_GRID}, {PATCH_GRID})")
    return np.packbits(ink).tobytes()


def unpack_ink(packed: bytes) -> Bools:
    """Undo `pack_ink`."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=PATCH_GRID**2)
    return bits.reshape(PATCH_GRID, PATCH_GRID).astype(np.bool_)


def canonical_code(code: str) -> str:
    """Spell a Vienna code with two digits a level: ``"26.4.1"`` becomes ``"26.04.01"``; keep other text."""
    stripped = code.strip()
    if not is_code(stripped):
        return code
    return ".".join(f"{int(level):02d}" for level in stripped.split("."))


def is_code(text: str) -> bool:
    """Whether a text is a Vienna code or the beginning of one: numbers with dots between them."""
    return _CODE.fullmatch(text) is not None


def _chunks(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _mark_row(db: sqlite3.Connection, roots: dict[str, int], entry: Entry) -> tuple[object, ...]:
    mark = entry.mark
    root, picture = split_path(mark)
    if root not in roots:
        cursor = db.execute("INSERT INTO roots (path) VALUES (CAST(? AS TEXT))", [bindable(root)])
        roots[root] = cursor.lastrowid or 0
    names = (bindable(mark.id), bindable(mark.file), bindable(fold(mark.file)))
    text = None if mark.text is None else bindable(mark.text)
    return (entry.number, *names, roots[root], bindable(picture), text, mark.year)


def split_path(mark: Mark) -> tuple[str, str]:
    """The absolute folder that `mark.file` is relative to, and the picture's path inside it.

    Where the path does not end in `mark.file`, the folder is the one that holds the picture.
    """
    path, file = os.path.abspath(mark.path), os.path.normpath(mark.file)
    if path.endswith(os.sep + file):
        return path[: -len(file) - 1] or os.sep, file
    return str(PurePath(path).parent), PurePath(path).name


def _json(numbers: Iterable[int]) -> str:
    return f"[{','.join(str(int(number)) for number in numbers)}]"


def _grouped(pairs: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {}
    for number, value in pairs:
        groups.setdefault(number, []).append(value)
    return groups
