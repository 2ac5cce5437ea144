"""What a picture that can be seen through is laid onto: white, or black where white would hide parts."""

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.ink import GROUND_TOLERANCE
from marklens.core.types import Pixels

WHITE_MARK_LUMA = 200
"""Opaque pixels at least this bright (0..255) count as white when the ground is chosen."""
BLACK = 96
"""A pixel with no channel above it would be lost on black."""
FADING_SHARE = 1 / 3
"""Of the rim of a mark, from which so much white would be lost on white."""
DARK_SHARE = 0.03
"""Of its solid pixels, up to which a white mark may have others: dirt, a hairline."""


def flatten(picture: Pixels) -> Pixels:
    """Lay a picture with transparency (h, w, 4) onto white, or onto black if it was made for dark pages."""
    if picture.shape[2] == 3:
        return picture
    rgb, alpha = picture[..., :3], picture[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgb)
    spread = cv2.merge([alpha, alpha, alpha])
    over = cv2.multiply(rgb, spread, scale=1 / 255)
    dark = _fades_on_white(rgb, alpha)
    return np.asarray(over if dark else cv2.add(over, cv2.bitwise_not(spread)), np.uint8)


def _fades_on_white(rgb: Pixels, alpha: npt.NDArray[np.uint8]) -> bool:
    """Whether a mark was made for dark pages: it is white, or parts are that border on what is transparent.

    A few dark pixels of a white mark are dirt, and fringes of edges are not asked. A white card or outline
    around a mark is all that borders on what is transparent: then none of the mark fades.
    """
    most = int(alpha.max())
    if not most or int(alpha.min()) > most // 2:
        return False
    solid = alpha > 0.9 * most
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if (luma[solid] < WHITE_MARK_LUMA).mean() <= DARK_SHARE:
        return True
    inside = cv2.erode(solid.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).view(np.bool_)
    rim = solid & ~inside
    if not rim.any():
        return False
    white = (rgb[rim].min(axis=1) > 255 - GROUND_TOLERANCE).mean()
    black = (rgb[rim].max(axis=1) < BLACK).mean()
    return bool(white >= FADING_SHARE and 1 - white > DARK_SHARE and black <= DARK_SHARE)
