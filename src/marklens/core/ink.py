"""What of a picture is mark and what is the ground that it stands on."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Bools, Pixels

GROUND_TOLERANCE = 24
"""Largest channel difference (0..255) that still counts as ground: above JPEG noise, below pale grey ink."""
PALE_TOLERANCE = 8
"""Used instead where nothing passes the other: a pale mark on white is still a mark."""
GROUND_SHARE = 0.6
"""Share of border pixels that must agree for the border to be a ground colour."""
CORNER_REACH = 0.02
"""Share of the shorter side along which an edge is looked at from a corner."""
CORNERS_SHARE = 0.9
"""Share of such pixels that must agree."""
LINE_WIDTH = 0.02
"""Share of the shorter side up to which a dark edge is a line around the ground."""
PAPER = 200
"""Every channel of a ground within such a line is at least so light."""
PAPER_SHARE = 0.4
"""Share of the picture that shows it."""
SPECK_AREA = 4
"""Pixels up to which a lone spot is dirt or compression noise, not part of the mark."""
DOTTED_SHARE = 0.05
"""Share of all ink from which specks are dots of the drawing."""
FEW_SPECKS = 25
"""Ink of so many specks is looked at piece by piece; more is a mark."""


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
    """Read the ground colour off the border.

    It is the channel-wise median of the border, if most of it agrees; but where all corners show something as
    light or lighter, that, as a tile with round corners may fill the rest. A dark line around a light ground
    is no ground. A mark paler than `GROUND_TOLERANCE` lowers the tolerance to `PALE_TOLERANCE`.
    """
    border, corners = _shown(_ring(picture, 0), GROUND_SHARE), _shown(_corners(picture), CORNERS_SHARE)
    # darker ones are those of a mark that reaches into them
    light = corners.color.mean() >= border.color.mean() - GROUND_TOLERANCE
    ground = corners if corners.uniform and light else border
    ground = _within_line(picture, ground) or ground
    return ground if _has_mark(find_ink(picture, ground)) else replace(ground, tolerance=PALE_TOLERANCE)


def _shown(pixels: Pixels, share: float) -> Ground:
    """The median colour of some pixels (n, 3), uniform where so many agree on it."""
    ground = Ground(np.median(pixels, axis=0).astype(np.uint8), True)
    return replace(ground, uniform=bool(find_ink(pixels[None], ground).mean() <= 1 - share))


def _ring(picture: Pixels, depth: int) -> Pixels:
    """The pixels (n, 3) that many steps from the edge."""
    inside = picture[depth : len(picture) - depth, depth : picture.shape[1] - depth]
    return np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])


def _corners(picture: Pixels) -> Pixels:
    """The pixels (n, 3) of the edge that are near a corner."""
    height, width = picture.shape[:2]
    reach = min(height, width, max(2, round(CORNER_REACH * min(height, width))))
    rows, columns = (np.r_[:reach, side - reach : side] for side in (height, width))
    return np.concatenate([picture[0, columns], picture[-1, columns], picture[rows, 0], picture[rows, -1]])


def _within_line(picture: Pixels, ground: Ground) -> Ground | None:
    """The light ground behind a dark line that runs along the edge, as scans and extracts have it."""
    depth = max(4, round(LINE_WIDTH * min(picture.shape[:2])))
    dark = int(ground.color.max()) <= PAPER - GROUND_TOLERANCE
    if not (ground.uniform and dark) or 8 * depth > min(picture.shape[:2]):
        return None
    paper = _shown(_ring(picture, depth), CORNERS_SHARE)
    if not paper.uniform or paper.color.min() < PAPER:
        return None
    return paper if find_ink(picture, paper).mean() <= 1 - PAPER_SHARE else None


def _has_mark(ink: Bools) -> bool:
    """Whether there is more than a few lone specks, which a pale mark may have beside it."""
    if np.count_nonzero(ink) > FEW_SPECKS * SPECK_AREA:
        return True
    return any(area > SPECK_AREA for area in _spots(ink)[:, cv2.CC_STAT_AREA].tolist())


def _spots(ink: Bools) -> Any:
    """OpenCV's statistics of the connected pieces of ink."""
    _, _, spots, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    return spots[1:]  # the first is the ground


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
