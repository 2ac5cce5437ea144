"""Text detection by PP-OCR."""

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Pixels, TextFinding, TextRegion
from marklens.preprocessing.ocr_models import open_session

NETWORK_STRIDE = 32
"""The network wants both sides to be multiples of this."""
BINARY_THRESHOLD = 0.3
"""Probability from which a pixel belongs to a text kernel (Liao et al. 2020, DBNet, section 3.6)."""
UNCLIP_RATIO = 1.6
"""How far the shrunken kernels are grown back; the value PP-OCR ships with."""


class PpOcrDetector:
    """PP-OCRv6 small (DBNet) from the package `rapidocr`, run by ONNX Runtime.

    Args:
        side: pixels; pictures are scaled so that their longer side is this.
        confidence: mean probability (0..1) from which a region counts.
    """

    name = "ppocr"

    def __init__(self, side: int = 256, confidence: float = 0.6) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess

        self._session = open_session("det")
        self._input = self._session.get_inputs()[0].name
        self._boxes = DBPostProcess(
            thresh=BINARY_THRESHOLD, box_thresh=confidence, unclip_ratio=UNCLIP_RATIO, use_dilation=True
        )
        self._side = side

    def detect(self, picture: Pixels) -> TextFinding:
        """Find quadrangles around lines of text."""
        height, width = picture.shape[:2]
        scaled = self._network_input(picture)
        probabilities = self._session.run(None, {self._input: scaled})[0]
        boxes, scores = self._boxes(probabilities, (height, width))
        return TextFinding(
            tuple(
                TextRegion(np.asarray(box, np.float32), float(np.clip(score, 0, 1)))
                for box, score in zip(boxes, scores, strict=True)
            )
        )

    def _network_input(self, picture: Pixels) -> npt.NDArray[np.float32]:
        """Scale to the working side; float32 (1, 3, h, w) in -1..1, BGR as PaddleOCR trained it."""
        height, width = picture.shape[:2]
        scale = self._side / max(height, width)
        size = [max(1, round(length * scale / NETWORK_STRIDE)) * NETWORK_STRIDE for length in (width, height)]
        resized = cv2.resize(picture, (size[0], size[1]), interpolation=cv2.INTER_AREA)
        planes = resized[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        return np.ascontiguousarray(planes / 127.5 - 1)
