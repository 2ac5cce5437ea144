"""An L3D folder: `images/` beside JSON files that list what is in it.

The reader lives with what the published files hold: names that differ from the disk in case, codes that are a
bare string, pictures that are missing, entries of anything but pictures. Nothing of that stops it; each fault
is reported and costs one entry or one field.
"""

import codecs
import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marklens.core.errors import DatasetError
from marklens.core.file_names import fold
from marklens.core.images import PICTURE_ENDINGS
from marklens.core.ports import OnFault
from marklens.core.types import Fault, Mark
from marklens.datasets.entries import make_mark

_AS_WINDOWS = "marklens.as_windows"
MAX_JSON_BYTES = 2 << 30
"""A year of L3D has tens of MB, all of it merged about 250; a larger document would only cost memory."""


class L3dDataset:
    """The marks of an L3D folder, in the order of its JSON files, then the pictures that none of them names.

    Args:
        root: the folder that holds ``images/`` and ``output_*.json`` (or ``results.json``, or any ``*.json``
            that is a list of entries with the key ``file``).

    Raises:
        DatasetError: there is no ``images/`` folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = root / "images"
        if not self.images.is_dir():
            raise DatasetError(f"{root} has no folder images/: is it an L3D dataset?")

    def count(self) -> int:
        """Pictures on disk; nearly every one becomes a mark."""
        return sum(map(_is_picture, _files_below(self.images, lambda _: None)))

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield every mark once.

        Kinds of faults: ``damaged-metadata``, ``bad-entry``, ``not-a-picture``, ``missing-file``,
        ``ambiguous-file``, ``repeated-file``, ``repeated-id``, ``bad-vienna-code``, ``bad-year`` and, once,
        ``no-metadata``; ``unreadable`` for a folder.
        """
        listing = _Listing(self.images, on_fault)
        ids: set[str] = set()
        seen: set[str] = set()
        for entry in self._entries(on_fault):
            file = _named_file(entry, listing, on_fault)
            if file is None:
                continue
            if file in seen:
                on_fault(
                    Fault(file, "repeated-file", "an earlier entry names this file; the first one counts")
                )
                continue
            seen.add(file)
            mark = self._mark(file, entry, ids, on_fault)
            if mark:
                yield mark
        unnamed = sorted(file for file in listing.files() if file not in seen and _is_picture(file))
        if unnamed:
            reason = f"{len(unnamed)} pictures stand in no metadata file: they have no text, codes or year"
            on_fault(Fault(self.images.name, "no-metadata", reason))
        for file in unnamed:
            mark = self._mark(file, {}, ids, on_fault)
            if mark:
                yield mark

    def _mark(self, file: str, entry: dict[str, Any], ids: set[str], on_fault: OnFault) -> Mark | None:
        return make_mark(file, file, Path(f"{self.images}/{file}"), entry, ids, on_fault)

    def _entries(self, on_fault: OnFault) -> Iterator[dict[str, Any]]:
        """The entries of every metadata file; one file is in memory at a time."""
        for path in metadata_files(self.root):
            try:
                document = _load(path)
            except ValueError as error:
                on_fault(Fault(path.name, "damaged-metadata", str(error)))
                continue
            for number, entry in enumerate(document):
                if isinstance(entry, dict):
                    yield entry
                else:
                    reason = f"a {type(entry).__name__} stands where an object should"
                    on_fault(Fault(f"{path.name}[{number}]", "bad-entry", reason))


def metadata_files(root: Path) -> list[Path]:
    """The JSON files of an L3D folder, sorted; empty when it has none.

    ``output_*.json`` come first, else ``results.json``, else every list of entries with the key ``file``.
    """
    by_year = sorted(root.glob("output_*.json"))
    if by_year:
        return by_year
    merged = root / "results.json"
    return (
        [merged] if merged.is_file() else [path for path in sorted(root.glob("*.json")) if _has_entries(path)]
    )


class _Listing:
    """The files of a folder by name, found in whatever case they are asked for; made by one scan."""

    def __init__(self, folder: Path, on_fault: OnFault) -> None:
        self._names: dict[str, str | tuple[str, ...]] = {}
        for name in _files_below(folder, on_fault):
            key = fold(name)
            before = self._names.get(key)
            if before is None:
                self._names[key] = name
            else:
                self._names[key] = (before, name) if isinstance(before, str) else (*before, name)

    def find(self, name: str) -> tuple[str, ...]:
        """The exact file, else every file whose name differs only in case."""
        found = self._names.get(fold(name))
        if found is None:
            return ()
        if isinstance(found, str):
            return (found,)
        return (name,) if name in found else found

    def files(self) -> Iterator[str]:
        for names in self._names.values():
            if isinstance(names, str):
                yield names
            else:
                yield from names


def _named_file(entry: dict[str, Any], listing: _Listing, on_fault: OnFault) -> str | None:
    """The file on disk that an entry names, or None after reporting why there is none."""
    named = entry.get("file")
    if not isinstance(named, str) or not named.strip():
        on_fault(Fault(str(entry.get("id", "")), "bad-entry", f"the entry names no file: {named!r}"))
        return None
    name = named.strip().replace("\\", "/").removeprefix("./")
    name = name[len("images/") :] if name.lower().startswith("images/") else name
    if not _is_picture(name):
        on_fault(Fault(name, "not-a-picture", "the ending is of no picture format that can be read"))
        return None
    found = listing.find(name)
    if not found:
        on_fault(Fault(name, "missing-file", "no such file in images/, in whatever case"))
        return None
    if len(found) > 1:
        reason = f"{', '.join(sorted(found))} differ only in case and none is written so"
        on_fault(Fault(name, "ambiguous-file", reason))
        return None
    return found[0]


def _load(path: Path) -> list[Any]:
    """The list in a JSON file.

    Raises:
        ValueError: no JSON, no list, or too large.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"larger than {MAX_JSON_BYTES >> 30} GB: split it")
        document = json.loads(_text_of(path.read_bytes()))
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, list):
        raise ValueError(f"holds a {type(document).__name__} where a list of entries should stand")
    return document


def _text_of(written: bytes) -> str:
    """JSON in one of its encodings; bytes that fit none are letters of Windows, and cost no year."""
    codecs.register_error(_AS_WINDOWS, _as_windows)
    return written.decode(json.detect_encoding(written), _AS_WINDOWS)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


def _has_entries(path: Path) -> bool:
    try:
        return any(isinstance(entry, dict) and "file" in entry for entry in _load(path))
    except ValueError:
        return False


def _files_below(root: Path, on_fault: OnFault) -> Iterator[str]:
    """Names of all files under a folder, relative to it; hidden ones are left out.

    Each folder is looked at once, by its own name before any by which it is linked.
    """
    own, linked, seen = [""], deque[str](), set[tuple[int, int]]()
    while own or linked:
        prefix = own.pop() if own else linked.popleft()
        try:
            status = os.stat(root / prefix)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = os.scandir(root / prefix)
        except OSError as error:
            on_fault(Fault(prefix or ".", "unreadable", error.strerror or str(error)))
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    (linked if entry.is_symlink() else own).append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURE_ENDINGS
