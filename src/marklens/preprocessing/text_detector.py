"""Where in a picture is text? Detectors behind the `TextDetector` port, by name."""

from typing import Literal, get_args

from marklens.core.errors import UsageError
from marklens.core.ports import TextDetector
from marklens.core.types import Pixels, TextFinding

DetectorName = Literal["lettering", "ppocr", "tesseract", "none"]
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)


class NoDetector:
    """Sees no text: every mark keeps only its full view."""

    name = "none"

    def detect(self, picture: Pixels) -> TextFinding:
        """Find nothing."""
        return TextFinding()


def create_text_detector(name: str, side: int, confidence: float) -> TextDetector:
    """Make a detector by name, see `DETECTORS`.

    Args:
        name: which one.
        side: pixels; pictures are scaled so that their longer side is this.
        confidence: 0..1, from which it counts what it sees.

    Raises:
        UsageError: no detector of that name.
        ModelError: it needs an extra that is not installed.
    """
    match name:
        case "lettering":
            from marklens.preprocessing.lettering_detector import LetteringDetector

            return LetteringDetector(side, confidence)
        case "ppocr":
            from marklens.preprocessing.ppocr_detector import PpOcrDetector

            return PpOcrDetector(side, confidence)
        case "tesseract":
            from marklens.preprocessing.tesseract_detector import TesseractDetector

            return TesseractDetector(side, confidence)
        case "none":
            return NoDetector()
    raise UsageError(f"no text detector '{name}': choose {', '.join(DETECTORS)}")
