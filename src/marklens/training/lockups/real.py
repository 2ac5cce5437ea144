"""Real lock-ups whose symbol is also drawn alone: where the symbol is, the rest of the ink is words."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from marklens.core.images import read_picture, shrink
from marklens.core.ink import find_ground, find_ink, ink_box
from marklens.core.types import Bools, Pixels
from marklens.datasets.icons.brand_names import brand_of
from marklens.datasets.icons.brand_split import Split, split_of

MATCH = 0.9
"""Correlation (-1..1) of the inks from which a symbol counts as found in a lock-up."""
SCALES = np.geomspace(0.2, 1.0, 48)
"""Heights of the symbol over the height of the lock-up that are tried."""
MIN_WORDS = 0.08
"""Share of a lock-up's ink outside of the symbol that words have at least."""
WITH_WORDS = {
    "logos": ("{}", "{}-icon"),
    "devicon": ("{}-wordmark", "{}"),
    "devicon-plain": ("{}-wordmark", "{}"),
}
"""How packs name a lock-up and its bare symbol."""


@dataclass(frozen=True, slots=True)
class RealLockup:
    """A lock-up and the symbol that stands in it.

    Attributes:
        brand: normalised name.
        lockup, symbol: file names.
    """

    brand: str
    lockup: str
    symbol: str


def find_pairs(files: Iterable[str], split: Split | None = None) -> list[RealLockup]:
    """The lock-ups among the pictures of an icon import that also have a bare symbol, all or of one split."""
    stems = {Path(file).stem for file in files}
    found: list[RealLockup] = []
    for pack, (lockup, symbol) in WITH_WORDS.items():
        names = sorted(stem.removeprefix(f"{pack}--") for stem in stems if stem.startswith(f"{pack}--"))
        for name in names:
            pair = f"{pack}--{lockup.format(name)}", f"{pack}--{symbol.format(name)}"
            brand = brand_of(pack, name) or name
            if stems.issuperset(pair) and (split is None or split_of(brand) == split):
                found.append(RealLockup(brand, f"{pair[0]}.png", f"{pair[1]}.png"))
    return found


def read_lockup(folder: Path, pair: RealLockup, side: int = 256) -> tuple[Pixels, Bools, Bools] | None:
    """A trimmed lock-up with the ink of its words and of its figure.

    Returns:
        uint8 (h, w, 3), bool (h, w), bool (h, w); None if the symbol is not found in it as it is drawn alone,
        or nothing else is there.
    """
    picture, ink = _trimmed(folder / pair.lockup, side)
    _, symbol = _trimmed(folder / pair.symbol, side)
    best, place = 0.0, (0, 0, 0, 0)
    for scale in SCALES:
        height = round(ink.shape[0] * scale)
        width = round(symbol.shape[1] * height / symbol.shape[0])
        if not (8 <= height <= ink.shape[0] and 8 <= width <= ink.shape[1]):
            continue
        small = cv2.resize(symbol.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        scores = cv2.matchTemplate(ink.astype(np.float32), small, cv2.TM_CCOEFF_NORMED)
        _, score, _, (left, top) = cv2.minMaxLoc(scores)
        if np.isfinite(score) and score > best:
            best, place = score, (top, top + height, left, left + width)
    top, bottom, left, right = place
    figure = np.zeros_like(ink)
    figure[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = True
    words, figure = ink & ~figure, ink & figure
    if best < MATCH or words.sum() < MIN_WORDS * ink.sum():
        return None
    return picture, words, figure


def _trimmed(path: Path, side: int) -> tuple[Pixels, Bools]:
    picture = read_picture(path)
    ground = find_ground(picture)
    box = ink_box(find_ink(picture, ground)) or (0, picture.shape[0], 0, picture.shape[1])
    trimmed = shrink(np.ascontiguousarray(picture[box[0] : box[1], box[2] : box[3]]), side)
    return trimmed, find_ink(trimmed, ground)
