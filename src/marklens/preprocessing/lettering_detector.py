"""Text detection by our own small network: which pixels of a mark are letters, not where a line of them is.

Detectors of documents draw boxes around lines, and in a logo the symbol stands in the line: the box takes it
along. This network was trained on lock-ups whose every pixel is known (`training.lockups`).
"""

from importlib import resources
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.ink import SPECK_AREA, Ground, find_ground, find_ink
from marklens.core.types import Bools, Pixels, TextFinding, TextRegion
from marklens.preprocessing.ocr_models import open_network
from marklens.preprocessing.text_masker import grow

STRIDE = 16
"""Both sides of the network's input are multiples of this: it halves four times."""
OUTPUT_STRIDE = 2
"""Pixels of the input that one probability stands for, along each side."""
AGREEMENT = 0.75
"""Share of a connected piece of ink that must be letters (or not) for all of it to count so."""
SURE = 0.8
"""Mean probability from which a spot inside a figure is letters all the same."""
STRICTER = (0.95, 0.99)
"""Asked in turn where less than `FIGURE_SHARE` of the ink would be left: symbols are less sure letters."""
FIGURE_SHARE = 0.08
"""What a view without text must keep by default, see `ViewOptions.min_figure`."""
LONE_SHARE = 0.45
"""Height of a lone piece of ink, over the picture's longer side, from which it is the symbol."""


class LetteringDetector:
    """Tells letters from figures, pixel by pixel; answers with a mask and regions around lines.

    Args:
        side: pixels; larger pictures are shrunk so that their longer side is this.
        confidence: probability (0..1) from which a pixel belongs to a letter.
    """

    name = "lettering"

    def __init__(self, side: int = 256, confidence: float = 0.7) -> None:
        self._session = open_network(bundled_lettering())
        self._input = self._session.get_inputs()[0].name
        self._side, self._confidence = side, confidence

    def detect(self, picture: Pixels) -> TextFinding:
        """Find the letters; a picture without any gives no regions."""
        probabilities = self._probabilities(picture)
        grounds = _grounds(picture)
        masks = [self._letters(find_ink(picture, ground), probabilities) for ground in grounds]
        mask = np.logical_or.reduce(masks)
        if not mask.any():
            return TextFinding()
        regions = find_lines(mask, probabilities)
        return TextFinding(regions, mask) if regions else TextFinding()

    def _letters(self, ink: Bools, probabilities: npt.NDArray[np.float32]) -> Bools:
        """The letters; where all the ink would go, only what is surer, so that a small symbol is left."""
        levels = [self._confidence, *(level for level in STRICTER if level > self._confidence)]
        masks = (settle_pieces(ink, probabilities, level) for level in levels)
        first = next(masks)
        left = FIGURE_SHARE * np.count_nonzero(ink)
        for mask in chain((first,), masks):
            if np.count_nonzero(ink & ~grow(mask)) >= left:
                return mask if mask.any() else first
        return first

    def _probabilities(self, picture: Pixels) -> npt.NDArray[np.float32]:
        """Float32 (height, width), 0..1: how sure each pixel belongs to a letter."""
        height, width = picture.shape[:2]
        scale = min(1.0, self._side / max(height, width))
        small = [max(1, round(length * scale)) for length in (height, width)]
        scaled = cv2.resize(picture, (small[1], small[0]), interpolation=cv2.INTER_AREA)
        padding = [-length % STRIDE for length in small]
        padded = cv2.copyMakeBorder(scaled, 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE)
        planes = padded.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - np.float32(1)
        logits = self._session.run(None, {self._input: np.ascontiguousarray(planes)})[0][0, 0]
        inside = cv2.resize(logits, None, fx=OUTPUT_STRIDE, fy=OUTPUT_STRIDE, interpolation=cv2.INTER_LINEAR)
        inside = cv2.resize(inside[: small[0], : small[1]], (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(1 / (1 + np.exp(-inside)), np.float32)


def _grounds(picture: Pixels) -> list[Ground]:
    """What letters may stand on: what the border shows, and what most of the picture is.

    A picture that was trimmed to a frame, or to rules above and below, has these as its border.
    """
    border = find_ground(picture)
    coarse = (picture.reshape(-1, 3) >> 4).astype(np.uint16)
    codes = (coarse[:, 0] << 8) | (coarse[:, 1] << 4) | coarse[:, 2]
    common = picture.reshape(-1, 3)[codes == np.bincount(codes).argmax()]
    most = Ground(np.median(common, axis=0).astype(np.uint8), border.uniform, border.tolerance)
    return [border, most] if find_ink(most.color[None, None], border).any() else [border]


def bundled_lettering() -> Path:
    """Path of the bundled network."""
    return Path(str(resources.files("marklens.preprocessing") / "weights" / "lettering.onnx"))


def settle_pieces(ink: Bools, probabilities: npt.NDArray[np.float32], confidence: float) -> Bools:
    """The pixels of letters: whole pieces of ink where they agree, single pixels where they do not.

    A letter is one piece of ink, so its doubtful pixels follow the sure ones; a word on a badge is one piece
    with the badge, so there each pixel speaks for itself.

    Args:
        ink: bool (h, w).
        probabilities: float32 (h, w), 0..1.
        confidence: from which a pixel belongs to a letter.

    Returns:
        bool (h, w).
    """
    likely = probabilities >= confidence
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    shares = np.bincount(labels.ravel(), likely.ravel(), minlength=count) / sizes
    shares[0] = 0  # the ground
    letters = shares >= AGREEMENT
    sure = _sure_spots(likely & ink & ~letters[labels], probabilities)
    mask = letters[labels] | sure
    if letters.sum() == 1 and not sure.any():
        height = boxes[np.flatnonzero(letters)[0], cv2.CC_STAT_HEIGHT]
        if height >= LONE_SHARE * max(ink.shape):
            return np.zeros_like(ink)
    return np.asarray(mask, np.bool_)


def _sure_spots(likely: Bools, probabilities: npt.NDArray[np.float32]) -> Bools:
    """Of the likely pixels inside figures, those whose whole spot is sure to be letters: words on a badge."""
    count, labels = cv2.connectedComponents(likely.view(np.uint8), connectivity=8)
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count), 1)
    means = np.bincount(flat, probabilities.ravel(), minlength=count) / sizes
    sure = (means >= SURE) & (sizes > SPECK_AREA)
    sure[0] = False
    return np.asarray(sure[labels], np.bool_)


def find_lines(mask: Bools, probabilities: npt.NDArray[np.float32]) -> tuple[TextRegion, ...]:
    """Turned rectangles around letters that stand close to each other along a line."""
    count, _, boxes, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    heights = [box[cv2.CC_STAT_HEIGHT] for box in boxes[1:count] if box[cv2.CC_STAT_AREA] > SPECK_AREA]
    if not heights:
        return ()
    reach = max(1, round(float(np.median(heights)) * 0.6))
    joined = cv2.dilate(mask.view(np.uint8), np.ones((1, 2 * reach + 1), np.uint8))
    count, lines = cv2.connectedComponents(joined, connectivity=8)
    regions: list[TextRegion] = []
    for line in range(1, count):
        inside = mask & (lines == line)
        rows, columns = np.nonzero(inside)
        if len(rows) <= SPECK_AREA:
            continue
        corners = cv2.boxPoints(cv2.minAreaRect(np.stack([columns, rows], axis=1).astype(np.float32)))
        regions.append(TextRegion(corners.astype(np.float32), float(probabilities[inside].mean())))
    return tuple(regions)
