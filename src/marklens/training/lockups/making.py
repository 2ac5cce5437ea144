"""Make lock-ups: a symbol and words, laid out the ways marks are, from one random seed."""

import numpy as np

from marklens.training.lockups.drafting import Draft, Material, pick, read_symbol, word_ink
from marklens.training.lockups.fonts import Script
from marklens.training.lockups.layouts import LAYOUTS, WITHOUT_WORDS
from marklens.training.lockups.sheet import Color, Lockup

LATIN_SHARE = 0.6
"""Share of lock-ups in Latin; the other scripts share the rest evenly."""
LIGHT: tuple[Color, ...] = ((255, 255, 255),) * 6 + ((245, 242, 232), (228, 236, 244), (250, 226, 180))
DARK: tuple[Color, ...] = ((0, 0, 0), (0, 0, 0), (20, 30, 60), (110, 10, 24), (8, 70, 50), (40, 40, 44))


def make_lockup(
    material: Material, random: np.random.Generator, side: int = 256, layout: str | None = None
) -> Lockup:
    """Make one mark.

    Args:
        material: what to make it of.
        random: decides everything; the same state gives the same mark.
        side: pixels of its longer side.
        layout: one of `LAYOUTS`; None draws one.
    """
    names = list(LAYOUTS)
    shares = np.array([share for share, _ in LAYOUTS.values()])
    while True:
        chosen = layout or names[random.choice(len(names), p=shares / shares.sum())]
        made = _try(material, random, side, chosen)
        if made is not None:
            return made


def _try(material: Material, random: np.random.Generator, side: int, layout: str) -> Lockup | None:
    script = _script(material, random)
    ground = pick(LIGHT if random.random() < 0.72 else DARK, random)
    symbol = read_symbol(pick(material.symbols, random), ground, random)
    if symbol is None:
        return None
    fonts = material.fonts[script]
    draft = Draft(
        material, random, symbol, script, pick(fonts, random), ground,
        word_ink(symbol, ground, random),
    )  # fmt: skip
    sheet = LAYOUTS[layout][1](draft)
    return sheet.finish(side, int(random.integers(0, 5)), layout, "" if layout in WITHOUT_WORDS else script)


def _script(material: Material, random: np.random.Generator) -> Script:
    others = [script for script in material.fonts if script != "latin"]
    if not others or random.random() < LATIN_SHARE:
        return "latin"
    return pick(others, random)
