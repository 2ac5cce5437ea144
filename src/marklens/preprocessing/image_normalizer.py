"""Trim the border, fit the mark into a square, say where its ink is."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import PATCH_GRID, Bools, Pixels

GROUND_TOLERANCE = 24
"""Largest channel difference (0..255) that still counts as ground: above JPEG noise, below pale grey ink."""
GROUND_SHARE = 0.6
"""Share of border pixels that must agree for the border to be a ground colour."""
PATCH_INK_SHARE = 0.02
"""Share of a patch's pixels that must differ from the ground for the patch to hold ink."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The colour a mark stands on.

    Attributes:
        color: uint8 (3,), RGB.
        uniform: whether the border agrees on it; a photograph or a pattern does not.
    """

    color: npt.NDArray[np.uint8]
    uniform: bool


def find_ground(picture: Pixels) -> Ground:
    """Read the ground colour off the border: the channel-wise median, if most of the border agrees."""
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    color = np.median(border, axis=0).astype(np.uint8)
    return Ground(color, bool(_differs(border[None], color).mean() <= 1 - GROUND_SHARE))


def find_ink(picture: Pixels, ground: Ground) -> Bools:
    """Bool (height, width): True where a pixel differs from the ground."""
    return _differs(picture, ground.color)


def ink_box(ink: Bools) -> tuple[int, int, int, int] | None:
    """The box (top, bottom, left, right; ends excluded) around the ink without lone specks; None if empty."""
    specks = ink.astype(np.uint8)
    opened = cv2.morphologyEx(specks, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    kept = cv2.dilate(opened, np.ones((3, 3), np.uint8)) & specks if opened.any() else specks
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def fit_square(picture: Pixels, ground: Ground, size: int, margin: int) -> Pixels:
    """Scale the picture into the middle of a square of its ground colour.

    Args:
        picture: the trimmed mark.
        ground: fills the rest.
        size: pixels of the square's side.
        margin: pixels left free at each end of the longer side.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = picture.shape[:2]
    scale = (size - 2 * margin) / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    top, left = (size - h) // 2, (size - w) // 2
    square = np.empty((size, size, 3), np.uint8)
    square[:] = ground.color
    square[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=method)
    return square


def patch_ink(square: Pixels, ground: Ground) -> Bools:
    """Bool (PATCH_GRID, PATCH_GRID): which patches of a view hold ink."""
    ink = find_ink(square, ground).astype(np.float32)
    shares = cv2.resize(ink, (PATCH_GRID, PATCH_GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(shares >= PATCH_INK_SHARE, np.bool_)


def _differs(picture: Pixels, color: npt.NDArray[np.uint8]) -> Bools:
    return np.asarray(
        cv2.absdiff(picture, np.broadcast_to(color, picture.shape).copy()).max(axis=2) > GROUND_TOLERANCE,
        np.bool_,
    )
