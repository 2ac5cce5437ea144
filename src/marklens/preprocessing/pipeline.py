"""One picture's whole way to its views."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from loguru import logger

from marklens.core.errors import PictureError
from marklens.core.images import shrink
from marklens.core.ink import Ground, find_ground, find_ink, ink_box
from marklens.core.ports import TextDetector, TextReader
from marklens.core.stopwatch import Stopwatch
from marklens.core.types import Bools, Pixels, ReadText, TextFinding, TextRegion, View, ViewKind
from marklens.preprocessing.image_normalizer import fit_square, patch_ink, turn_light
from marklens.preprocessing.text_masker import Fill, grow, is_line, remove_text, text_mask
from marklens.preprocessing.unboxing import WHITE, unbox

PREPROCESSING_VERSION = 7
"""Raise it whenever the same picture and options would give other pixels."""
MASKING_SIDE = 256
"""Pixels; text is found and masked at this size, the size of L3D's pictures."""

SYMMETRIC = 0.05
"""Share of a mark by which it and its mirror differ at most, for one to do for both."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """What decides the pixels of a view; recorded in every index.

    Attributes:
        size: pixels of a view's side, what the network sees.
        margin: pixels left free around the mark inside a view.
        trim: whether the empty border is cut off.
        polarity: whether marks on dark grounds are turned into their twins on light ones.
        figurative: whether marks with text also get a view without it.
        inner: whether marks in a box also get a view of what stands in it, see `unboxing`.
        min_figure: share (0..1) of the ink that must be left without the text; below, the mark is nothing but
            text and keeps only its full view.
        detector, detector_side, confidence: the text detector and its arguments.
        fill: what covers removed text, see `text_masker.remove_text`.
        read: whether the text of marks is read whose dataset gives none.
    """

    size: int = 224
    margin: int = 0
    trim: bool = True
    polarity: bool = True
    figurative: bool = True
    inner: bool = True
    min_figure: float = 0.08
    detector: str = "lettering"
    detector_side: int = 256
    confidence: float = 0.7
    fill: Fill = "flat"
    read: bool = True

    def record(self) -> dict[str, object]:
        """What an index stores of its preprocessing: the options, the code's version."""
        return {**asdict(self), "version": PREPROCESSING_VERSION}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "ViewOptions":
        """The options that `record` wrote down."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})


@dataclass(frozen=True, slots=True)
class PreparedMark:
    """A mark's views and how they came about.

    Attributes:
        views: full first; the figurative one only if there is text and something beside it, the inner one
            only if the mark is a box with something in it.
        mask: bool (h, w) of the removed text at `MASKING_SIDE`, None where nothing was removed.
        text: what was read, None where nothing is legible or nobody asked for it.
        seconds: time by stage (detect, mask, read, normalize).
    """

    views: tuple[View, ...]
    mask: Bools | None
    text: ReadText | None
    seconds: dict[str, float]


def mirrored_views(views: Sequence[View]) -> tuple[View, ...]:
    """The views left to right; none where every one is its own mirror."""
    mirrored = tuple(
        View(view.kind, np.ascontiguousarray(view.pixels[:, ::-1]), view.ink[:, ::-1]) for view in views
    )
    return mirrored if any(map(_differ, views, mirrored)) else ()


def _differ(view: View, other: View) -> bool:
    """Whether a view and its mirror differ by more than the odd pixel that a mark stands off the middle."""
    small, mirror = (
        cv2.resize(each.pixels, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        for each in (view, other)
    )
    mark = cv2.norm(small, np.full_like(small, np.median(small, axis=(0, 1))), cv2.NORM_L1)
    return float(cv2.norm(small, mirror, cv2.NORM_L1)) > SYMMETRIC * mark


class ViewMaker:
    """Turns decoded pictures into views.

    Args:
        options: what the views shall be.
        detector: finds the text to leave out of the figurative view.
        reader: reads that text; None reads nothing.
    """

    def __init__(
        self, options: ViewOptions, detector: TextDetector, reader: TextReader | None = None
    ) -> None:
        self.options = options
        self._detector, self._reader = detector, reader

    def prepare(self, picture: Pixels, read: bool = False) -> PreparedMark:
        """Make the views of one picture (height, width, 3).

        Args:
            picture: RGB.
            read: whether its text shall be read too.

        Raises:
            PictureError: the picture is blank: nothing stands out from the ground.
        """
        watch = Stopwatch()
        full, ground = self._full(picture)
        small = shrink(full, MASKING_SIDE)
        watch.lap("normalize")
        if not self.options.figurative:
            views = self._views(full, small, None, ground)
            watch.lap("normalize")
            return PreparedMark(views, None, None, watch.seconds)
        found = self.find_text(small, ground)
        watch.lap("detect")
        figure = None if found.mask is None else self._without_text(full, found.mask, ground)
        watch.lap("mask")
        text = self._read(full, small, found) if read else None
        watch.lap("read")
        views = self._views(full, small, figure, ground)
        watch.lap("normalize")
        return PreparedMark(views, found.mask, text, watch.seconds)

    def rebuild(self, picture: Pixels, mask: Bools | None) -> tuple[View, ...]:
        """Make the views again from the stored mask of `prepare`: the same pixels, without looking for text.

        Raises:
            PictureError: the picture is blank, or not the one the mask was made for.
        """
        full, ground = self._full(picture)
        small = shrink(full, MASKING_SIDE)
        if mask is None:
            return self._views(full, small, None, ground)
        if mask.shape != small.shape[:2]:
            raise PictureError(
                "changed", f"its text mask was made at {mask.shape}, the picture now gives {small.shape[:2]}"
            )
        return self._views(full, small, self._without_text(full, mask, ground), ground)

    def _full(self, picture: Pixels) -> tuple[Pixels, Ground]:
        ground = find_ground(picture)
        box = ink_box(find_ink(picture, ground))
        if box is None:
            raise PictureError("blank", "one flat colour, there is no mark on it")
        trimmed = self._trimmed(picture, ground, box)
        return turn_light(trimmed, ground) if self.options.polarity else (trimmed, ground)

    def _views(self, full: Pixels, small: Pixels, figure: Pixels | None, ground: Ground) -> tuple[View, ...]:
        """All views of a mark; `small` is the full picture at `MASKING_SIDE`, `figure` that without text."""
        views = [self._view(ViewKind.FULL, full, ground)]
        if figure is not None:
            views.append(self._figurative(figure, ground))
        symbol = small if figure is None else shrink(self._without_border(figure, ground), MASKING_SIDE)
        inner = unbox(symbol, ground) if self.options.inner else None
        if inner is not None:
            views.append(self._view(ViewKind.INNER, inner, WHITE))
        return tuple(views)

    def _without_text(self, full: Pixels, mask: Bools, ground: Ground) -> Pixels:
        # text is looked for on few pixels, but a symbol beside a long name needs all there are
        height, width = full.shape[:2]
        large = cv2.resize(mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return remove_text(full, large.view(np.bool_), ground, self.options.fill)

    def _figurative(self, figure: Pixels, ground: Ground) -> View:
        return self._view(ViewKind.FIGURATIVE, self._without_border(figure, ground), ground)

    def _without_border(self, figure: Pixels, ground: Ground) -> Pixels:
        # the ground of the whole picture: the border of a trimmed one shows the mark itself
        box = ink_box(find_ink(figure, ground))
        return figure if box is None else self._trimmed(figure, ground, box)

    def _trimmed(self, picture: Pixels, ground: Ground, box: tuple[int, int, int, int]) -> Pixels:
        if not (self.options.trim and ground.uniform):
            return picture
        top, bottom, left, right = box
        return np.ascontiguousarray(picture[top:bottom, left:right])

    def _view(self, kind: ViewKind, picture: Pixels, ground: Ground) -> View:
        square = fit_square(picture, ground, self.options.size, self.options.margin)
        return View(kind, square, patch_ink(square, ground))

    def find_text(self, picture: Pixels, ground: Ground) -> TextFinding:
        """Where the text is that the figurative view leaves out.

        Args:
            picture: uint8 (h, w, 3), trimmed, at most `MASKING_SIDE` a side.
            ground: what the mark stands on.

        Returns:
            the regions, and the mask of what shall go: None where there is no text, or nothing else.
        """
        found = self._detect(picture)
        return replace(found, mask=self._worthwhile_mask(picture, ground, found))

    def _detect(self, picture: Pixels) -> TextFinding:
        """A detector that fails costs the figurative view, never the mark."""
        try:
            found = self._detector.detect(picture)
        except Exception as error:  # third-party networks and OpenCV raise anything
            found = TextFinding(fault=f"{type(error).__name__}: {error}")
        if found.fault is not None:
            logger.warning("text detector {} failed, taken as no text: {}", self._detector.name, found.fault)
            return TextFinding()
        return found if found.mask is not None else TextFinding(tuple(filter(is_line, found.regions)))

    def _worthwhile_mask(self, picture: Pixels, ground: Ground, found: TextFinding) -> Bools | None:
        """The mask of the text; None where there is no text, and where there is nothing else."""
        if not found.regions:
            return None
        shape = (picture.shape[0], picture.shape[1])
        mask = text_mask(shape, found.regions) if found.mask is None else grow(found.mask)
        ink = find_ink(picture, ground)
        inked, left = np.count_nonzero(ink), np.count_nonzero(ink & ~mask)
        return mask if max(1, self.options.min_figure * inked) <= left < inked else None

    def _read(self, full: Pixels, small: Pixels, found: TextFinding) -> ReadText | None:
        """Read the regions found on the small picture where the letters are largest."""
        if self._reader is None or not found.regions:
            return None
        scale = np.float32(max(full.shape[:2]) / max(small.shape[:2]))
        regions = [TextRegion(region.polygon * scale, region.confidence) for region in found.regions]
        try:
            return self._reader.read(full, regions)
        except Exception as error:  # as a detector's
            logger.warning("reading text failed, taken as illegible: {}", error)
            return None
