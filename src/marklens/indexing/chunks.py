"""A finished piece of a build: some marks with everything an index needs of them, in one checked file."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.arrays import ranges
from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import OF_THE_MACHINE, ArtifactError
from marklens.core.types import (
    PATCH_GRID,
    VIEW_BITS,
    Bools,
    Colors,
    Fault,
    Ids,
    LocalViews,
    Mark,
    Patches,
    ReadText,
    ViewKind,
)
from marklens.text.extractor import words_said

Origins = npt.NDArray[np.uint64]
"""What marks were described from, see `origins_of`."""
UNKNOWN = np.uint64(0)
"""The origin of a mark that an older Marklens described."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Marks that were described together.

    Attributes:
        source: fingerprint of the marks it was made from, see `fingerprint`.
        marks: those that could be used, in the dataset's order.
        faults: why the others could not.
        owners: int32 (views,), position of each view's mark in `marks`, ascending.
        kinds: uint8 (views,), `ViewKind`.
        inks: bool (views, 7, 7).
        vectors: float16 (views, dims), pooled descriptors before the reduction. Half precision costs less
            than 1e-5 of cosine and halves the disk.
        patches: int8 (ink patches, dims), see `LocalViews`; without dims where none were kept.
        colors: uint8 (views, colours); without colours where none were kept.
        masks: run-length encoded text mask of each mark, or None.
        readings: words that were read off each mark's picture, or None.
        origins: uint64 (marks,), what each mark was described from.
    """

    source: str
    marks: tuple[Mark, ...]
    faults: tuple[Fault, ...]
    owners: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]
    inks: Bools
    vectors: npt.NDArray[np.float16]
    patches: Patches
    colors: Colors
    masks: tuple[bytes | None, ...]
    readings: tuple[ReadText | None, ...]
    origins: Origins

    def __post_init__(self) -> None:
        views = len(self.vectors)
        if not (len(self.owners) == len(self.kinds) == len(self.inks) == len(self.colors) == views):
            raise ValueError(f"{len(self.owners)} owners and {len(self.inks)} inks for {views} views")
        if len(self.patches) != np.count_nonzero(self.inks):
            raise ValueError(f"{len(self.patches)} patches for {np.count_nonzero(self.inks)} with ink")
        same = len(self.masks) == len(self.readings) == len(self.origins) == len(self.marks)
        if not same or (views and int(self.owners[-1]) >= len(self.marks)):
            raise ValueError(f"{len(self.marks)} marks do not fit their masks or views")

    def stands_for(self, source: str) -> bool:
        """Whether marks of this fingerprint need not be described: none is missing that may do now."""
        passing = any(fault.kind in OF_THE_MACHINE for fault in self.faults)
        return self.source == source and not passing

    def view_ids(self, first: int) -> Ids:
        """The ids of the views, int64 (views,), when the first mark has the number `first`."""
        return (self.owners.astype(np.int64) + first) << VIEW_BITS | self.kinds

    @property
    def local(self) -> LocalViews:
        """Patches and colours of the views."""
        return LocalViews(self.patches, self.inks.reshape(-1, PATCH_GRID**2), self.colors)

    def views_of(self, position: int) -> tuple[tuple[ViewKind, Bools], ...]:
        """Kind and ink of every view of one mark."""
        first, last = np.searchsorted(self.owners, (position, position + 1))
        return tuple((ViewKind(int(self.kinds[row])), self.inks[row]) for row in range(first, last))

    def without(self, ids: frozenset[str]) -> "Chunk":
        """The same chunk after these marks have left it."""
        kept = [position for position, mark in enumerate(self.marks) if mark.id not in ids]
        return self.take(np.array(kept, np.int64))

    def take(self, positions: Ids) -> "Chunk":
        """The marks at these positions, int64 (n,), in this order, with source and faults of the whole."""
        starts, ends = np.searchsorted(self.owners, positions), np.searchsorted(self.owners, positions + 1)
        rows, counts = ranges(starts, ends - starts), self.local.counts
        owners = np.repeat(np.arange(len(positions), dtype=np.int32), ends - starts)
        inked = ranges((np.cumsum(counts) - counts)[rows], counts[rows])
        chosen = positions.tolist()
        return Chunk(
            self.source, tuple(self.marks[position] for position in chosen), self.faults,
            owners, self.kinds[rows], self.inks[rows],
            self.vectors[rows], self.patches[inked], self.colors[rows],
            tuple(self.masks[position] for position in chosen),
            tuple(self.readings[position] for position in chosen),
            self.origins[positions],
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write one safetensors file with a digest of its content, atomically."""
        arrays = self._arrays()
        texts = {
            "source": self.source,
            "marks": _dump([{**asdict(mark), "path": str(mark.path)} for mark in self.marks]),
            "faults": _dump([asdict(fault) for fault in self.faults]),
            "readings": _dump([None if text is None else asdict(text) for text in self.readings]),
        }
        save_arrays(path, arrays, {**texts, "digest": _digest(arrays, texts)})

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "owners": self.owners,
            "kinds": self.kinds,
            "inks": self.inks.astype(np.uint8),
            "vectors": self.vectors,
            "patches": self.patches,
            "colors": self.colors,
            "origins": self.origins,
            "masks": np.frombuffer(b"".join(mask or b"" for mask in self.masks), np.uint8),
            "mask_lengths": np.array([len(mask or b"") for mask in self.masks], np.int64),
        }


