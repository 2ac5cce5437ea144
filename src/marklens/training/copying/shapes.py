"""Another pen: to outline, bolder or thinner."""

import cv2
import numpy as np

from marklens.core.types import Pixels
from marklens.preprocessing.image_normalizer import strongest
from marklens.training.copying.tones import apart_from, blend, border_color, contrasting, plain_contrast

LEAST_LEFT = 0.5
"""Share of the ink that a thinner pen must leave, or lines would break."""


def outline(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Draw the edges of all segments in one ink; at times only change the width of what is drawn."""
    if random.random() < 0.3:
        return _other_width(picture, random)
    under = border_color(picture)
    side = max(picture.shape[:2])
    width = 2 + round(side / 112 * random.integers(0, 3))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    edges = strongest(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, kernel)).astype(np.float32)
    cover = np.minimum(edges / max(1.0, 0.6 * float(edges.max())), 1)
    ink = plain_contrast(under) if random.random() < 0.6 else contrasting(under, random)
    return blend(under, ink, cover)


def _other_width(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Bolder or thinner by a pixel or two; thin lines only become bolder."""
    under = border_color(picture)
    side = max(picture.shape[:2])
    width = 2 + round(side / 112 * random.integers(0, 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width + 1, width + 1))
    light = float(under.mean()) > 127
    bolder, thinner = (cv2.erode, cv2.dilate) if light else (cv2.dilate, cv2.erode)
    if random.random() < 0.5:
        thin = np.asarray(thinner(picture, kernel), np.uint8)
        left = np.count_nonzero(apart_from(thin, under) > 48)
        if left > LEAST_LEFT * np.count_nonzero(apart_from(picture, under) > 48):
            return thin
    return np.asarray(bolder(picture, kernel), np.uint8)
