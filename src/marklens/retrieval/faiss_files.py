"""FAISS's own files, with an end that shows whether it is there."""

from pathlib import Path
from typing import Any

from marklens.core.artifacts import atomic
from marklens.core.errors import ArtifactError, last_line

TRAILER = b"\nMARKLENS-HNSW-1"
"""Ends files of float32: FAISS maps a file without noticing that its end is missing."""
CODED_TRAILER = b"\nMARKLENS-FAISS2"
"""Ends those that a Marklens which knew only float32 could not read."""


def write_index(index: Any, path: Path, *, coded: bool) -> None:
    """Write an index, atomically: FAISS's own format with a trailer that FAISS does not look at."""
    import faiss

    with atomic(path) as temporary:
        faiss.write_index(index, str(temporary))
        with temporary.open("ab") as file:
            file.write(CODED_TRAILER if coded else TRAILER)


def read_index(path: Path, *, writable: bool) -> Any:
    """Read what `write_index` wrote, into memory if it shall be written, else mapped.

    Raises:
        ArtifactError: the file is missing, cut off or something else.
    """
    import faiss

    _check_trailer(path)
    try:
        return faiss.read_index(str(path), 0 if writable else faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, MemoryError) as error:
        raise ArtifactError(f"{path} is damaged ({last_line(error)}): build the index again") from error


def _check_trailer(path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - len(TRAILER)))
            ending = file.read()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}): build the index first") from error
    if ending not in (TRAILER, CODED_TRAILER):
        raise ArtifactError(f"{path} is cut off, or no vector store: build the index again")
