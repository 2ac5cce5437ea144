"""Lay figures and words onto a ground, and remember which pixel is which."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.images import shrink
from marklens.core.ink import GROUND_TOLERANCE, ink_box
from marklens.core.types import Bools, Pixels
from marklens.preprocessing.image_normalizer import strongest
from marklens.training.lockups.typesetting import Coverage

Color = tuple[int, int, int]
Paint = npt.NDArray[np.float32] | Color


@dataclass(frozen=True, slots=True)
class Lockup:
    """A made mark whose text is known to the pixel.

    Attributes:
        picture: uint8 (h, w, 3), trimmed to its ink with a thin border.
        without_text: uint8 (h, w, 3), the same mark before any word was laid on it.
        text: bool (h, w), True where text changes the picture.
        figure: bool (h, w), True where the figure shows (not under text).
        layout: how it was laid out, such as ``"beside"``.
        script: of its words, ``""`` without words.
    """

    picture: Pixels
    without_text: Pixels
    text: Bools
    figure: Bools
    layout: str
    script: str


class Sheet:
    """A canvas that is drawn twice: with the words and without.

    Args:
        height, width: pixels.
        ground: its colour.
    """

    def __init__(self, height: int, width: int, ground: Color) -> None:
        self.height, self.ground = height, ground
        self._full = np.empty((height, width, 3), np.float32)
        self._full[:] = ground
        self._bare = self._full.copy()

    def place_figure(self, colors: Paint, cover: Coverage, at: tuple[int, int]) -> None:
        """Lay a figure (one colour, or float32 (h, w, 3)) so that its upper left corner is at (y, x)."""
        for canvas in (self._full, self._bare):
            _lay(canvas, colors, cover, at)

    def place_text(self, color: Color, cover: Coverage, at: tuple[int, int]) -> None:
        """Lay words so that their upper left corner is at (y, x)."""
        _lay(self._full, color, cover, at)

    def finish(self, side: int, border: int, layout: str, script: str) -> Lockup | None:
        """Trim, scale to at most `side` pixels and tell text from figure; None if nothing shows."""
        full = np.clip(np.rint(self._full), 0, 255).astype(np.uint8)
        bare = np.clip(np.rint(self._bare), 0, 255).astype(np.uint8)
        box = ink_box(_differs(full, np.array(self.ground, np.uint8)))
        if box is None:
            return None
        top, bottom, left, right = (
            max(0, box[0] - border), box[1] + border, max(0, box[2] - border), box[3] + border
        )  # fmt: skip
        full, bare = (shrink(canvas[top:bottom, left:right], side) for canvas in (full, bare))
        text = _differs(full, bare)
        figure = _differs(bare, np.array(self.ground, np.uint8)) & ~text
        return Lockup(np.ascontiguousarray(full), np.ascontiguousarray(bare), text, figure, layout, script)


def _lay(
    canvas: npt.NDArray[np.float32],
    colors: Paint,
    cover: Coverage,
    at: tuple[int, int],
) -> None:
    """Blend into the canvas; what reaches beyond its edges is cut off."""
    top, left = max(0, at[0]), max(0, at[1])
    bottom, right = min(canvas.shape[0], at[0] + cover.shape[0]), min(canvas.shape[1], at[1] + cover.shape[1])
    if top >= bottom or left >= right:
        return
    part = (slice(top - at[0], bottom - at[0]), slice(left - at[1], right - at[1]))
    paint = np.asarray(colors, np.float32)
    paint = paint[part] if paint.ndim == 3 else paint
    place, share = canvas[top:bottom, left:right], cover[part][..., None]
    place += share * (paint - place)


def _differs(one: Pixels, other: npt.NDArray[np.uint8]) -> Bools:
    apart = cv2.absdiff(one, np.ascontiguousarray(np.broadcast_to(other, one.shape)))
    return np.asarray(strongest(apart) > GROUND_TOLERANCE, np.bool_)
