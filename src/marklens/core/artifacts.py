"""Files that survive crashes: written under a temporary name, flushed, renamed, checked by SHA-256."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.errors import ArtifactError, DiskSpaceError

Arrays = Mapping[str, npt.NDArray[Any]]
DISK_FULL = ("No space left", "disk is full")
"""How the system and SQLite say it; FAISS passes on only the words."""
_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Of surrogate pairs, but for those that stand for the bytes of file names that are no UTF-8."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to fill: at the end it is flushed to the disk and takes that name.

    A crash at any moment leaves either the old file or the new one, never a part.

    Raises:
        DiskSpaceError: there is no room for it.
    """
    with atomic_together([path]) as (temporary,):
        yield temporary


@contextmanager
def atomic_together(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """As `atomic`, for several files of one folder: none takes its name before all are written.

    Raises:
        DiskSpaceError: there is no room for them.
    """
    folder = paths[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    temporary = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    try:
        yield temporary
        for made in temporary:
            with made.open("rb") as handle:
                os.fsync(handle.fileno())
        for made, path in zip(temporary, paths, strict=True):
            made.replace(path)
    except Exception as error:
        if any(sign in str(error) for sign in DISK_FULL):
            raise DiskSpaceError(f"the disk is full: make room for {paths[0]} and try again") from error
        raise
    finally:
        for made in temporary:
            made.unlink(missing_ok=True)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as `encoded`."""
    write_bytes(path, encoded(text))


def encoded(text: str) -> bytes:
    """UTF-8 of any text: file names give their own bytes, halves of surrogate pairs become U+FFFD."""
    return _HALVES.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document atomically, indented, with sorted keys."""
    write_text(path, json.dumps(document, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        ArtifactError: the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is damaged ({error}): build it again") from error


def save_arrays(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays and text metadata as one safetensors file, atomically."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # not `save_file`: it has temporary files of its own, which a killed process leaves behind
    write_bytes(path, _with_sorted_metadata(save(contiguous, dict(metadata or {}))))


def _with_sorted_metadata(content: bytes) -> bytes:
    """A safetensors file whose metadata are in order: the library's come as its hash map has them."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if "__metadata__" not in header:
        return content
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def load_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Read what `save_arrays` wrote.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing") from None
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged ({error}): build it again") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def identity(path: Path) -> tuple[int, int] | None:
    """Which file bears this name now; None where there is none."""
    state = state_of(path)
    return None if state is None else state[:2]


def state_of(path: Path) -> tuple[int, int, int, int] | None:
    """What tells a file that is replaced, never changed, from another one; None where there is none.

    The number alone does not: a file that nobody has open leaves it to the next.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def remove_temporary(folder: Path) -> None:
    """Remove what killed processes left half written in a folder; no other may be writing there now."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def require_disk_space(folder: Path, needed: int, purpose: str, made: Iterable[Path] = ()) -> None:
    """Check before long work that there is room where `folder` is or will be.

    Args:
        folder: where to.
        needed: bytes that all of it takes.
        purpose: for the message.
        made: files of it that are there already.

    Raises:
        DiskSpaceError: with both figures.
    """
    needed -= sum(path.stat().st_size for path in made)
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskSpaceError(
            f"{purpose} needs about {needed / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free: "
            "make room or choose another folder"
        )
