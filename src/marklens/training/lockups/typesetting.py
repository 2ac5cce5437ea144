"""Set words: straight, spaced, stacked, along an arc. A line is a coverage map, float32 (h, w) in 0..1."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from marklens.training.lockups.fonts import DRAWN_HEIGHT, Font

Coverage = npt.NDArray[np.float32]


def set_line(text: str, font: Font, height: int, spacing: float = 0.0) -> Coverage:
    """One line of text, trimmed, with letters about `height` pixels high.

    Args:
        text: what to write.
        font: how.
        height: pixels of a trimmed line whose drawing fills an em's capital height.
        spacing: extra room between letters in ems; scripts that join letters take none.
    """
    line = draw_line(text, font.opened(), font.script == "arabic", spacing)
    if line is None:  # only spaces, or glyphs without a drawing
        return np.zeros((height, 1), np.float32)
    return scale_to_height(line, height)


def draw_line(
    text: str, font: ImageFont.FreeTypeFont, joined: bool = False, spacing: float = 0.0
) -> Coverage | None:
    """One line of text as drawn, trimmed; None where nothing shows.

    Args:
        text: what to write.
        font: opened at `DRAWN_HEIGHT`.
        joined: the script joins letters.
        spacing: extra room between letters in ems, unless they are joined.
    """
    pieces = list(text) if spacing > 0 and not joined else [text]
    step = round(spacing * DRAWN_HEIGHT)
    widths = [round(font.getlength(piece)) + step for piece in pieces]
    canvas = Image.new("L", (sum(widths) + 2 * DRAWN_HEIGHT, 3 * DRAWN_HEIGHT))
    draw, left = ImageDraw.Draw(canvas), DRAWN_HEIGHT
    for piece, width in zip(pieces, widths, strict=True):
        draw.text((left, DRAWN_HEIGHT), piece, fill=255, font=font)
        left += width
    box = canvas.getbbox()
    return None if box is None else np.asarray(canvas.crop(box), np.float32) / np.float32(255)


def scale_to_height(line: Coverage, height: int) -> Coverage:
    """Scale a coverage map so that it has this height."""
    width = max(1, round(line.shape[1] * height / line.shape[0]))
    method = cv2.INTER_AREA if height < line.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(line, (width, height), interpolation=method), np.float32)


def stack_lines(lines: Sequence[Coverage], gap: int, align: float) -> Coverage:
    """Put lines below each other; `align` 0 is left, 0.5 centred, 1 right."""
    width = max(line.shape[1] for line in lines)
    height = sum(line.shape[0] for line in lines) + gap * (len(lines) - 1)
    block, top = np.zeros((height, width), np.float32), 0
    for line in lines:
        left = round((width - line.shape[1]) * align)
        block[top : top + line.shape[0], left : left + line.shape[1]] = line
        top += line.shape[0] + gap
    return block


def bend_line(line: Coverage, radius: int, below: bool = False) -> Coverage:
    """Bend a line around a circle.

    Args:
        line: what to bend; it shall be shorter than 0.9 of the way around.
        radius: pixels from the centre to the foot of the letters (to their head, if `below`).
        below: read from left to right along the lower half instead of the upper.

    Returns:
        float32 (side, side) with the circle's centre in its middle.
    """
    height, width = line.shape
    side = 2 * (radius + height + 2)
    y, x = np.mgrid[:side, :side].astype(np.float32) - side / 2 + 0.5
    distance, angle = np.hypot(x, y), np.arctan2(x, y if below else -y)
    along = width / 2 + angle * (radius + height / 2)
    across = distance - radius if below else radius + height - distance
    return np.asarray(cv2.remap(line, along, across, cv2.INTER_LINEAR, borderValue=0.0), np.float32)
