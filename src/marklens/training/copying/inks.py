"""Other inks on other grounds: recolour by segment, one ink, inverted, another ground."""

import cv2
import numpy as np

from marklens.core.types import Pixels
from marklens.training.copying.tones import (
    Color,
    Cover,
    blend,
    border_color,
    bright_color,
    contrasting,
    ink_cover,
    ink_tone,
    palette,
    plain_contrast,
    shows_on,
)

PIECES = 8
"""A mark in one ink with more pieces than this keeps one ink: letters in ten colours are no copy."""


def recolour(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Give every segment another ink; a mark in one ink at times gets one for each of its pieces."""
    ground = border_color(picture)
    inks = palette(picture, ground)
    if not inks:
        return picture
    if len(inks) == 1 and random.random() < 0.4:
        return _by_piece(picture, ground, random)
    return _exchanged(picture, ground, inks, _new_inks(inks, ground, random))


def one_ink(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Print the mark in one ink, black more often than not; its segments become tints."""
    ground = border_color(picture)
    ink = plain_contrast(ground) if random.random() < 0.6 else contrasting(ground, random)
    single = len(palette(picture, ground)) == 1
    cover = ink_cover(picture, ground) if single else ink_tone(picture, ground)
    return blend(ground, ink, cover)


def invert(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Turn light and dark: the negative, or the mark in white on a clear or dark colour."""
    if random.random() < 0.4:
        return np.asarray(255 - picture, np.uint8)
    old = border_color(picture)
    ground = bright_color(random) * random.uniform(0.3, 0.9)
    ink = np.full(3, 255, np.float32)
    single = len(palette(picture, old)) == 1
    return blend(ground, ink, ink_cover(picture, old) if single else ink_tone(picture, old))


def ground(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Put the mark on another ground: a tint, a strong colour, a gradient, stripes, paper."""
    old = border_color(picture)
    new = _shown_under(palette(picture, old), random)
    under = _structured(new, picture.shape[:2], random, strength)
    bare = cv2.merge([1 - ink_cover(picture, old)] * 3)
    changed = picture + bare * (under - old)
    return np.clip(changed, 0, 255).astype(np.uint8)


def _new_inks(inks: list[Color], ground: Color, random: np.random.Generator) -> list[Color]:
    way = random.random()
    if way < 0.35:
        return _turned(inks, random.uniform(30, 330))
    if way < 0.5 and len(inks) > 1:
        return inks[1:] + inks[:1]
    return [contrasting(ground, random) for _ in inks]


def _turned(inks: list[Color], degrees: float) -> list[Color]:
    """All hues turned by the same angle; grey inks become coloured."""
    hsv = cv2.cvtColor(np.array([inks], np.float32) / 255, cv2.COLOR_RGB2HSV)[0]
    hsv[:, 0] = (hsv[:, 0] + degrees) % 360
    gray = hsv[:, 1] < 0.2
    hsv[gray, 1], hsv[gray, 2] = 0.8, np.clip(hsv[gray, 2], 0.3, 0.75)
    return list(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0] * np.float32(255))


def _exchanged(picture: Pixels, ground: Color, inks: list[Color], new: list[Color]) -> Pixels:
    """Take each pixel as a blend of the ground and one ink, and shift it by what that ink changes."""
    flat = picture - ground
    best, shift = np.full(picture.shape[:2], np.inf, np.float32), np.zeros(picture.shape, np.float32)
    for ink, other in zip(inks, new, strict=True):
        way = ink - ground
        length = max(float(way @ way), 1.0)
        share = cv2.transform(flat, (way / length)[None].astype(np.float32))
        cover = np.clip(share, 0, 1)
        error = length * cover * (cover - 2 * share)  # squared distance, but for what all inks share
        nearer = (error < best).astype(np.uint8)
        cv2.copyTo(error, nearer, best)
        change = cv2.merge([cover * float(value) for value in other - ink])
        cv2.copyTo(change, nearer, shift)
    return np.asarray(np.clip(picture + shift, 0, 255), np.uint8)


def _by_piece(picture: Pixels, ground: Color, random: np.random.Generator) -> Pixels:
    cover = ink_cover(picture, ground)
    count, labels = cv2.connectedComponents((cover > 0.3).astype(np.uint8))
    if not 2 < count <= PIECES + 1:
        return blend(ground, contrasting(ground, random), cover)
    colors = np.array([contrasting(ground, random) for _ in range(count)], np.float32)
    spread = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    return _laid(ground, colors[spread], cover)


def _laid(ground: Color, colors: np.ndarray, cover: Cover) -> Pixels:
    return np.clip(ground + cover[..., None] * (colors - ground), 0, 255).astype(np.uint8)


def _shown_under(inks: list[Color], random: np.random.Generator) -> Color:
    """A ground colour that all inks show on."""
    for _ in range(6):
        color = bright_color(random)
        if random.random() < 0.6:  # a tint
            color = 255 - (255 - color) * np.float32(random.uniform(0.1, 0.4))
        if all(shows_on(ink, color) for ink in inks):
            return np.asarray(color, np.float32)
    return np.array([244, 240, 228], np.float32)


def _structured(
    color: Color, shape: tuple[int, int], random: np.random.Generator, strength: float
) -> np.ndarray:
    """A ground of this colour, flat or with a structure, float32 (h, w, 3)."""
    height, width = shape
    under = np.empty((height, width, 3), np.float32)
    under[:] = color
    way, depth = random.random(), np.float32(random.uniform(15, 45) * strength)
    if way < 0.5:
        return under
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if way < 0.7:  # light from one side
        angle = random.uniform(0, 2 * np.pi)
        along = (np.cos(angle) * x + np.sin(angle) * y) / max(shape)
        return np.asarray(under + depth * (along - along.mean())[..., None], np.float32)
    if way < 0.8:
        step, slant = random.uniform(6, 20), random.uniform(-1, 1)
        stripes = np.sin((x + slant * y) * np.float32(2 * np.pi / step))
        return np.asarray(under + depth / 3 * np.sign(stripes)[..., None], np.float32)
    grain = random.normal(0, 1, (height // 4 + 1, width // 4 + 1)).astype(np.float32)
    spread = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(under + depth / 2 * spread[..., None], np.float32)
