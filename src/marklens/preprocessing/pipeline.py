"""One picture's whole way to its views."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np
from loguru import logger

from marklens.core.errors import PictureError
from marklens.core.images import shrink
from marklens.core.ports import TextDetector
from marklens.core.types import Bools, Pixels, TextRegion, View, ViewKind
from marklens.preprocessing.image_normalizer import (
    Ground,
    find_ground,
    find_ink,
    fit_square,
    ink_box,
    patch_ink,
)
from marklens.preprocessing.text_masker import is_line, remove_text, text_mask

PREPROCESSING_VERSION = 3
"""Raise it whenever the same picture and options would give other pixels."""
MASKING_SIDE = 256
"""Pixels; text is found and masked at this size, the size of L3D's pictures."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """What decides the pixels of a view; recorded in every index.

    Attributes:
        size: pixels of a view's side, what the network sees.
        margin: pixels left free around the mark inside a view.
        trim: whether the empty border is cut off.
        figurative: whether marks with text also get a view without it.
        min_figure: share (0..1) of the ink that must be left without the text; below, the mark is nothing but
            text and keeps only its full view.
        detector, detector_side, confidence: the text detector and its arguments.
    """

    size: int = 224
    margin: int = 0
    trim: bool = True
    figurative: bool = True
    min_figure: float = 0.08
    detector: str = "ppocr"
    detector_side: int = 256
    confidence: float = 0.6

    def record(self) -> dict[str, object]:
        """What an index stores of its preprocessing: the options, the code's version."""
        return {**asdict(self), "version": PREPROCESSING_VERSION}


@dataclass(frozen=True, slots=True)
class PreparedMark:
    """A mark's views and how they came about.

    Attributes:
        views: full first; the figurative one only if there is text and something beside it.
        mask: bool (h, w) of the removed text at `MASKING_SIDE`, None where nothing was removed.
        seconds: time by stage (detect, mask, normalize).
    """

    views: tuple[View, ...]
    mask: Bools | None
    seconds: dict[str, float]


class ViewMaker:
    """Turns decoded pictures into views.

    Args:
        options: what the views shall be.
        detector: finds the text to leave out of the figurative view.
    """

    def __init__(self, options: ViewOptions, detector: TextDetector) -> None:
        self.options = options
        self._detector = detector

    def prepare(self, picture: Pixels) -> PreparedMark:
        """Make the views of one picture (height, width, 3).

        Raises:
            PictureError: the picture is blank: nothing stands out from the ground.
        """
        started = perf_counter()
        full, ground = self._full(picture)
        views = [self._view(ViewKind.FULL, full, ground)]
        normalized = detected = perf_counter()
        mask: Bools | None = None
        figure: Pixels | None = None
        if self.options.figurative:
            small = shrink(full, MASKING_SIDE)
            regions = self._detect(small)
            detected = perf_counter()
            mask = self._worthwhile_mask(small, ground, regions)
            figure = None if mask is None else remove_text(small, mask, ground)
        masked = perf_counter()
        if figure is not None:
            views.append(self._figurative(figure, ground))
        seconds = {
            "detect": detected - normalized,
            "mask": masked - detected,
            "normalize": normalized - started + perf_counter() - masked,
        }
        return PreparedMark(tuple(views), mask, seconds)

    def rebuild(self, picture: Pixels, mask: Bools | None) -> tuple[View, ...]:
        """Make the views again from the stored mask of `prepare`: the same pixels, without looking for text.

        Raises:
            PictureError: the picture is blank, or not the one the mask was made for.
        """
        full, ground = self._full(picture)
        view = self._view(ViewKind.FULL, full, ground)
        if mask is None:
            return (view,)
        small = shrink(full, MASKING_SIDE)
        if mask.shape != small.shape[:2]:
            raise PictureError(
                "changed", f"its text mask was made at {mask.shape}, the picture now gives {small.shape[:2]}"
            )
        return view, self._figurative(remove_text(small, mask, ground), ground)

    def _full(self, picture: Pixels) -> tuple[Pixels, Ground]:
        ground = find_ground(picture)
        box = ink_box(find_ink(picture, ground))
        if box is None:
            raise PictureError("blank", "one flat colour, there is no mark on it")
        return self._trimmed(picture, ground, box), ground

    def _figurative(self, figure: Pixels, ground: Ground) -> View:
        # the ground of the whole picture: the border of a trimmed one shows the mark itself
        box = ink_box(find_ink(figure, ground))
        trimmed = figure if box is None else self._trimmed(figure, ground, box)
        return self._view(ViewKind.FIGURATIVE, trimmed, ground)

    def _trimmed(self, picture: Pixels, ground: Ground, box: tuple[int, int, int, int]) -> Pixels:
        if not (self.options.trim and ground.uniform):
            return picture
        top, bottom, left, right = box
        return np.ascontiguousarray(picture[top:bottom, left:right])

    def _view(self, kind: ViewKind, picture: Pixels, ground: Ground) -> View:
        square = fit_square(picture, ground, self.options.size, self.options.margin)
        return View(kind, square, patch_ink(square, ground))

    def _detect(self, picture: Pixels) -> list[TextRegion]:
        """A detector that fails costs the figurative view, never the mark."""
        try:
            return self._detector.detect(picture)
        except Exception as error:  # third-party networks and OpenCV raise anything
            logger.warning("text detector {} failed, taken as no text: {}", self._detector.name, error)
            return []

    def _worthwhile_mask(
        self, picture: Pixels, ground: Ground, regions: Sequence[TextRegion]
    ) -> Bools | None:
        """The mask of the text; None where there is no text, and where there is nothing else.

        Detectors take compact symbols for text. Believing only what is as long as a line of text raised
        mAP@100 on the validation brands from 0.198 to 0.212 and left a fifth of the figurative views.
        """
        lines = [region for region in regions if is_line(region)]
        if not lines:
            return None
        mask = text_mask((picture.shape[0], picture.shape[1]), lines)
        ink = find_ink(picture, ground)
        inked, left = np.count_nonzero(ink), np.count_nonzero(ink & ~mask)
        return mask if max(1, self.options.min_figure * inked) <= left < inked else None
