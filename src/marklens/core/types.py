"""What crosses the borders between rooms: plain frozen data, no behaviour beyond checking itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""A picture or a batch of pictures, RGB, 0..255, shape (height, width, 3) or (n, height, width, 3)."""
Vectors = npt.NDArray[np.float32]
"""Shape (n, dims)."""
Patches = npt.NDArray[np.int8]
"""Packed patch vectors, -127..127, shape (n, dims); they tell a direction, their length means nothing."""
Colors = npt.NDArray[np.uint8]
"""Colour histograms, shape (n, colours), see `marklens.reranking.color`."""
Bools = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.int64]

PATCH_GRID = 7
"""Patches along each side of a view: the network's last feature map is 7×7 for a 224-pixel view."""


class ViewKind(IntEnum):
    """The kinds of view a mark can have; the value is part of every view id, so it never changes."""

    FULL = 0
    FIGURATIVE = 1
    INNER = 2

    @property
    def label(self) -> str:
        """The name used on the command line and in JSON."""
        return self.name.lower()


VIEW_BITS = 3
"""A view id is ``mark number << 3 | view kind``: the 8 possible views of a mark fill one byte of a bitmap."""
KIND_MASK = (1 << VIEW_BITS) - 1
"""The bits of a view id that tell the kind."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A registered sign.

    Attributes:
        id: unique in its dataset; the file name without its ending unless the dataset gives one.
        file: the file name as on disk, relative to the dataset's picture folder.
        path: where the picture is.
        text: the verbal element, or None.
        vienna_codes: figurative classes such as ``"27.05.01"``.
        year: of filing or registration.
        attributes: anything else the dataset knows (office, status, nice_classes, owner, …).
    """

    id: str
    file: str
    path: Path
    text: str | None = None
    vienna_codes: tuple[str, ...] = ()
    year: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one item; it costs that item (or that field) only.

    Attributes:
        item: the file, id or line that is at fault.
        kind: a short stable word for counting, e.g. ``"truncated"`` or ``"missing-file"``.
        reason: one sentence for a person.
    """

    item: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of a picture, as a person sees it: upright, from the upper left.

    Attributes:
        x, y: of its upper left corner.
        width, height: of it.
        percent: whether the numbers are hundredths of the picture's width and height; else they are pixels of
            the original picture, whatever it is decoded to.
    """

    x: float
    y: float
    width: float
    height: float
    percent: bool = False

    def __post_init__(self) -> None:
        if not (self.x >= 0 and self.y >= 0 and 0 < self.width < 1e9 and 0 < self.height < 1e9):
            raise ValueError("a crop begins inside the picture and has a width and a height above 0")

    def shares(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in shares (0..1) of a picture of so many pixels, cut off at its border.

        Raises:
            ValueError: it lies outside.
        """
        across, down = (100.0, 100.0) if self.percent else (float(width), float(height))
        if self.x >= across or self.y >= down:
            raise ValueError(
                f"it begins at {self.x:g},{self.y:g}, outside the picture of {width}×{height} pixels"
            )
        right, bottom = min(1.0, (self.x + self.width) / across), min(1.0, (self.y + self.height) / down)
        return self.x / across, self.y / down, right, bottom


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A place where a detector sees text.

    Attributes:
        polygon: float32 (n ≥ 3, 2), x and y in pixels of the picture it was found in; a box has 4 corners.
        confidence: 0..1.
    """

    polygon: npt.NDArray[np.float32]
    confidence: float


@dataclass(frozen=True, slots=True)
class TextFinding:
    """What a detector says of one picture.

    Attributes:
        regions: where text is, in no order.
        mask: bool (height, width), the pixels of the text itself, from detectors that know them; None means
            that all of every region counts.
        fault: what the detector could not do, in one sentence; None where it did its work.
    """

    regions: tuple[TextRegion, ...] = ()
    mask: Bools | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ReadText:
    """Words that were read off a picture.

    Attributes:
        text: the lines from top to bottom, joined by spaces.
        confidence: 0..1, the mean over its characters.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class View:
    """One normalised picture of a mark, ready for the network.

    Attributes:
        kind: which view it is.
        pixels: uint8 (size, size, 3), RGB.
        ink: bool (PATCH_GRID, PATCH_GRID), True where the patch differs from the ground.
    """

    kind: ViewKind
    pixels: Pixels
    ink: Bools


@dataclass(frozen=True, slots=True)
class LocalViews:
    """What is where in some views, and in which colours.

    Attributes:
        patches: int8 (rows, dims), only of patches that hold ink: view after view, and in each view row by
            row from the upper left.
        inks: bool (views, PATCH_GRID²), which patches those are.
        colors: uint8 (views, colours).
    """

    patches: Patches
    inks: Bools
    colors: Colors

    def __post_init__(self) -> None:
        fits = self.inks.shape == (len(self.colors), PATCH_GRID**2)
        if not fits or len(self.patches) != np.count_nonzero(self.inks):
            raise ValueError(
                f"{len(self.patches)} patches and {len(self.colors)} histograms do not fit inks "
                f"{self.inks.shape} with {np.count_nonzero(self.inks)} patches"
            )

    def __len__(self) -> int:
        return len(self.inks)

    @property
    def counts(self) -> Ids:
        """How many ink patches each view has, int64 (views,)."""
        return np.asarray(np.count_nonzero(self.inks, axis=1), np.int64)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return self.patches.nbytes + self.inks.nbytes + self.colors.nbytes

    @classmethod
    def joined(cls, parts: Sequence["LocalViews"]) -> "LocalViews":
        """One after the other; at least one."""
        return cls(
            np.concatenate([part.patches for part in parts]),
            np.concatenate([part.inks for part in parts]),
            np.concatenate([part.colors for part in parts]),
        )

    def view(self, row: int) -> "LocalViews":
        """One of the views."""
        end = int(self.counts[: row + 1].sum())
        start = end - int(self.counts[row])
        one = slice(row, row + 1)
        return LocalViews(self.patches[start:end], self.inks[one], self.colors[one])


@dataclass(frozen=True, slots=True)
class PatchMatches:
    """What the similarity of two views is made of.

    Attributes:
        query, mark: int64 (n,), the patches that match, 0..PATCH_GRID²-1, row by row from the upper left.
        similarities: float32 (n,), their cosines.
        shares: float32 (n,), what each match adds to the similarity of the views: they sum up to it.
    """

    query: Ids
    mark: Ids
    similarities: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a hit must satisfy; an empty filter lets everything pass.

    Attributes:
        vienna: codes or their beginnings at a dot (``"26"``, ``"26.04"``, ``"26.04.01"``); any suffices.
        years: first and last year, both included.
        attributes: name to value; all must be equal.
        ids: of the only marks wanted; None wants marks of any id.
    """

    vienna: tuple[str, ...] = ()
    years: tuple[int, int] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    ids: frozenset[str] | None = None

    def __hash__(self) -> int:  # a mapping has none
        return hash((self.vienna, self.years, frozenset(self.attributes.items()), self.ids))

    def __bool__(self) -> bool:
        return bool(self.vienna or self.years or self.attributes or self.ids is not None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mark that stage 1 proposes.

    Attributes:
        number: the mark's number in the catalog.
        score: cosine similarity of the best pair of views, -1..1.
        views: the view of the query and the view of the mark that made the score.
    """

    number: int
    score: float
    views: tuple[ViewKind, ViewKind]


@dataclass(frozen=True, slots=True)
class Scores:
    """The channels of a hit, each 0..1, None where the channel does not apply."""

    global_: float | None = None
    spatial: float | None = None
    text: float | None = None
    color: float | None = None


def by_channel(values: Any) -> dict[str, Any]:
    """Scores or weights by the names of their channels, without what Python's own words made necessary."""
    return {field.name.rstrip("_"): getattr(values, field.name) for field in fields(values)}


CHANNELS = tuple(by_channel(Scores()))
"""The names of the channels, as JSON, options and pages have them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked result.

    Attributes:
        rank: 1 is the best.
        number: the mark's number in the catalog.
        mark: what was found.
        score: 0..1, higher is more similar.
        scores: the score of every channel.
        views: the view of the query and the view of the mark that matched best; none where no pictures were
            compared.
        reading: words read off the mark's picture, where its dataset gives no text.
        words: what the mark says: its text, else what was read; None where that is nothing.
    """

    rank: int
    number: int
    mark: Mark
    score: float
    scores: Scores
    views: tuple[ViewKind, ...]
    reading: ReadText | None = None
    words: str | None = None
