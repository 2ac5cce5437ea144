"""What the measurements of all pictures say together: sizes, shapes, colours, ink and ground."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from marklens.datasets.analysis.measuring import FORMAT_NAMES, Failure, Table

Counts = Mapping[str, int]
Values = npt.NDArray[np.float64]

ASPECT_EDGES = (1 / 16, 1 / 8, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 0.8, 0.95, 1.05, 1.25, 1.5, 2, 3, 4, 8, 16)
"""Width divided by height; each border and its inverse, so that upright and lying shapes compare."""
INK_EDGES = tuple(place / 20 for place in range(21))
FILE_EDGES = (0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
"""Bytes; steps of 1, 2 and 5, as sizes spread over decades."""
SIZES_SHOWN = 15

WHITE, BLACK = 240, 15
"""From here up, in the darkest channel, a ground is white; up to here, in the brightest, it is black."""
GRAY_SPREAD = 24
"""Difference of the channels up to which a ground is grey."""
HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
_HUE_ENDS = (9, 22, 36, 80, 100, 128, 150, 170)
"""Where a hue ends, in OpenCV's half degrees; red begins again after the last."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are distributed: the least, some percentiles, the most, and the mean."""

    least: float
    p1: float
    p25: float
    median: float
    p75: float
    p99: float
    most: float
    mean: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges: ``counts[i]`` values are at least ``edges[i]`` and less than ``edges[i + 1]``.

    The last edge belongs to the last count, and what lies beyond an end counts at that end.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    spread: Spread | None


@dataclass(frozen=True, slots=True)
class PictureCounts:
    """What the pictures of a dataset are.

    Attributes:
        pictures: all that were tried.
        readable: those that the index build can use.
        unreadable: why the others cannot be used, by kind, commonest first.
        formats: by content, not by name.
        sizes: ``"256×256"`` to pictures, the `SIZES_SHOWN` commonest; SVG has no size.
        distinct_sizes: how many different ones there are.
        width, height: in pixels.
        file_sizes: in bytes.
        aspect: width divided by height of the picture.
        mark_aspect: the same of the mark without its empty border.
        colored: pictures that show colour.
        gray: pictures that do not, however they are stored.
        stored_gray: files of one channel.
        ink: share of pixels that differ from the ground, 0..1.
        grounds: colour of the ground to pictures, ``"none"`` where the border does not agree.
    """

    pictures: int
    readable: int
    unreadable: Counts
    formats: Counts
    sizes: Counts
    distinct_sizes: int
    width: Spread | None
    height: Spread | None
    file_sizes: Histogram
    aspect: Histogram
    mark_aspect: Histogram
    colored: int
    gray: int
    stored_gray: int
    ink: Histogram
    grounds: Counts


def count_pictures(table: Table, failures: Sequence[Failure]) -> PictureCounts:
    """Count everything in the measurements of a dataset.

    Args:
        table: one row a picture.
        failures: one for each row that is not readable.
    """
    readable = table[table["readable"]]
    sized = readable[readable["width"] > 0]
    sizes = _sizes(sized)
    colored = int(np.count_nonzero(readable["colored"]))
    return PictureCounts(
        pictures=len(table),
        readable=len(readable),
        unreadable=_by_size(Counter(failure.kind for failure in failures)),
        formats=_by_size(Counter({name: int(np.count_nonzero(readable["format"] == place))
                                  for place, name in enumerate(FORMAT_NAMES)})),
        sizes=dict(list(sizes.items())[:SIZES_SHOWN]),
        distinct_sizes=len(sizes),
        width=spread_of(sized["width"]),
        height=spread_of(sized["height"]),
        file_sizes=_histogram(readable["bytes"].astype(np.float64), FILE_EDGES),
        aspect=_histogram(sized["width"] / sized["height"], ASPECT_EDGES),
        mark_aspect=_histogram(readable["mark_width"] / readable["mark_height"], ASPECT_EDGES),
        colored=colored,
        gray=len(readable) - colored,
        stored_gray=int(np.count_nonzero(readable["one_channel"])),
        ink=_histogram(readable["ink"] / 10_000, INK_EDGES),
        grounds=_by_size(Counter(_grounds(readable))),
    )  # fmt: skip


def spread_of(values: npt.NDArray[np.generic]) -> Spread | None:
    """Percentiles (nearest rank) and mean, to 4 places; None where there are no values."""
    if not len(values):
        return None
    numbers = np.asarray(values, np.float64)
    marks = np.quantile(numbers, (0, 0.01, 0.25, 0.5, 0.75, 0.99, 1), method="nearest")
    return Spread(*(round(float(number), 4) for number in (*marks, numbers.mean())))


def _histogram(values: Values, edges: Sequence[float]) -> Histogram:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return Histogram(tuple(edges), tuple(int(count) for count in counts), spread_of(values))


def _sizes(sized: Table) -> Counts:
    """Every size to its pictures, commonest first."""
    keys = sized["width"].astype(np.int64) << 32 | sized["height"]
    found, counts = np.unique(keys, return_counts=True)
    order = np.lexsort([found, -counts])
    return {f"{found[place] >> 32}×{found[place] & 0xFFFFFFFF}": int(counts[place]) for place in order}


def _grounds(readable: Table) -> list[str]:
    """The name of every picture's ground."""
    colors = np.ascontiguousarray(readable["ground"])
    if not len(colors):
        return []
    high, low = colors.max(axis=1), colors.min(axis=1)
    hue = cv2.cvtColor(colors[None], cv2.COLOR_RGB2HSV)[0, :, 0]
    names = np.array([*HUES, "red"])[np.searchsorted(_HUE_ENDS, hue, side="right")]
    names = np.where(high - low <= GRAY_SPREAD, "gray", names)
    names = np.where(high <= BLACK, "black", np.where(low >= WHITE, "white", names))
    return [str(name) for name in np.where(readable["uniform"], names, "none")]


def _by_size(counts: "Counter[str]") -> Counts:
    """Largest first, equal ones by name, none that is zero."""
    return dict(sorted(((name, count) for name, count in counts.items() if count),
                       key=lambda item: (-item[1], item[0])))  # fmt: skip
