"""A finished piece of a packed cache: some marks with the pixels of their views, in one checked file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Fault, Pixels
from marklens.preprocessing.prepared import Prepared


@dataclass(frozen=True, slots=True)
class ViewPart:
    """Marks that were packed together.

    Attributes:
        source: digest of what it was made from.
        files: of the marks that could be used.
        codes: Vienna codes of each of them.
        masks: run-length encoded text mask of each, or None.
        faults: why others could not be used.
        owners: int32 (views,), place of each view's mark in `files`, ascending.
        kinds: uint8 (views,), `ViewKind`.
        pixels: uint8 (views, size, size, 3).
    """

    source: str
    files: tuple[str, ...]
    codes: tuple[tuple[str, ...], ...]
    masks: tuple[bytes | None, ...]
    faults: tuple[Fault, ...]
    owners: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]
    pixels: Pixels

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        lengths, joined = pack_masks(self.masks)
        arrays: dict[str, npt.NDArray[Any]] = {
            "owners": self.owners,
            "kinds": self.kinds,
            "pixels": self.pixels,
            "masks": joined,
            "mask_lengths": lengths,
        }
        texts = {
            "source": self.source,
            "files": json.dumps(self.files),
            "codes": json.dumps(self.codes),
            "faults": json.dumps([asdict(fault) for fault in self.faults]),
        }
        save_arrays(path, arrays, texts)


def load_part(path: Path) -> ViewPart:
    """Read what `ViewPart.save` wrote.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    arrays, texts = load_arrays(path)
    try:
        return ViewPart(
            source=texts["source"],
            files=tuple(json.loads(texts["files"])),
            codes=tuple(map(tuple, json.loads(texts["codes"]))),
            masks=unpack_masks(arrays["mask_lengths"], arrays["masks"]),
            faults=tuple(Fault(**row) for row in json.loads(texts["faults"])),
            owners=arrays["owners"],
            kinds=arrays["kinds"],
            pixels=arrays["pixels"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged ({error!r}): delete it and pack again") from error


def found_part(path: Path, source: str) -> ViewPart | None:
    """The part in a file if it was made from this very source; else None."""
    try:
        part = load_part(path) if path.is_file() else None
    except ArtifactError:
        return None
    return part if part is not None and part.source == source else None


def make_part(source: str, prepared: Sequence[Prepared], size: int) -> ViewPart:
    """Gather the views of some marks.

    Args:
        source: digest of what they were made from.
        prepared: of every mark, good or not.
        size: pixels of a view's side.
    """
    good = [item for item in prepared if item.result is not None]
    views = [item.result.views for item in good if item.result is not None]
    flat = [view for of_mark in views for view in of_mark]
    return ViewPart(
        source=source,
        files=tuple(item.mark.file for item in good),
        codes=tuple(item.mark.vienna_codes for item in good),
        masks=tuple(item.mask for item in good),
        faults=tuple(item.fault for item in prepared if item.fault is not None),
        owners=np.repeat(np.arange(len(good), dtype=np.int32), [len(of_mark) for of_mark in views]),
        kinds=np.array([view.kind for view in flat], np.uint8),
        pixels=np.array([view.pixels for view in flat], np.uint8).reshape(-1, size, size, 3),
    )


def pack_masks(masks: Sequence[bytes | None]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Lengths int64 (marks,), 0 where there is no mask, and all masks in a row, uint8 (bytes,)."""
    lengths = np.array([len(mask or b"") for mask in masks], np.int64)
    return lengths, np.frombuffer(b"".join(mask or b"" for mask in masks), np.uint8)


def unpack_masks(lengths: npt.NDArray[np.int64], joined: npt.NDArray[np.uint8]) -> tuple[bytes | None, ...]:
    """What `pack_masks` packed."""
    data, ends = joined.tobytes(), np.cumsum(lengths)
    return tuple(data[end - length : end] or None for end, length in zip(ends, lengths, strict=True))
