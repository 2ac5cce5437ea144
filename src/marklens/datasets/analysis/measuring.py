"""What is measured of one picture, and a group of pictures measured in a worker."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from marklens.core.errors import PictureError
from marklens.core.images import FORMATS, MAX_BYTES, decode, read_picture
from marklens.core.ink import find_ground, find_ink, ink_box
from marklens.core.types import Pixels
from marklens.datasets.analysis.perceptual_hash import look_at

Table = npt.NDArray[np.void]
"""Structured array, one row a picture, of dtype `ROW`."""

ROW = np.dtype(
    [
        ("readable", np.bool_),  # all else is 0 where this is False
        ("format", np.uint8),  # place in `FORMAT_NAMES`
        ("bytes", np.uint32),  # of the file
        ("width", np.uint32),  # pixels as shown, EXIF turn applied; 0 for SVG
        ("height", np.uint32),
        ("one_channel", np.bool_),  # the file itself stores grey levels or black and white
        ("colored", np.bool_),  # the pixels show colour
        ("ground", np.uint8, (3,)),  # RGB
        ("uniform", np.bool_),  # the border agrees on the ground
        ("ink", np.uint16),  # share of pixels off the ground, in 1/10,000
        ("mark_width", np.uint16),  # of the mark without its empty border, pixels at most WORKING_SIDE
        ("mark_height", np.uint16),
        ("content", np.uint64, (2,)),  # BLAKE2b of the file's bytes, 128 bits
        ("coarse", np.uint64),  # look of the mark without its empty border, see `Look`
        ("fine", np.uint64, (4,)),
        ("sure_bits", np.uint8),  # of `coarse`, 0..63
    ]
)
FORMAT_NAMES = (*FORMATS, "SVG")

COLOR_SPREAD = 24
"""Difference of two channels (0..255) from which a pixel counts as coloured: above JPEG's noise."""
COLORED_SHARE = 0.001
"""Share of coloured pixels from which a picture counts as coloured; fewer are compression's doing."""
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})


@dataclass(frozen=True, slots=True)
class Inspection:
    """Where a mark stands in its picture.

    Attributes:
        ground: colour the mark stands on, RGB.
        uniform: whether the border agrees on it.
        ink: share of pixels that differ from the ground, 0..1.
        box: top, bottom, left, right of the mark without its empty border, in pixels, ends excluded.
    """

    ground: tuple[int, int, int]
    uniform: bool
    ink: float
    box: tuple[int, int, int, int]


Inspect = Callable[[Pixels], Inspection]
"""Finds ground and ink of a picture; raises `PictureError` where there is no mark. Must survive pickling."""


def inspect(picture: Pixels) -> Inspection:
    """Ground and ink of a picture as the index build sees them.

    Raises:
        PictureError: blank, where the index build finds it blank.
    """
    ground = find_ground(picture)
    ink = find_ink(picture, ground)
    box = ink_box(ink)
    if box is None:
        raise PictureError("blank", "one flat colour, there is no mark on it")
    red, green, blue = ground.color.tolist()
    return Inspection((red, green, blue), ground.uniform, float(ink.mean()), box)


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture of a group that cannot be used.

    Attributes:
        place: of the picture in its group, from 0.
        kind: as the index build names it.
        reason: one sentence for a person.
    """

    place: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A group of pictures: one row each, and why those that are not readable are not."""

    rows: Table
    failures: tuple[Failure, ...]


def measure_group(paths: Sequence[str], inspect: Inspect) -> Measured:
    """Measure pictures one after another; whatever goes wrong with one becomes its failure."""
    cv2.setNumThreads(1)  # the processes share the cores already
    rows, failures = np.zeros(len(paths), ROW), []
    for place, path in enumerate(paths):
        try:
            rows[place] = _measure(Path(path), inspect)
        except PictureError as error:
            failures.append(Failure(place, error.kind, error.reason))
        except Exception as error:  # one picture never costs the analysis
            failures.append(Failure(place, "failed", f"{type(error).__name__}: {error}"))
    return Measured(rows, tuple(failures))


def _measure(path: Path, inspect: Inspect) -> tuple[object, ...]:
    """The row of one picture.

    Raises:
        PictureError: exactly where the index build raises it, and of the same kind.
    """
    data, picture = _load(path)
    seen = inspect(picture)
    top, bottom, left, right = seen.box
    mark = np.ascontiguousarray(picture[top:bottom, left:right]) if seen.uniform else picture
    look = look_at(mark)
    kind, width, height, one_channel = _header(data, picture)
    return (
        True, FORMAT_NAMES.index(kind), len(data), width, height, one_channel, _is_colored(picture),
        seen.ground, seen.uniform, round(10_000 * seen.ink), right - left, bottom - top,
        _content_hash(data), look.coarse, look.fine, look.sure,
    )  # fmt: skip


def _load(path: Path) -> tuple[bytes, Pixels]:
    """The bytes of a file and its pixels; read once."""
    try:
        if path.stat().st_size <= MAX_BYTES:
            data = path.read_bytes()
            return data, decode(data)
    except OSError:
        pass  # the core's reader meets the same obstacle and has the name for it
    picture = read_picture(path)
    return path.read_bytes(), picture


def _header(data: bytes, picture: Pixels) -> tuple[str, int, int, bool]:
    """Format, width and height as shown, and whether the file has one channel.

    A turn by EXIF shows in the decoded picture: it is upright where the stored one lies.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            kind, (width, height), mode = str(image.format), image.size, image.mode
            # several pictures in one file, of which the first counts
            kind = "JPEG" if kind == "MPO" else kind
    except Exception:  # decoded, but by none of Pillow's formats
        return "SVG", 0, 0, False
    if (width > height) != (picture.shape[1] > picture.shape[0]):
        width, height = height, width
    return kind, width, height, mode.split(";")[0] in GRAY_MODES


def _is_colored(picture: Pixels) -> bool:
    red, green, blue = cv2.split(picture)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    share = cv2.countNonZero(cv2.inRange(spread, COLOR_SPREAD, 255)) / spread.size
    return share >= COLORED_SHARE


def _content_hash(data: bytes) -> tuple[int, int]:
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return int.from_bytes(digest[:8]), int.from_bytes(digest[8:])
