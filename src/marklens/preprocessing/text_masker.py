"""Take the text out of a picture: from regions to a mask, from a mask to a picture without it."""

from collections.abc import Sequence

import cv2
import numpy as np

from marklens.core.types import Bools, Pixels, TextRegion

INPAINT_RADIUS = 3
"""Pixels around the mask that Telea's fast marching reads (Telea 2004, section 3)."""
SOFT_EDGE = 2
"""Pixels by which a region grows, so that antialiased edges of letters go too."""


def text_mask(shape: tuple[int, int], regions: Sequence[TextRegion]) -> Bools:
    """Bool (height, width): True inside the grown text regions."""
    mask = np.zeros(shape, np.uint8)
    if regions:
        cv2.fillPoly(mask, [np.rint(region.polygon).astype(np.int32) for region in regions], (1,))
        mask = cv2.dilate(mask, np.ones((2 * SOFT_EDGE + 1, 2 * SOFT_EDGE + 1), np.uint8))
    return mask.astype(np.bool_)


def remove_text(picture: Pixels, mask: Bools) -> Pixels:
    """Inpaint the masked pixels from around them (Telea 2004)."""
    return np.asarray(
        cv2.inpaint(picture, mask.astype(np.uint8), INPAINT_RADIUS, cv2.INPAINT_TELEA), np.uint8
    )
