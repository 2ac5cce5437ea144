"""Patches and colours of all views in one memory-mapped file.

It is a safetensors file, so that any tool can read it, but written as a stream: room is kept for the header,
the patches follow chunk by chunk, the tables of the views come last.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from marklens.core.arrays import ranges
from marklens.core.artifacts import atomic
from marklens.core.errors import ArtifactError
from marklens.core.types import PATCH_GRID, VIEW_BITS, Ids, LocalViews

HEADER = 4096
"""Bytes kept for the header, its length included."""
KIND = "marklens-patches-1"
COPIED = 65_536
"""Views copied at a time when marks are appended."""
_TYPES: dict[str, npt.DTypeLike] = {"I8": np.int8, "U8": np.uint8, "I64": np.int64}

Part = tuple[Ids, LocalViews]
"""View ids int64 (views,) and what is known of these views."""


class PatchStore:
    """An open store; any number of threads and processes may read it.

    Raises:
        ArtifactError: the file is missing, cut off or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        tensors = _mapped(path)
        try:
            self._patches, self._inks, self._colors = (
                tensors[name] for name in ("patches", "inks", "colors")
            )
            # copies: in the file they may lie at odd addresses, where searching them is slow
            self._ids, self._starts = (np.array(tensors[name]) for name in ("ids", "starts"))
        except KeyError as error:
            raise _damaged(path, f"it has no {error}") from None
        self.dims = int(self._patches.shape[1])

    def __len__(self) -> int:
        return len(self._ids)

    def fetch(self, ids: Ids) -> LocalViews:
        """What is known of these views, in this order; raises KeyError for an id that is not there."""
        wanted = np.asarray(ids, np.int64)
        places = np.minimum(np.searchsorted(self._ids, wanted), len(self) - 1)
        missing = wanted[self._ids[places] != wanted] if len(self) else wanted
        if len(missing):
            raise KeyError(int(missing[0]))
        return self._at(places) if len(wanted) else self._slice(0, 0)

    def of_marks(self, numbers: Ids) -> Part:
        """All views of some marks, in the order of `numbers`; marks that are not there are left out."""
        first = np.asarray(numbers, np.int64) << VIEW_BITS
        starts, ends = np.searchsorted(self._ids, first), np.searchsorted(self._ids, first + (1 << VIEW_BITS))
        places = ranges(starts, ends - starts)
        return self._ids[places], self._at(places)

    def parts(self) -> Iterator[Part]:
        """Everything, in pieces."""
        for start in range(0, len(self), COPIED):
            end = min(len(self), start + COPIED)
            yield self._ids[start:end], self._slice(start, end)

    def _at(self, places: npt.NDArray[np.intp]) -> LocalViews:
        starts = self._starts[places]
        rows = ranges(starts, self._starts[places + 1] - starts)
        return LocalViews(self._patches[rows], _unpacked(self._inks[places]), self._colors[places])

    def _slice(self, start: int, end: int) -> LocalViews:
        patches = self._patches[self._starts[start] : self._starts[end]]
        return LocalViews(patches, _unpacked(self._inks[start:end]), self._colors[start:end])


def write_patch_store(path: Path, parts: Iterable[Part], dims: int, colors: int) -> int:
    """Write a store, atomically; only the tables are held in memory, some 100 bytes a view.

    Args:
        path: the file.
        parts: with rising ids throughout.
        dims: of the patches.
        colors: of a histogram.

    Returns:
        how many views it holds.

    Raises:
        ValueError: ids do not rise, or a part has other dims.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(bytes(HEADER))
        tables = _stream(file, parts, dims, colors)
        rows = int(tables["starts"][-1])
        header: dict[str, Any] = {
            "__metadata__": {"kind": KIND},
            "patches": {"dtype": "I8", "shape": [rows, dims], "data_offsets": [0, rows * dims]},
        }
        end = rows * dims
        for name, table in tables.items():
            file.write(table.tobytes())
            kind = next(kind for kind, dtype in _TYPES.items() if table.dtype == dtype)
            offsets = [end, end + table.nbytes]
            header[name] = {"dtype": kind, "shape": list(table.shape), "data_offsets": offsets}
            end += table.nbytes
        file.seek(0)
        file.write((HEADER - 8).to_bytes(8, "little"))
        file.write(json.dumps(header).encode().ljust(HEADER - 8))
    return len(tables["ids"])


def append_patches(path: Path, parts: Iterable[Part]) -> int:
    """Write a store again with more views, whose ids are larger, at its end; return how many it holds."""
    store = PatchStore(path)
    colors = store._colors.shape[1]
    return write_patch_store(path, chain(store.parts(), parts), store.dims, int(colors))


def _stream(file: BinaryIO, parts: Iterable[Part], dims: int, colors: int) -> dict[str, npt.NDArray[Any]]:
    """Write the patches one part after the other and gather the tables."""
    ids, counts = [np.empty(0, np.int64)], [np.zeros(1, np.int64)]
    inks, histograms = [np.empty((0, PATCH_GRID), np.uint8)], [np.empty((0, colors), np.uint8)]
    last = -1
    for part_ids, views in parts:
        if not len(part_ids):
            continue
        if len(part_ids) != len(views) or part_ids[0] <= last or (np.diff(part_ids) <= 0).any():
            raise ValueError(f"{len(part_ids)} ids for {len(views)} views must rise, also from {last} on")
        if views.patches.shape[1] != dims or views.colors.shape[1] != colors:
            raise ValueError(f"patches {views.patches.shape} in a store of {dims} dims")
        file.write(np.ascontiguousarray(views.patches).tobytes())
        last = int(part_ids[-1])
        for column, values in (
            (ids, part_ids), (counts, views.counts), (inks, _packed(views.inks)), (histograms, views.colors),
        ):  # fmt: skip
            column.append(np.array(values))  # a copy: the values may be mapped
    return {
        "ids": np.concatenate(ids),
        "starts": np.cumsum(np.concatenate(counts)),
        "inks": np.concatenate(inks),
        "colors": np.concatenate(histograms),
    }


def _mapped(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The tensors of the file, mapped, after looking at its header and its end."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length == HEADER - 8 else {}
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing") from None
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    metadata = header.pop("__metadata__", {})
    ends = [described["data_offsets"][1] for described in header.values()]
    if metadata.get("kind") != KIND or HEADER + max(ends, default=0) != size:
        raise _damaged(path, "it is cut off or something else")
    data = np.memmap(path, np.uint8, "r")
    return {
        name: np.asarray(data[HEADER + start : HEADER + end]).view(_TYPES[described["dtype"]])
        .reshape(described["shape"])
        for name, described in header.items()
        for start, end in (described["data_offsets"],)
    }  # fmt: skip


def _damaged(path: Path, why: str) -> ArtifactError:
    return ArtifactError(f"{path} is damaged ({why}): run 'marklens index compact' on its index")


def _packed(inks: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """49 flags in 7 bytes, uint8 (views, PATCH_GRID)."""
    return np.packbits(inks, axis=1)


def _unpacked(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.unpackbits(packed, axis=1, count=PATCH_GRID**2).view(np.bool_)
