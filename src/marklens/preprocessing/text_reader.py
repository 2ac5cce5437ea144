"""Read the text that a detector found: for marks whose dataset says nothing of their words."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Pixels, ReadText, TextRegion
from marklens.preprocessing.ocr_models import open_session

LINE_HEIGHT = 48
"""Pixels; the height of a line that PP-OCR's recogniser was trained at."""
MAX_LINE_WIDTH = 960
"""Pixels at that height; longer lines are squeezed."""
TALL = 1.5
"""Height over width from which a region is read upright, upwards and downwards: "It" is as tall."""
MARGIN = 0.06
"""Share of a line's height that is cut out around it, besides the pixel that its edge runs through."""


class PpOcrReader:
    """PP-OCRv6's small recogniser (CTC) from the package `rapidocr`.

    Args:
        confidence: 0..1; lines read with less are left out.
    """

    def __init__(self, confidence: float = 0.7) -> None:
        self._confidence = confidence

    def read(self, picture: Pixels, regions: Sequence[TextRegion]) -> ReadText | None:
        """Read the regions of one picture, line by line; None where nothing is legible."""
        lines = [self._surest(cut_line(picture, region)) for region in in_reading_order(regions)]
        legible = [(text, sure) for text, sure in lines if text and sure >= self._confidence]
        if not legible:
            return None
        letters = sum(len(text) for text, _ in legible)
        sure = sum(len(text) * sure for text, sure in legible) / letters
        return ReadText(" ".join(text for text, _ in legible), float(sure))

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """The network and what turns its answer into text; opened when there is something to read."""
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

        session = open_session("rec")
        characters = session.get_modelmeta().custom_metadata_map["character"].splitlines()
        return session, CTCLabelDecode(character=characters)

    def _surest(self, line: Pixels) -> tuple[str, float]:
        """The text of a region that may be turned, by what is read with most confidence."""
        height, width = line.shape[:2]
        turns = (0, 1, -1) if height >= TALL * width else (0,)
        found = [self._read_line(np.ascontiguousarray(np.rot90(line, turn))) for turn in turns]
        return max(found, key=lambda read: read[1] if read[0] else 0.0)

    def _read_line(self, line: Pixels) -> tuple[str, float]:
        width = min(MAX_LINE_WIDTH, max(LINE_HEIGHT, round(line.shape[1] * LINE_HEIGHT / line.shape[0])))
        scaled = cv2.resize(line, (width, LINE_HEIGHT), interpolation=cv2.INTER_LINEAR)
        planes = scaled[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
        session, decode = self._network
        probabilities = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(planes)})[0]
        (text, sure), *_ = decode(probabilities)[0]
        return text.strip(), float(sure)


def in_reading_order(regions: Sequence[TextRegion]) -> list[TextRegion]:
    """From top to bottom, and from left to right those beside each other: a symbol may part a line."""
    rows: list[list[TextRegion]] = []
    for region in sorted(regions, key=_middle):
        beside = bool(rows) and all(region.polygon[:, 1].min() < _middle(other) for other in rows[-1])
        if beside and _middle(region) < max(other.polygon[:, 1].max() for other in rows[-1]):
            rows[-1].append(region)
        else:
            rows.append([region])
    return [
        region for row in rows for region in sorted(row, key=lambda each: float(each.polygon[:, 0].mean()))
    ]


def _middle(region: TextRegion) -> float:
    return float(region.polygon[:, 1].mean())


def cut_line(picture: Pixels, region: TextRegion) -> Pixels:
    """Cut the smallest turned rectangle around a region, and a little more, out and lay it flat."""
    corners = _corners(region.polygon)
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    width, height = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    more = 1 + MARGIN * min(width, height)
    across, down = across * (more / max(width, 1)), down * (more / max(height, 1))
    corners += np.stack([-across - down, across - down, across + down, down - across])
    width, height = round(width + 2 * more), round(height + 2 * more)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    line = cv2.warpPerspective(
        picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(line, np.uint8)


def _corners(polygon: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Upper left, upper right, lower right, lower left corner of the smallest rectangle around a polygon."""
    box = cv2.boxPoints(cv2.minAreaRect(polygon))
    by_x = box[np.argsort(box[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    (top_left, bottom_left) = left[np.argsort(left[:, 1])]
    (top_right, bottom_right) = right[np.argsort(right[:, 1])]
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
