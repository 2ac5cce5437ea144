"""Turned, mirrored, stretched, cut, photographed from aside."""

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.ink import ink_box
from marklens.core.types import Pixels
from marklens.training.copying.tones import apart_from, border_color, paint

Matrix = npt.NDArray[np.float64]
"""Homogeneous, shape (3, 3): places in the old picture to places in the new one."""


def rotate(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Turn the mark, mostly by less than 20 degrees, at times by a quarter or by any angle."""
    way = random.random()
    if way < 0.15:
        return np.ascontiguousarray(np.rot90(picture, int(random.integers(1, 4))))
    degrees = random.uniform(-180, 180) if way < 0.25 else random.normal(0, 9 * strength)
    height, width = picture.shape[:2]
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return _moved(picture, turn)


def flip(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Mirror left and right, seldom up and down."""
    return np.ascontiguousarray(picture[:, ::-1] if random.random() < 0.8 else picture[::-1])


def stretch(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Make the mark broader or taller, seldom slanted."""
    ratio = float(np.exp(random.uniform(-0.35, 0.35) * strength))
    if random.random() < 0.25:
        return _moved(picture, np.array([[1, 0.8 * (ratio - 1), 0], [0, 1, 0], [0, 0, 1]], np.float64))
    height, width = picture.shape[:2]
    size = (max(8, round(width * ratio**0.5)), max(8, round(height / ratio**0.5)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def crop(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Cut off up to a quarter of the mark at one side or two."""
    box = ink_box(apart_from(picture, border_color(picture)) > 24)
    if box is None:
        return picture
    cuts = np.zeros(4)
    sides = random.permutation(4)[: 1 + int(random.random() < 0.4)]
    cuts[sides] = random.uniform(0.05, 0.24 * strength, len(sides))
    top, bottom, left, right = box
    height, width = bottom - top, right - left
    rows = slice(
        top + round(cuts[0] * height) if cuts[0] else 0,
        bottom - round(cuts[1] * height) if cuts[1] else None,
    )
    columns = slice(
        left + round(cuts[2] * width) if cuts[2] else 0,
        right - round(cuts[3] * width) if cuts[3] else None,
    )
    return np.ascontiguousarray(picture[rows, columns])


def warp(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """As a photograph shows it: from aside, on a bent surface, in uneven light, with noise."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    jitter = random.uniform(-0.11, 0.11, (4, 2)) * strength * (width, height)
    aside = cv2.getPerspectiveTransform(corners, (corners + jitter).astype(np.float32))
    seen = _moved(picture, aside.astype(np.float64))
    if random.random() < 0.5:
        seen = _bent(seen, random, strength)
    return _lit(seen, random, strength)


def _moved(picture: Pixels, move: Matrix) -> Pixels:
    """Move a picture so that all of it stays to be seen; the ground's colour fills the rest."""
    height, width = picture.shape[:2]
    corners = move @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    corners = corners[:2] / corners[2]
    left, top = corners.min(axis=1)
    right, bottom = corners.max(axis=1)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    size = (max(8, int(np.ceil(right - left))), max(8, int(np.ceil(bottom - top))))
    moved = cv2.warpPerspective(
        picture, shift @ move, size, flags=cv2.INTER_LINEAR, borderValue=paint(border_color(picture))
    )
    return np.asarray(moved, np.uint8)


def _bent(picture: Pixels, random: np.random.Generator, strength: float) -> Pixels:
    """A wave across the picture, as on cloth or a can."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    depth = np.float32(random.uniform(0.01, 0.04) * strength)
    phase, waves = random.uniform(0, 2 * np.pi), random.uniform(0.5, 1.5)
    if random.random() < 0.5:
        y = y + height * depth * np.sin(x * np.float32(2 * np.pi * waves / width) + np.float32(phase))
    else:
        x = x + width * depth * np.sin(y * np.float32(2 * np.pi * waves / height) + np.float32(phase))
    bent = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderValue=paint(border_color(picture)))
    return np.asarray(bent, np.uint8)


def _lit(picture: Pixels, random: np.random.Generator, strength: float) -> Pixels:
    """Light that falls off to one side, and the noise of a sensor."""
    height, width = picture.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(random.uniform(-0.15, 0.15) * strength)
    down = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(random.uniform(-0.15, 0.15) * strength)
    light = np.float32(random.uniform(0.8, 1.02)) + across + down[:, None]
    noise = random.standard_normal((height, width), np.float32) * np.float32(random.uniform(1, 6) * strength)
    lit = picture * light[..., None] + noise[..., None]
    return np.asarray(np.clip(lit, 0, 255), np.uint8)
