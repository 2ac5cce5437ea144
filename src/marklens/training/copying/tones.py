"""What changes of ink and ground are made of: the ground's colour, covers, palettes, random colours."""

import colorsys

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Pixels
from marklens.preprocessing.image_normalizer import DARK_LIGHTNESS, strongest

Color = npt.NDArray[np.float32]
"""RGB, 0..255, shape (3,)."""
Cover = npt.NDArray[np.float32]
"""How far ink covers the ground, 0..1, shape (h, w)."""

WEAKEST_INK = 48.0
"""Channel difference (0..255) to the ground from which ink covers it wholly; paler ink is a tint."""
SOLID = 40
"""Channel difference from which a pixel counts for the palette."""
SAMPLED = 400
"""Ink pixels looked at for the palette."""
EDGE = 0.85
"""Share of the strongest difference beside it that a pixel needs to be more than an ink's soft edge."""
LIKE = 50.0
"""Two colours closer than this in every channel are one segment."""
MOST_INKS = 4
BADGE_BORDER = 0.98
"""Share of a view's border in one colour from which no mark touches it."""
CONTRAST = 70.0
"""Largest channel difference that ink and ground need at least."""
WEIGHTS = np.array([[0.299, 0.587, 0.114]], np.float32)


def border_color(picture: Pixels) -> Color:
    """The median colour of the border: what the mark stands on."""
    border = np.concatenate([picture[0, ::2], picture[-1, ::2], picture[::2, 0], picture[::2, -1]])
    border.sort(axis=0)
    return np.asarray(border[len(border) // 2], np.float32)


def view_ground(view: Pixels) -> Color:
    """The colour a mark stood on before its view was trimmed, as well as a trimmed view still tells.

    The corners show it unless the mark fills the square. A border all in one colour is no ground: a trimmed
    mark touches the border, so this is a badge, and dark grounds were turned light; both get white.
    """
    corners = view[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int16)
    alike = np.abs(corners[:, None] - corners).max(axis=2) <= SOLID
    color = corners[int(alike.sum(axis=1).argmax())].astype(np.float32)
    border = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
    full = (np.abs(border - color).max(axis=1) <= SOLID).mean() > BADGE_BORDER
    dark = float(color.max() + color.min()) < 2 * DARK_LIGHTNESS
    return np.full(3, 255, np.float32) if full or dark else color


def paint(color: Color) -> tuple[float, ...]:
    """The colour as OpenCV takes it."""
    return tuple(float(value) for value in color)


def apart_from(picture: Pixels, color: Color) -> Pixels:
    """The largest channel difference to a colour, uint8 (h, w)."""
    scalar = np.array([*color.astype(np.uint8), 0], np.float64)  # four numbers are a colour to OpenCV
    return np.asarray(strongest(cv2.absdiff(picture, scalar)), np.uint8)


def ink_cover(picture: Pixels, ground: Color) -> Cover:
    """How far each pixel is ink: beside the strongest one near it, so that edges are soft and inks solid."""
    apart = apart_from(picture, ground)
    most = cv2.dilate(apart, np.ones((5, 5), np.uint8)).astype(np.float32)
    return np.asarray(np.minimum(1.1 * apart / np.maximum(most, WEAKEST_INK), 1), np.float32)


def ink_tone(picture: Pixels, ground: Color) -> Cover:
    """How strong each pixel's ink is, 0..1: segments of other colours keep other tones."""
    difference = apart_from(picture, ground).astype(np.float32)
    light = cv2.transform(picture, WEIGHTS).astype(np.float32)
    tone = difference / 2 + np.abs(light - float(WEIGHTS[0] @ ground))
    return np.asarray(np.minimum(tone / max(1.0, 0.97 * float(tone.max())), 1), np.float32)


def blend(under: Color, over: Color, cover: Cover) -> Pixels:
    """Lay one flat colour over another, uint8 (h, w, 3)."""
    channels = [cover * (float(top) - float(low)) + float(low) for low, top in zip(under, over, strict=True)]
    return np.asarray(cv2.merge(channels) + 0.5, np.uint8)


def palette(picture: Pixels, ground: Color) -> list[Color]:
    """The inks of a mark, most frequent first, at most `MOST_INKS`."""
    apart = apart_from(picture, ground)
    peaks = cv2.dilate(apart, np.ones((3, 3), np.uint8)).astype(np.float32)  # soft edges are no inks
    solid = picture[(apart > SOLID) & (apart >= EDGE * peaks)]
    if not len(solid):
        return []
    sample = solid[:: max(1, len(solid) // SAMPLED)].astype(np.int32)
    keys = (sample[:, 0] >> 4) << 8 | (sample[:, 1] >> 4) << 4 | sample[:, 2] >> 4
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    inks: list[Color] = []
    for place in first[np.argsort(-counts, kind="stable")]:
        color = sample[place].astype(np.float32)
        if all(np.abs(color - ink).max() > LIKE for ink in inks):
            inks.append(color)
        if len(inks) == MOST_INKS:
            break
    return inks


def bright_color(random: np.random.Generator) -> Color:
    """Any clear colour, at times a dark or a pale one."""
    hue, chroma, light = random.random(), random.uniform(0.35, 1), random.uniform(0.3, 1)
    return np.array(colorsys.hsv_to_rgb(hue, chroma, light), np.float32) * 255


def contrasting(other: Color, random: np.random.Generator) -> Color:
    """A colour that shows on another one, black or white rather often."""
    if random.random() < 0.3:
        return plain_contrast(other)
    for _ in range(4):
        color = bright_color(random)
        if shows_on(color, other):
            return color
    return plain_contrast(other)


def shows_on(ink: Color, ground: Color) -> bool:
    """Whether an ink is well to be seen on a ground: by its colour, and also without it."""
    return bool(
        np.abs(ink - ground).max() > CONTRAST and abs(float(WEIGHTS[0] @ (ink - ground))) > CONTRAST / 2
    )


def plain_contrast(other: Color) -> Color:
    """Black on what is light, white on what is dark."""
    light = float(WEIGHTS[0] @ other) > 140
    return np.zeros(3, np.float32) if light else np.full(3, 255, np.float32)