def load_chunk(path: Path) -> Chunk:
    """Read what `Chunk.save` wrote.

    Raises:
        ArtifactError: it is missing, or its content is not what was written.
    """
    arrays, texts = load_arrays(path)
    try:
        if texts.pop("digest") != _digest(arrays, texts):
            raise ArtifactError(f"{path} is damaged (its digest differs): run the build again")
        masks, lengths = arrays["masks"].tobytes(), arrays["mask_lengths"]
        ends = np.cumsum(lengths)
        marks = tuple(_mark(row) for row in json.loads(texts["marks"]))
        return Chunk(
            source=texts["source"],
            marks=marks,
            faults=tuple(Fault(**row) for row in json.loads(texts["faults"])),
            owners=arrays["owners"], kinds=arrays["kinds"], inks=arrays["inks"].astype(np.bool_),
            vectors=arrays["vectors"], patches=arrays["patches"], colors=arrays["colors"],
            masks=tuple(
                masks[end - length : end] or None for end, length in zip(ends, lengths, strict=True)
            ),
            readings=tuple(
                None if row is None else ReadText(**row) for row in json.loads(texts["readings"])
            ),
            origins=arrays.get("origins", np.full(len(marks), UNKNOWN)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged ({error!r}): run the build again") from error


def joined(parts: Sequence[Chunk]) -> Chunk:
    """The marks of several chunks, at least one, as one chunk, with the source of the first."""
    counts = np.array([len(part.marks) for part in parts])
    numbers = (np.cumsum(counts) - counts).tolist()
    owners = [part.owners + number for part, number in zip(parts, numbers, strict=True)]
    return Chunk(
        source=parts[0].source,
        marks=tuple(mark for part in parts for mark in part.marks),
        faults=tuple(fault for part in parts for fault in part.faults),
        owners=np.concatenate(owners).astype(np.int32),
        kinds=np.concatenate([part.kinds for part in parts]),
        inks=np.concatenate([part.inks for part in parts]),
        vectors=np.concatenate([part.vectors for part in parts]),
        patches=np.concatenate([part.patches for part in parts]),
        colors=np.concatenate([part.colors for part in parts]),
        masks=tuple(mask for part in parts for mask in part.masks),
        readings=tuple(reading for part in parts for reading in part.readings),
        origins=np.concatenate([part.origins for part in parts]),
    )


def views_in(path: Path) -> int:
    """How many views a chunk has, by the head of its file; 0 if that cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return int(file.get_slice("owners").get_shape()[0])
    except (OSError, SafetensorError):
        return 0  # loading it says what is wrong


def chunk_head(path: Path) -> tuple[str, Origins]:
    """Source and origins of a chunk by the head of its file, unchecked; nothing if that cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            known = "origins" in file.keys()  # noqa: SIM118
            return file.metadata()["source"], file.get_tensor("origins") if known else np.empty(0, np.uint64)
    except (OSError, SafetensorError, KeyError, TypeError):
        return "", np.empty(0, np.uint64)


def found_chunk(path: Path) -> Chunk | None:
    """The chunk in a file; None where there is none or it is damaged."""
    try:
        return load_chunk(path) if path.is_file() else None
    except ArtifactError:
        return None


def fingerprint(marks: Iterable[Mark]) -> str:
    """Hexadecimal digest of the marks and of size and time of their pictures: a change of either shows."""
    lines = [json.dumps([_plain(mark), _stamp(mark.path)], sort_keys=True) for mark in marks]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def origins_of(marks: Iterable[Mark]) -> Origins:
    """What each mark is described from, uint64 (marks,).

    That is its picture's path, size and time, and whether its words are to be read off it; all other data of
    a mark may change without its picture being looked at again.
    """
    lines = [json.dumps([str(mark.path), _stamp(mark.path), words_said(mark.text) is None]) for mark in marks]
    return np.frombuffer(b"".join(hashlib.sha256(line.encode()).digest()[:8] for line in lines), np.uint64)


def _plain(mark: Mark) -> dict[str, Any]:
    return {**asdict(mark), "path": str(mark.path)}


def _stamp(path: Path) -> tuple[int, int]:
    try:
        return path.stat().st_size, path.stat().st_mtime_ns
    except OSError:
        return -1, -1


def _mark(row: Mapping[str, Any]) -> Mark:
    return Mark(**{**row, "path": Path(row["path"]), "vienna_codes": tuple(row["vienna_codes"])})


def _dump(rows: Sequence[Mapping[str, Any] | None]) -> str:
    return json.dumps(rows, sort_keys=True)  # ASCII: a file name need not be valid UTF-8


def _digest(arrays: Mapping[str, npt.NDArray[Any]], texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}{arrays[name].dtype}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    for name in sorted(texts):
        digest.update(f"{name}{texts[name]}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
