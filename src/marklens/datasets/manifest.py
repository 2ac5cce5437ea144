"""A manifest: a CSV or JSONL file that lists pictures and what is known about them."""

import codecs
import csv
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from marklens.core.errors import DatasetError
from marklens.core.images import PICTURE_ENDINGS
from marklens.core.ports import OnFault
from marklens.core.types import Fault, Mark
from marklens.datasets.entries import KNOWN_KEYS, make_mark

Row = tuple[int, dict[str, Any] | str]
"""A line number, counted from 1, and the entry on it or what is wrong with it."""

TABLE_ENDINGS = frozenset({".csv", ".tsv"})
LINES_ENDINGS = frozenset({".jsonl", ".ndjson"})
MANIFEST_ENDINGS = TABLE_ENDINGS | LINES_ENDINGS

_FILE_KEYS = ("path", "file", "image", "filename")
_DELIMITERS = ",;\t|"
_CHUNK = 1 << 20
_MARKED = {  # the longer marks first: those of UTF-16 begin them
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
HEADER_LINES = 100
"""Over which the header of a table may go on."""
MOST_BROKEN = 1000
"""Rows with broken quotes that are read once more line by line: each may go on for many."""


class ManifestDataset:
    """The marks that a CSV, TSV or JSONL manifest lists, in its order.

    Columns: ``file`` (also ``path``, ``image``, ``filename``; one is required), ``id``, ``text``,
    ``vienna_codes`` (a list, or separated by ``;``, ``,`` or ``|``), ``year``; all others become attributes.
    Where both stand there, ``path`` says where the picture is and ``file`` what it is called. Files are
    relative to the manifest's folder; absolute paths and ``..`` are allowed, for the manifest is the user's
    own. The encoding is UTF-8, or UTF-16 and UTF-32 with a byte-order mark, else what Windows writes, else
    Latin-1.

    Args:
        path: the manifest.

    Raises:
        DatasetError: it cannot be read, or a table lacks the column ``file``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path.parent
        try:
            self._encoding = _encoding_of(path)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
        self._is_table = path.suffix.lower() in TABLE_ENDINGS
        if self._is_table:
            _, columns = self._header()
            if not set(columns) & set(_FILE_KEYS):
                raise DatasetError(
                    f"{path} has no column 'file', only {', '.join(columns) or 'nothing'}: "
                    "call the column that names the pictures so"
                )

    def count(self) -> int:
        """Lines that are not blank, without a table's header."""
        with self.path.open(encoding=self._encoding, newline="") as handle:
            return max(0, sum(1 for line in handle if line.strip()) - self._is_table)

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield every mark once.

        Kinds of faults: ``bad-line``, ``not-a-picture``, ``missing-file``, ``repeated-file``,
        ``repeated-id``, ``bad-vienna-code``, ``bad-year``; each says its line.
        """
        files: set[str] = set()
        ids: set[str] = set()
        for line, entry in self._rows():
            item = f"{self.path.name}:{line}"
            if isinstance(entry, str):
                on_fault(Fault(item, "bad-line", entry))
                continue
            key = next((key for key in _FILE_KEYS if entry.get(key)), None)
            if key is None or not isinstance(entry[key], str):
                on_fault(Fault(item, "bad-line", "names no file"))
                continue
            file, path = self._locate(entry[key].strip())
            if key == "path" and isinstance(entry.get("file"), str):
                file = entry["file"].strip()
            fault = _fault_of(item, file, path, files)
            if fault:
                on_fault(fault)
                continue
            files.add(str(path))
            mark = make_mark(item, file, path, entry, ids, on_fault, {*KNOWN_KEYS, key, "file"})
            if mark:
                yield mark

    def _locate(self, written: str) -> tuple[str, Path]:
        """The mark's file name and where it is: relative to the manifest where it lies below it."""
        path = Path(os.path.normpath(self.root / written))
        if "\\" in written and not os.path.exists(path):
            return self._locate(written.replace("\\", "/"))
        root = Path(os.path.normpath(self.root))
        return (path.relative_to(root).as_posix() if path.is_relative_to(root) else written), path

    def _header(self) -> tuple[str, list[str]]:
        """The delimiter and the column names, in lower case."""
        with self.path.open(encoding=self._encoding, newline="") as handle:
            first = handle.readline()
            is_tsv = self.path.suffix.lower() == ".tsv"
            delimiter = "\t" if is_tsv else max(_DELIMITERS, key=first.count)
            # a cell may go on in the next lines
            columns = next(csv.reader(chain([first], islice(handle, HEADER_LINES)), delimiter=delimiter), [])
        return delimiter, [" ".join(name.split()).lower() for name in columns]

    def _rows(self) -> Iterator[Row]:
        with self.path.open(encoding=self._encoding, newline="") as handle:
            if self._is_table:
                delimiter, columns = self._header()
                yield from _table_rows(handle, delimiter, columns)
            else:
                yield from _json_rows(handle)


class _Lines:
    """Lines that can be read once more, counted."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._again = iter(lines), deque[str]()
        self.number = 0
        self.row: list[str] = []
        """Those read since this was emptied."""

    def __iter__(self) -> Iterator[str]:
        while (line := self._again.popleft() if self._again else next(self._lines, None)) is not None:
            self.number += 1
            self.row.append(line)
            yield line

    def back_to_second(self) -> int:
        """Go back to behind the first line of the row; returns the number of that line."""
        self._again.extendleft(reversed(self.row[1:]))
        self.number -= len(self.row) - 1
        return self.number


def _table_rows(lines: Iterable[str], delimiter: str, columns: list[str]) -> Iterator[Row]:
    """Rows of a CSV file; a row of the wrong length costs itself, one with a broken quote its first line."""
    source, broken = _Lines(lines), 0
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    header_read = False
    while True:
        source.row.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken += 1
            yield source.back_to_second() if broken <= MOST_BROKEN else source.number, str(error)
            reader = csv.reader(source, delimiter=delimiter, strict=True)
            continue
        if not header_read:
            header_read = True
        elif any(cell.strip() for cell in cells[len(columns) :]):
            yield source.number, f"{len(cells)} cells under {len(columns)} columns"
        elif any(cell.strip() for cell in cells):
            yield (
                source.number,
                {name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip()},
            )


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"no JSON: {error}"
            continue
        yield number, entry if isinstance(entry, dict) else "no JSON object"


def _fault_of(item: str, file: str, path: Path, files: set[str]) -> Fault | None:
    """What is wrong with the picture of a line, if anything."""
    if path.suffix.lower() not in PICTURE_ENDINGS:
        return Fault(
            item, "not-a-picture", f"the ending of {file!r} is of no picture format that can be read"
        )
    if str(path) in files:
        return Fault(item, "repeated-file", f"an earlier line names {file!r}; the first one counts")
    if not os.path.isfile(path):  # unlike pathlib it says False of names that no disk takes
        return Fault(item, "missing-file", f"{file!r} does not exist")
    return None


def _encoding_of(path: Path) -> str:
    """By a byte-order mark; UTF-8 where every byte allows it, else what Windows writes, else Latin-1."""
    with path.open("rb") as handle:
        head = handle.read(4)
    for encoding, marks in _MARKED.items():
        if head.startswith(marks):
            if not _decodes(path, encoding):
                raise DatasetError(f"{path} is cut off or no {encoding.upper()}: save it again")
            return encoding
    tried = {"utf-8": "utf-8-sig", "cp1252": "cp1252"}
    return next((name for encoding, name in tried.items() if _decodes(path, encoding)), "latin-1")


def _decodes(path: Path, encoding: str) -> bool:
    """Whether a file's bytes are text in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as handle:
        try:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
