"""Trim the border, fit the mark into a square, say where its ink is."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from marklens.core.ink import Ground, find_ink
from marklens.core.types import PATCH_GRID, Bools, Pixels

DARK_LIGHTNESS = 72
"""HSL lightness (0..255) below which a ground is dark: black, navy, bottle green, but not red. The named
colours of half strength have 64, and saving one as JPEG must not decide."""
PATCH_INK_SHARE = 0.02
"""Share of a patch's pixels that must differ from the ground for the patch to hold ink."""


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
