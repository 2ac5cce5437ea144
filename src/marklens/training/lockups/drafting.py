"""What a layout works with: material, a symbol taken off its ground, words in a font, colours that show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.images import read_picture, shrink
from marklens.core.ink import GROUND_TOLERANCE, Ground, find_ground, find_ink, ink_box
from marklens.core.types import Pixels
from marklens.preprocessing.image_normalizer import strongest
from marklens.training.lockups.fonts import Font, Script
from marklens.training.lockups.sheet import Color
from marklens.training.lockups.typesetting import Coverage, set_line, stack_lines
from marklens.training.lockups.words import make_tagline, make_words

T = TypeVar("T")

SYMBOL_SIDE = 180
"""Pixels of the longer side of a symbol on the sheet, before the mark is scaled down to its final size."""
INKS: tuple[Color, ...] = (
    (0, 0, 0), (30, 30, 36), (70, 74, 82), (16, 42, 92), (200, 16, 46), (0, 98, 65), (0, 112, 186),
    (240, 130, 0), (92, 38, 132), (120, 72, 30), (232, 60, 120), (0, 150, 160), (150, 160, 170),
    (255, 200, 0),
)  # fmt: skip
CONTRAST = 70
"""Largest channel difference (0..255) that words need at least to what they stand on."""


@dataclass(frozen=True, slots=True)
class Material:
    """What lock-ups are made of.

    Attributes:
        symbols: picture files with transparency.
        names: real names in Latin letters.
        fonts: by script.
    """

    symbols: Sequence[Path]
    names: Sequence[str]
    fonts: Mapping[Script, Sequence[Font]]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A figure off its ground.

    Attributes:
        colors: float32 (h, w, 3), 0..255.
        cover: how far it covers what is under it.
    """

    colors: npt.NDArray[np.float32]
    cover: Coverage


@dataclass(frozen=True, slots=True)
class Draft:
    """What a layout works with."""

    material: Material
    random: np.random.Generator
    symbol: Symbol
    script: Script
    font: Font
    ground: Color
    ink: Color

    def words(self, count: int = 2) -> list[str]:
        """One to `count` words."""
        return make_words(self.script, self.material.names, self.random, count)

    def line(self, height: int, count: int = 2) -> Coverage:
        """One to `count` words in one line, spaced or not."""
        text = " ".join(self.words(count))
        spacing = float(self.random.choice([0, 0, 0, 0.05, 0.15, 0.3]))
        return set_line(text, self.font, height, spacing)

    def block(self, height: int) -> Coverage:
        """One to three lines: a name in one or more lines, at times a smaller one below."""
        align = float(self.random.choice([0, 0, 0.5]))
        words = self.words(3)
        if self.random.random() < 0.4 and len(words) > 1:
            lines = [set_line(word, self.font, height) for word in words]
        else:
            lines = [self.line(height)]
        if self.random.random() < 0.25:
            tagline = make_tagline(self.random) if self.script == "latin" else " ".join(self.words(2))
            lines.append(set_line(tagline, self.font, max(12, round(height * 0.35))))
        return stack_lines(lines, round(height * self.random.uniform(0.2, 0.5)), align)


def read_symbol(path: Path, ground: Color, random: np.random.Generator) -> Symbol | None:
    """A symbol scaled to `SYMBOL_SIDE`, recoloured where it would not show; None if it cannot be used."""
    picture = read_picture(path)
    ground_here = find_ground(picture)
    box = ink_box(find_ink(picture, ground_here))
    if box is None or not ground_here.uniform:
        return None
    picture = shrink(picture[box[0] : box[1], box[2] : box[3]], SYMBOL_SIDE)
    colors, cover = _lifted(picture, ground_here)
    solid = cover > 0.5
    if not solid.any():
        return None
    shows = np.abs(colors[solid] - ground).max(axis=1) > CONTRAST
    if shows.mean() < 0.5 or random.random() < 0.25:  # in one ink
        colors = np.broadcast_to(np.array(contrasting(ground, random), np.float32), colors.shape)
    return Symbol(np.ascontiguousarray(colors), np.ascontiguousarray(cover))


def _lifted(picture: Pixels, ground: Ground) -> tuple[npt.NDArray[np.float32], Coverage]:
    """Take a figure off its ground: its own colours, float32 (h, w, 3), and how far they cover the ground.

    A pixel at an edge is as opaque as it is different from the ground, beside the most different one near it.
    """
    under = ground.color.astype(np.float32)
    apart = strongest(np.abs(picture - under))
    most = np.maximum(cv2.dilate(apart, np.ones((5, 5), np.uint8)), GROUND_TOLERANCE * 2)
    cover = np.asarray(np.clip(apart / most * 1.1, 0, 1), np.float32)
    colors = (picture - under * (1 - cover[..., None])) / np.maximum(cover, 0.05)[..., None]
    return np.clip(colors, 0, 255), cover


def word_ink(symbol: Symbol, ground: Color, random: np.random.Generator) -> Color:
    """The words' colour: often that of the symbol."""
    if random.random() < 0.5:
        color = np.median(symbol.colors[symbol.cover > 0.5], axis=0)
        if np.abs(color - ground).max() > CONTRAST:
            return int(color[0]), int(color[1]), int(color[2])
    return contrasting(ground, random)


def contrasting(ground: Color, random: np.random.Generator) -> Color:
    """A colour that shows on this ground, black or white rather often."""
    fitting = [
        ink
        for ink in (*INKS, (255, 255, 255))
        if max(abs(a - b) for a, b in zip(ink, ground, strict=True)) > CONTRAST
    ]
    black_or_white = (0, 0, 0) if sum(ground) > 384 else (255, 255, 255)
    return black_or_white if random.random() < 0.4 else pick(fitting, random)


def pick(items: Sequence[T], random: np.random.Generator) -> T:
    """One of these."""
    return items[int(random.integers(len(items)))]


def in_ink(symbol: Symbol, ink: Color) -> Symbol:
    """The same shape in one colour."""
    return Symbol(np.broadcast_to(np.array(ink, np.float32), symbol.colors.shape), symbol.cover)
