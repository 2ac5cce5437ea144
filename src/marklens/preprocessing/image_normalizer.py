"""Trim the border, fit the mark into a square, say where its ink is."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import PATCH_GRID, Bools, Pixels

GROUND_TOLERANCE = 24
"""Largest channel difference (0..255) that still counts as ground: above JPEG noise, below pale grey ink."""
PALE_TOLERANCE = 8
"""Used instead where nothing passes the other: a pale mark on white is still a mark."""
GROUND_SHARE = 0.6
"""Share of border pixels that must agree for the border to be a ground colour."""
DARK_LIGHTNESS = 64
"""HSL lightness (0..255) below which a ground is dark: black, navy, bottle green, but not red."""
SPECK_AREA = 4
"""Pixels up to which a lone spot is dirt or compression noise, not part of the mark."""
DOTTED_SHARE = 0.05
"""Share of all ink from which specks are dots of the drawing."""
FEW_SPECKS = 25
"""Ink of so many specks is looked at piece by piece; more is a mark."""
PATCH_INK_SHARE = 0.02
"""Share of a patch's pixels that must differ from the ground for the patch to hold ink."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The colour a mark stands on.

    Attributes:
        color: uint8 (3,), RGB.
        uniform: whether the border agrees on it; a photograph or a pattern does not.
        tolerance: largest channel difference (0..255) that still counts as ground.
    """

    color: npt.NDArray[np.uint8]
    uniform: bool
    tolerance: int = GROUND_TOLERANCE


def find_ground(picture: Pixels) -> Ground:
    """Read the ground colour off the border: the channel-wise median, if most of the border agrees.

    A mark paler than `GROUND_TOLERANCE` lowers the tolerance to `PALE_TOLERANCE`.
    """
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    color = np.median(border, axis=0).astype(np.uint8)
    uniform = find_ink(border[None], Ground(color, True)).mean() <= 1 - GROUND_SHARE
    ground = Ground(color, bool(uniform))
    return ground if _has_mark(find_ink(picture, ground)) else replace(ground, tolerance=PALE_TOLERANCE)


def _has_mark(ink: Bools) -> bool:
    """Whether there is more than a few lone specks, which a pale mark may have beside it."""
    if np.count_nonzero(ink) > FEW_SPECKS * SPECK_AREA:
        return True
    return any(area > SPECK_AREA for area in _spots(ink)[:, cv2.CC_STAT_AREA].tolist())


def _spots(ink: Bools) -> Any:
    """OpenCV's statistics of the connected pieces of ink."""
    _, _, spots, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    return spots[1:]  # the first is the ground


def turn_light(picture: Pixels, ground: Ground) -> tuple[Pixels, Ground]:
    """Turn a mark on a dark ground into its twin on a light one; others stay as they are.

    The lightness of HSL is inverted, hue and chroma stay: white on black becomes black on white, red stays
    red. As (max + min) / 2 is the lightness, adding 255 − max − min to every channel does it.
    """
    if not ground.uniform or int(ground.color.max()) + int(ground.color.min()) >= 2 * DARK_LIGHTNESS:
        return picture, ground
    return _inverted(picture), replace(ground, color=_inverted(ground.color[None, None])[0, 0])


def _inverted(picture: Pixels) -> Pixels:
    deep = picture.astype(np.int16)
    shift = 255 - strongest(deep) + strongest(-deep)  # the least is minus the strongest of the negative
    return np.asarray(deep + shift[..., None], np.uint8)


def strongest(picture: Any) -> Any:
    """The largest of the three channels, (h, w, 3) to (h, w); faster than NumPy over a short axis."""
    red, green, blue = cv2.split(picture)
    return cv2.max(cv2.max(red, green), blue)


def find_ink(picture: Pixels, ground: Ground) -> Bools:
    """Bool (height, width): True where a pixel differs from the ground in any channel."""
    color = ground.color.astype(int)
    low, high = tuple((color - ground.tolerance).tolist()), tuple((color + ground.tolerance).tolist())
    return np.asarray(cv2.inRange(picture, low, high) == 0, np.bool_)


def ink_box(ink: Bools) -> tuple[int, int, int, int] | None:
    """The box (top, bottom, left, right; ends excluded) around the ink without lone specks; None if empty.

    Where specks are a part of all ink that counts, they are how it was drawn: dotted, stippled.
    """
    spots = _spots(ink)
    areas = spots[:, cv2.CC_STAT_AREA]
    large = areas > SPECK_AREA
    drawn = areas[~large].sum() > DOTTED_SHARE * areas.sum()  # of nothing but dots, or partly
    kept = spots if drawn else spots[large]
    if not len(kept):
        return None
    left, top = kept[:, cv2.CC_STAT_LEFT], kept[:, cv2.CC_STAT_TOP]
    right, bottom = left + kept[:, cv2.CC_STAT_WIDTH], top + kept[:, cv2.CC_STAT_HEIGHT]
    return int(top.min()), int(bottom.max()), int(left.min()), int(right.max())


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
