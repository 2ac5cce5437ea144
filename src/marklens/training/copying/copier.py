"""Change a view as copies of marks are changed, and bring it back through the pipeline as a query is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from marklens.core.errors import PictureError, UsageError
from marklens.core.types import Pixels
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.copying.geometry import crop, flip, rotate, stretch, warp
from marklens.training.copying.inks import ground, invert, one_ink, recolour
from marklens.training.copying.quality import blur, jpeg
from marklens.training.copying.shapes import outline
from marklens.training.copying.surroundings import frame, occlude
from marklens.training.copying.tones import Color, border_color, paint, view_ground
from marklens.training.copying.words import WordBank, add_words

RIM = 28
"""Sides of a view over the rim put around it."""

Family = Callable[[Pixels, np.random.Generator, float], Pixels]
"""Changes a picture, uint8 (h, w, 3), into another of any size; the last argument is the strength."""


@dataclass(frozen=True, slots=True)
class Copying:
    """How probable each family of changes is (0..1), in the order in which they are made.

    Measured by benchmarks/training_ablation.py: other inks and outlines teach how brands are drawn again;
    turns, stretches and mirrors find their like only, and cost brands, so they are rare.

    Attributes:
        recolour: other inks by segment.
        one_ink: printed in one ink.
        invert: light and dark exchanged; what becomes dark is turned light again as at search.
        outline: only the edges, or another width of the pen.
        crop: a side cut off.
        frame: in a circle, shield or rounded square.
        words: words beside or across.
        flip: mirrored.
        stretch: broader, taller, slanted.
        rotate: turned.
        occlude: a part covered.
        ground: on another ground.
        warp: as photographed.
        blur, jpeg: poor quality.
        strength: of all of them, 1 is usual.
        most: families that change one picture at most.
    """

    recolour: float = 0.4
    one_ink: float = 0.3
    invert: float = 0.1
    outline: float = 0.25
    crop: float = 0.15
    frame: float = 0.12
    words: float = 0.2
    flip: float = 0.02
    stretch: float = 0.08
    rotate: float = 0.06
    occlude: float = 0.12
    ground: float = 0.15
    warp: float = 0.05
    blur: float = 0.15
    jpeg: float = 0.2
    strength: float = 1.0
    most: int = 5

    def __post_init__(self) -> None:
        if not all(0 <= getattr(self, name) <= 1 for name in FAMILIES) or self.strength <= 0:
            raise UsageError("probabilities of copying are 0 to 1, its strength is positive")

    def without(self, *families: str) -> "Copying":
        """The same without some families, for an ablation."""
        return self._with(dict.fromkeys(families, 0.0))

    def only(self, *families: str) -> "Copying":
        """These families always, no other ever."""
        return self._with({name: float(name in families) for name in FAMILIES})

    def turned(self, times: float) -> "Copying":
        """The same with geometry and cuts that many times as often."""
        return self._with({name: min(1.0, times * getattr(self, name)) for name in GEOMETRY})

    def _with(self, chances: Mapping[str, float]) -> "Copying":
        if unknown := sorted({*chances} - {*FAMILIES}):
            raise UsageError(f"no family of changes {', '.join(unknown)}: choose of {', '.join(FAMILIES)}")
        changed: dict[str, Any] = {**chances}
        return replace(self, **changed)


GEOMETRY = ("crop", "flip", "stretch", "rotate", "occlude")
FAMILIES = tuple(field.name for field in fields(Copying) if field.name not in {"strength", "most"})


class Copier:
    """Changes views; survives pickling.

    Args:
        options: of the views; what comes out is a full view of the same options.
        copying: how probable each family is.
        bank: words to add.
    """

    def __init__(self, options: ViewOptions, copying: Copying, bank: WordBank) -> None:
        self._copying = copying
        self._trimmed = options.trim and options.polarity and not options.margin
        self._maker = ViewMaker(replace(options, figurative=False, inner=False, read=False), NoDetector())
        self._families: dict[str, Family] = {
            "recolour": recolour, "one_ink": one_ink, "invert": invert, "outline": outline, "crop": crop,
            "frame": frame, "words": partial(add_words, bank=bank), "flip": flip, "stretch": stretch,
            "rotate": rotate, "occlude": occlude, "ground": ground, "warp": warp, "blur": blur, "jpeg": jpeg,
        }  # fmt: skip
        self._chances = np.array([getattr(copying, name) for name in self._families])

    def __call__(self, view: Pixels, random: np.random.Generator) -> Pixels:
        """Change a view, uint8 (size, size, 3), into another of the same size."""
        return self.copy(view, random)[0]

    def copy(self, view: Pixels, random: np.random.Generator) -> tuple[Pixels, tuple[str, ...]]:
        """Change a view, and tell which families did it."""
        picture, names = self.changed(view, random)
        if not names:
            return view, names
        try:
            return self._maker.prepare(picture).views[0].pixels, names
        except PictureError:  # nothing of the mark is left to be seen
            return view, ()

    def changed(self, view: Pixels, random: np.random.Generator) -> tuple[Pixels, tuple[str, ...]]:
        """The copy itself, uint8 (h, w, 3), before a pipeline sees it, and the families that made it."""
        names = self._drawn(random)
        if not names:
            return view, names
        picture = _on_sheet(view, view_ground(view) if self._trimmed else border_color(view))
        for name in names:
            picture = self._families[name](picture, random, self._copying.strength)
        return picture, names

    def _drawn(self, random: np.random.Generator) -> tuple[str, ...]:
        """Families in the order in which they are made."""
        drawn = np.flatnonzero(random.random(len(self._chances)) < self._chances)
        if len(drawn) > self._copying.most:
            drawn = np.sort(random.permutation(drawn)[: self._copying.most])
        names = list(self._families)
        return tuple(names[place] for place in drawn)


def _on_sheet(view: Pixels, ground: Color) -> Pixels:
    """With a rim of its ground around, as a picture that was not trimmed yet."""
    rim = max(2, view.shape[0] // RIM)
    sheet = cv2.copyMakeBorder(view, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=paint(ground))
    return np.asarray(sheet, np.uint8)
