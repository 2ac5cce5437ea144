"""The symbol in a box: what stands inside a frame or on a filled shape, dark on white.

App tiles, badges, stamps and framed monograms put a symbol into a box, and the network then compares boxes.
Among 4,000 logos every fourth has one; a view of the inside raised mAP@100 of validation brands from 0.344
to 0.415 (docs/benchmarks.md, further views). Constants were chosen by looking at what they let through.
"""

from typing import Any

import cv2
import numpy as np

from marklens.core.ink import Ground, find_ink, ink_box
from marklens.core.types import Bools, Pixels
from marklens.preprocessing.image_normalizer import strongest

LEAST_AREA = 0.3
"""Share of the picture that a box fills."""
CONVEX, RECTANGULAR = 0.96, 0.74
"""Share of its convex hull, and of its bounding box, that a box fills: a circle fills 0.785 of the latter."""
BESIDE = 0.02
"""Ink outside the box, in shares of it, up to which the box is all there is."""
EDGE, RING = 0.045, 0.1
"""Depths below the outline, in shares of the box's shorter side: what lies above the first is its border,
between both its field is looked at."""
PLAIN = 0.7
"""Share of that ring that must have the field's colour."""
TOLERANCE = 40
"""Largest channel difference (0..255) from the field's colour that still counts as field."""
LEAST_INK, MOST_INK = 0.03, 0.8
"""Share of the inside that the symbol covers."""
LEAST_SIDE = 0.12
"""Of the symbol, in shares of the box's shorter side."""
WHITE = Ground(np.array([255, 255, 255], np.uint8), True)


def unbox(picture: Pixels, ground: Ground) -> Pixels | None:
    """Take the symbol out of its box.

    Args:
        picture: uint8 (h, w, 3), trimmed.
        ground: what the box stands on.

    Returns:
        the symbol alone in greys, trimmed: black where it differs most from the field it stood on, white
        ground. None where the mark is no box, or nothing stands in it.
    """
    outline = _box_outline(picture, ground)
    if outline is None:
        return None
    _, _, width, height = cv2.boundingRect(outline)
    side = min(width, height)
    padded = np.pad(_filled(picture, outline), 1)  # beyond the picture is outside the box
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1] / side
    inside = np.asarray(depth > EDGE, np.bool_)
    field = _field_color(picture[inside & (depth <= RING)])
    if field is None:
        return None
    away = np.where(inside, strongest(cv2.absdiff(picture, np.broadcast_to(field, picture.shape))), 0)
    symbol = away > TOLERANCE
    if not LEAST_INK * inside.sum() <= symbol.sum() <= MOST_INK * inside.sum():
        return None
    return _drawn(away, symbol, LEAST_SIDE * side)


def _box_outline(picture: Pixels, ground: Ground) -> Any:
    """The outline of the box that the mark is, as OpenCV's contour; None if it is none."""
    if not ground.uniform:
        return None
    ink = find_ink(picture, ground).view(np.uint8)
    outlines, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea, default=None)
    if outline is None:
        return None
    area, (_, _, width, height) = cv2.contourArea(outline), cv2.boundingRect(outline)
    boxlike = area >= max(
        LEAST_AREA * ink.size, CONVEX * cv2.contourArea(cv2.convexHull(outline)), RECTANGULAR * width * height
    )
    if not boxlike:
        return None
    beside = np.count_nonzero(ink & ~_filled(picture, outline))
    return outline if beside <= BESIDE * area else None


def _filled(picture: Pixels, outline: Any) -> Any:
    """uint8 (h, w): 1 inside an outline."""
    return cv2.drawContours(np.zeros(picture.shape[:2], np.uint8), [outline], -1, 1, cv2.FILLED)


def _field_color(ring: Pixels) -> Any:
    """The colour (3,) that most pixels (n, 3) of the ring have; None if they do not agree."""
    if not len(ring):
        return None
    color = np.median(ring, axis=0).astype(np.uint8)
    away = np.abs(ring.astype(np.int16) - color).max(axis=1)
    return color if (away <= TOLERANCE).mean() >= PLAIN else None


def _drawn(away: Any, symbol: Bools, least_side: float) -> Pixels | None:
    strength = away * (255 / np.percentile(away[symbol], 95))
    drawn = np.repeat(np.clip(255 - strength, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    box = ink_box(find_ink(drawn, WHITE))
    if box is None:
        return None
    top, bottom, left, right = box
    if min(bottom - top, right - left) < least_side:
        return None
    return np.ascontiguousarray(drawn[top:bottom, left:right])
