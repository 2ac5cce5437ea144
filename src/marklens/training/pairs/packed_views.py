"""All views of the marks to train on, in two files that travel together: pixels (mapped) and tables."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import atomic, load_arrays, save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Ids, Pixels
from marklens.training.pairs.view_parts import ViewPart, pack_masks, unpack_masks

PIXELS, TABLES = "pixels.npy", "marks.safetensors"


@dataclass(frozen=True, slots=True)
class PackedViews:
    """An open cache; any number of threads and processes may read it.

    Attributes:
        root: the folder.
        pixels: uint8 (views, size, size, 3), mapped; mark after mark, the full view first.
        kinds: uint8 (views,), `ViewKind`.
        starts: int64 (marks + 1,), the first view of each mark, and their number.
        groups: int64 (marks,); marks of one group are one brand, or one picture; `LEFT_OUT` (-1) is none:
            such marks look like held-out ones and are not trained on.
        files: of the marks.
        codes: Vienna codes of each mark.
        recipe: `ViewOptions.record()` of the views.
    """

    root: Path
    pixels: Pixels
    kinds: npt.NDArray[np.uint8]
    starts: Ids
    groups: Ids
    files: tuple[str, ...]
    codes: tuple[tuple[str, ...], ...]
    recipe: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def size(self) -> int:
        """Pixels of a view's side."""
        return int(self.pixels.shape[1])

    def views_of(self, mark: int) -> range:
        """The places of a mark's views in `pixels`."""
        return range(int(self.starts[mark]), int(self.starts[mark + 1]))

    @staticmethod
    def open(root: Path, *, finished: bool = True) -> "PackedViews":
        """Open a finished cache, or one whose groups are still to be found.

        Raises:
            ArtifactError: it is missing, unfinished or damaged.
        """
        arrays, texts = load_arrays(root / TABLES)
        if finished and not texts.get("source"):
            raise ArtifactError(f"{root} is not finished: pack the views again, the same call goes on")
        try:
            pixels = np.load(root / PIXELS, mmap_mode="r", allow_pickle=False)
            opened = PackedViews(
                root, np.asarray(pixels), arrays["kinds"], arrays["starts"], arrays["groups"],
                tuple(json.loads(texts["files"])), tuple(map(tuple, json.loads(texts["codes"]))),
                json.loads(texts["recipe"]),
            )  # fmt: skip
        except (OSError, KeyError, ValueError) as error:
            raise ArtifactError(f"{root} is damaged ({error}): pack the views again") from error
        if len(opened.pixels) != opened.starts[-1] or len(opened.groups) != len(opened.files):
            raise ArtifactError(f"the files of {root} are of two states: pack the views again")
        return opened


def packed_masks(root: Path) -> dict[str, bytes | None]:
    """The text masks in a cache by file name; None where a mark has no text to remove.

    With them the views are packed at another size without looking for text again.
    """
    arrays, texts = load_arrays(root / TABLES)
    masks = unpack_masks(arrays["mask_lengths"], arrays["masks"])
    return dict(zip(json.loads(texts["files"]), masks, strict=True))


def packed_source(root: Path) -> str | None:
    """What a finished cache was made from; None where there is none."""
    try:
        _, texts = load_arrays(root / TABLES)
    except ArtifactError:
        return None
    return texts.get("source") if (root / PIXELS).is_file() else None


def regroup(root: Path, groups: Ids, source: str | None = None) -> None:
    """Write the tables with other groups, int64 (marks,), and what the cache was made from."""
    arrays, texts = load_arrays(root / TABLES)
    if source is not None:
        texts["source"] = source
    save_arrays(root / TABLES, {**arrays, "groups": groups}, texts)


def write_pixels(path: Path, parts: Iterable[Pixels], views: int, size: int) -> None:
    """Stream pixels into one ``.npy`` file, atomically; one part is in memory at a time."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        head = {"descr": "|u1", "fortran_order": False, "shape": (views, size, size, 3)}
        np.lib.format.write_array_header_1_0(file, head)
        for pixels in parts:
            file.write(np.ascontiguousarray(pixels).data)


def write_tables(
    path: Path, parts: Sequence[ViewPart], groups: Ids, recipe: Mapping[str, Any], source: str
) -> None:
    """Write everything but the pixels; a cache is complete once it tells its source.

    Args:
        path: the file.
        parts: in order; their pixels are not looked at.
        groups: int64 (marks,).
        recipe: of the views.
        source: digest of all that the cache was made from.
    """
    counts = np.concatenate([np.bincount(part.owners, minlength=len(part.files)) for part in parts])
    lengths, joined = pack_masks([mask for part in parts for mask in part.masks])
    arrays = {
        "kinds": np.concatenate([part.kinds for part in parts]),
        "starts": np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)]),
        "groups": groups,
        "masks": joined,
        "mask_lengths": lengths,
    }
    texts = {
        "files": json.dumps([file for part in parts for file in part.files]),
        "codes": json.dumps([codes for part in parts for codes in part.codes]),
        "recipe": json.dumps(dict(recipe)),
        "source": source,
    }
    save_arrays(path, arrays, texts)
