"""Words to add: set once, scaled and laid beside marks or across them ever after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ImageFont

from marklens.core.ink import ink_box
from marklens.core.types import Pixels
from marklens.training.copying.tones import (
    Color,
    apart_from,
    border_color,
    contrasting,
    paint,
    palette,
    plain_contrast,
    shows_on,
)
from marklens.training.lockups.fonts import DRAWN_HEIGHT, Font, Script
from marklens.training.lockups.typesetting import draw_line, scale_to_height
from marklens.training.lockups.words import make_tagline, make_words

SET_HEIGHT = 40
"""Pixels the words are kept at; they are seldom laid larger."""
BROAD = 1.6
"""Length over breadth from which a mark is not written across: little of it would be left to see."""
LONGEST = 14
"""Heights: longer lines would leave the mark a dot beside them."""
NAMES = (
    "alvora", "bentik", "corvane", "delmio", "estraka", "fjordal", "gantura", "helvio", "ilvento", "jorandi",
    "kestrel works", "lumaro", "merivale", "novantis", "orbelle", "pantro", "quillon", "rosmerta", "sandoval",
    "tervani", "umbrel", "vastrum", "wexley", "xandria", "yarrow", "zephyrine", "blue anchor", "old mill",
    "first harvest", "north gate", "red lion", "silver oak",
)  # fmt: skip
"""Made up."""


@dataclass(frozen=True, slots=True)
class WordBank:
    """Words that are set already.

    Attributes:
        lines: coverage of each, uint8 (SET_HEIGHT, width), 255 where letters are.
    """

    lines: tuple[np.ndarray, ...]


def make_word_bank(
    fonts: Mapping[Script, Sequence[Font]] | None = None,
    names: Sequence[str] = NAMES,
    count: int = 400,
    seed: int = 0,
) -> WordBank:
    """Set so many lines of one or two words.

    Args:
        fonts: of training families, see `lockups.fonts`; None takes the one font that Pillow brings.
        names: to write.
        count: lines.
        seed: of words and fonts.
    """
    random = np.random.default_rng(seed)
    lines: list[np.ndarray] = []
    scripts: list[Script] = list(fonts) if fonts else ["latin"]
    while len(lines) < count:
        other = len(scripts) > 1 and random.random() < 0.3
        script = scripts[int(random.integers(len(scripts)))] if other else "latin"
        tagline = script == "latin" and random.random() < 0.1
        text = make_tagline(random) if tagline else " ".join(make_words(script, names, random, 2))
        opened = _font(fonts, script, random)
        line = draw_line(text, opened, joined=script == "arabic", spacing=0.15 * (random.random() < 0.2))
        if line is not None and line.shape[1] < LONGEST * line.shape[0]:
            lines.append((scale_to_height(line, SET_HEIGHT) * 255).astype(np.uint8))
    return WordBank(tuple(lines))


def _font(
    fonts: Mapping[Script, Sequence[Font]] | None, script: Script, random: np.random.Generator
) -> ImageFont.FreeTypeFont:
    if fonts is not None:
        return fonts[script][int(random.integers(len(fonts[script])))].opened()
    bundled = ImageFont.load_default(DRAWN_HEIGHT)
    assert isinstance(bundled, ImageFont.FreeTypeFont)
    return bundled


def add_words(
    picture: Pixels, random: np.random.Generator, strength: float = 1.0, *, bank: WordBank
) -> Pixels:
    """Write a word beside the mark, above, below, or across it."""
    under = border_color(picture)
    box = ink_box(apart_from(picture, under) > 24)
    if box is None:
        return picture
    mark = picture[box[0] : box[1], box[2] : box[3]]
    line = bank.lines[int(random.integers(len(bank.lines)))]
    inks = palette(mark, under)
    ink = inks[0] if inks and random.random() < 0.6 else contrasting(under, random)
    way = random.random()
    if way < 0.2 and max(mark.shape[:2]) < BROAD * min(mark.shape[:2]):
        return _across(picture, box, line, under, ink, random)
    return _beside(mark, line, under, ink, random) if way < 0.55 else _stacked(mark, line, under, ink, random)


def _beside(mark: Pixels, line: np.ndarray, under: Color, ink: Color, random: np.random.Generator) -> Pixels:
    height, width = mark.shape[:2]
    side = max(height, width)
    word = _scaled(line, random.uniform(0.22, 0.45) * side, 1.5 * side)
    gap = round(random.uniform(0.08, 0.25) * side)
    canvas = _sheet(max(height, word.shape[0]), width + gap + word.shape[1], under)
    left, right = (0, width + gap) if random.random() < 0.8 else (word.shape[1] + gap, 0)
    _paste(canvas, mark, ((canvas.shape[0] - height) // 2, left))
    _write(canvas, word, ink, ((canvas.shape[0] - word.shape[0]) // 2, right))
    return canvas


def _stacked(mark: Pixels, line: np.ndarray, under: Color, ink: Color, random: np.random.Generator) -> Pixels:
    height, width = mark.shape[:2]
    side = max(height, width)
    word = _scaled(line, random.uniform(0.14, 0.3) * side, 1.6 * side)
    gap = round(random.uniform(0.06, 0.2) * side)
    canvas = _sheet(height + gap + word.shape[0], max(width, word.shape[1]), under)
    top, below = (0, height + gap) if random.random() < 0.8 else (word.shape[0] + gap, 0)
    _paste(canvas, mark, (top, (canvas.shape[1] - width) // 2))
    _write(canvas, word, ink, (below, (canvas.shape[1] - word.shape[1]) // 2))
    return canvas


def _across(
    picture: Pixels,
    box: tuple[int, int, int, int],
    line: np.ndarray,
    under: Color,
    ink: Color,
    random: np.random.Generator,
) -> Pixels:
    """On a band of the ground's colour or another that runs over the mark, or without one."""
    top, bottom, left, right = box
    height, width = bottom - top, right - left
    word = _scaled(line, random.uniform(0.12, 0.22) * height, 1.05 * width)
    y = top + round(random.uniform(0.25, 0.75) * (height - word.shape[0]))
    x = max(0, left + (width - word.shape[1]) // 2)
    written = picture.copy()
    if random.random() < 0.7:
        band = under if random.random() < 0.6 else contrasting(under, random)
        ink = ink if shows_on(ink, band) else plain_contrast(band)
        pad = max(1, word.shape[0] // 4)
        cv2.rectangle(written, (left, y - pad), (right, y + word.shape[0] + pad), paint(band), cv2.FILLED)
    _write(written, word, ink, (y, x))
    return written


def _scaled(line: np.ndarray, height: float, widest: float) -> np.ndarray:
    """The line at this height, or lower where it would be too wide; uint8 (h, w)."""
    scale = min(height / line.shape[0], widest / line.shape[1])
    size = (max(4, round(line.shape[1] * scale)), max(4, round(line.shape[0] * scale)))
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8)


def _sheet(height: int, width: int, color: Color) -> Pixels:
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = color.astype(np.uint8)
    return canvas


def _paste(canvas: Pixels, mark: Pixels, at: tuple[int, int]) -> None:
    canvas[at[0] : at[0] + mark.shape[0], at[1] : at[1] + mark.shape[1]] = mark


def _write(canvas: Pixels, word: np.ndarray, ink: Color, at: tuple[int, int]) -> None:
    """Lay letters; what reaches beyond the canvas is cut off."""
    place = canvas[max(0, at[0]) : at[0] + word.shape[0], at[1] : at[1] + word.shape[1]]
    cover = word[: place.shape[0], : place.shape[1], None].astype(np.float32) / 255
    place[:] = np.clip(place + cover * (ink - place), 0, 255).astype(np.uint8)
