"""Something over the mark, something around it."""

import cv2
import numpy as np

from marklens.core.ink import ink_box
from marklens.core.types import Pixels
from marklens.training.copying.tones import (
    Color,
    Cover,
    apart_from,
    border_color,
    bright_color,
    contrasting,
    ink_cover,
    ink_tone,
    paint,
    palette,
    plain_contrast,
    shows_on,
)

SUBPIXELS = 3
"""Bits of OpenCV's fixed-point coordinates."""


def occlude(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Cover a part: a box, an ellipse or a bar, in the ground's colour or another."""
    under = border_color(picture)
    box = ink_box(apart_from(picture, under) > 24)
    if box is None:
        return picture
    covered, (top, bottom, left, right) = picture.copy(), box
    height, width = bottom - top, right - left
    for _ in range(1 + int(random.random() < 0.35)):
        color = under if random.random() < 0.5 else bright_color(random)
        share = random.uniform(0.15, 0.38, 2) * strength**0.5
        y, x = top + random.uniform(0.05, 0.95) * height, left + random.uniform(0.05, 0.95) * width
        half = (max(2, round(share[1] * width / 2)), max(2, round(share[0] * height / 2)))
        if random.random() < 0.2:  # a bar across
            half = (width, max(2, round(0.08 * height)))
        center = (round(x), round(y))
        if random.random() < 0.4:
            cv2.ellipse(
                covered, center, half, random.uniform(0, 180), 0, 360, paint(color), cv2.FILLED, cv2.LINE_AA
            )
        else:
            corner = center[0] - half[0], center[1] - half[1]
            end = center[0] + half[0], center[1] + half[1]
            cv2.rectangle(covered, corner, end, paint(color), cv2.FILLED)
    return covered


def frame(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Set the mark into a circle, a shield or a rounded square: a line around it, or a filled badge."""
    under = border_color(picture)
    box = ink_box(apart_from(picture, under) > 24)
    if box is None:
        return picture
    mark = picture[box[0] : box[1], box[2] : box[3]]
    height, width = mark.shape[:2]
    shape = ("circle", "square", "shield")[int(random.integers(3))]
    room = {"circle": 1.32, "square": 1.18, "shield": 1.4}[shape] * random.uniform(1.0, 1.25)
    round_fit = 0.5 * (max(height, width) + np.hypot(height, width) * 0.75)
    side = round(room * (round_fit if shape == "circle" else max(height, width)))
    inside = _inside(shape, side, random)
    filled = random.random() < 0.55
    color, mark = _badge(mark, under, random) if filled else (under, mark)
    canvas = _canvas(under, color, inside)
    y, x = (side - height) // 2, (side - width) // 2
    y -= round(0.06 * side) if shape == "shield" else 0
    _place(canvas, mark, color, (max(0, y), max(0, x)))
    if not filled:
        ink = contrasting(under, random) if random.random() < 0.4 else _main_ink(mark, under)
        rim = max(2, round(side * random.uniform(0.02, 0.07)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
        framed = cv2.copyMakeBorder(inside, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0.0)
        ring = framed - cv2.erode(framed, kernel)
        canvas = cv2.copyMakeBorder(canvas, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=paint(under))
        canvas += ring[..., None] * (ink - canvas)
    return np.asarray(np.clip(canvas + 0.5, 0, 255), np.uint8)


def _inside(shape: str, side: int, random: np.random.Generator) -> Cover:
    """The area of a frame, float32 (side, side), 1 within."""
    inside = np.zeros((side, side), np.uint8)
    middle, unit = side / 2, 1 << SUBPIXELS
    if shape == "circle":
        center = (round(middle * unit), round(middle * unit))
        cv2.circle(inside, center, round((middle - 1) * unit), 255, cv2.FILLED, cv2.LINE_AA, SUBPIXELS)
        return inside.astype(np.float32) / np.float32(255)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    if shape == "square":
        power = random.uniform(4, 9)  # a superellipse
        x, y = np.cos(angles), np.sin(angles)
        reach = (np.abs(x) ** power + np.abs(y) ** power) ** (-1 / power)
        outline = np.stack([x * reach, y * reach], axis=1)
    else:
        down = np.linspace(-1, 1, 24)
        half = np.where(down < 0.1, 0.92, 0.92 * np.sqrt(np.clip(1 - ((down - 0.1) / 0.9) ** 2, 0, 1)))
        outline = np.concatenate([np.stack([half, down], 1), np.stack([-half, down], 1)[::-1]])
    points = np.rint((middle + outline * (middle - 1)) * unit).astype(np.int32)
    cv2.fillPoly(inside, [points], (255,), cv2.LINE_AA, SUBPIXELS)
    return inside.astype(np.float32) / np.float32(255)


def _badge(mark: Pixels, under: Color, random: np.random.Generator) -> tuple[Color, Pixels]:
    """A colour for the badge, and the mark on it: in its own inks where they show, else in white or black."""
    color = plain_contrast(under) if random.random() < 0.25 else bright_color(random)
    inks = palette(mark, under)
    if inks and all(shows_on(ink, color) for ink in inks) and random.random() < 0.6:
        bare = cv2.merge([1 - ink_cover(mark, under)] * 3)
        shown = np.asarray(mark + bare * (color - under), np.float32)
    else:
        cover = ink_cover(mark, under) if len(inks) == 1 else ink_tone(mark, under)
        shown = np.asarray(color + cover[..., None] * (plain_contrast(color) - color), np.float32)
    return color, np.asarray(np.clip(shown, 0, 255), np.uint8)


def _canvas(under: Color, color: Color, inside: Cover) -> np.ndarray:
    canvas = np.empty((*inside.shape, 3), np.float32)
    canvas[:] = under
    return np.asarray(canvas + inside[..., None] * (color - under), np.float32)


def _place(canvas: np.ndarray, mark: Pixels, color: Color, at: tuple[int, int]) -> None:
    """Lay a mark that stands on `color` onto the canvas; what reaches beyond it is cut off."""
    height, width = min(mark.shape[0], canvas.shape[0] - at[0]), min(mark.shape[1], canvas.shape[1] - at[1])
    part, place = mark[:height, :width], canvas[at[0] : at[0] + height, at[1] : at[1] + width]
    place += ink_cover(part, color)[..., None] * (part - place)


def _main_ink(mark: Pixels, under: Color) -> Color:
    inks = palette(mark, under)
    return inks[0] if inks else plain_contrast(under)
