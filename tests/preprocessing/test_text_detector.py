"""The real network on drawn words and shapes."""

import cv2
import numpy as np
import pytest

from marklens.core.errors import UsageError
from marklens.core.ports import TextDetector
from marklens.core.types import Pixels, TextFinding
from marklens.preprocessing.text_detector import create_text_detector


@pytest.fixture(scope="module")
def detector() -> TextDetector:
    return create_text_detector("ppocr", 256, 0.6)


def word(height: int, width: int) -> Pixels:
    picture = np.full((height, width, 3), 255, np.uint8)
    cv2.putText(
        picture, "Harbour", (30, height // 2 + 15), cv2.FONT_HERSHEY_DUPLEX, 1.4, (30, 30, 30), 2, cv2.LINE_AA
    )
    return picture


@pytest.mark.parametrize(("height", "width"), [(100, 256), (256, 256), (300, 500), (120, 260)])
def test_a_word_is_covered_in_the_picture_s_own_pixels(
    detector: TextDetector, height: int, width: int
) -> None:
    picture = word(height, width)
    covered = np.zeros((height, width), np.uint8)
    regions = detector.detect(picture).regions
    for region in regions:
        assert region.polygon.dtype == np.float32 and region.polygon.shape == (4, 2)
        assert 0.6 <= region.confidence <= 1
        cv2.fillPoly(covered, [np.rint(region.polygon).astype(np.int32)], (1,))
    ink = picture[..., 0] < 128
    assert covered[ink].mean() > 0.97
    assert covered.mean() < 0.5


def test_no_text(detector: TextDetector) -> None:
    flat = np.full((200, 200, 3), 255, np.uint8)
    assert detector.detect(flat) == TextFinding()
    ramp = np.repeat(np.linspace(0, 255, 200)[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    assert detector.detect(ramp) == TextFinding()


@pytest.mark.parametrize("shape", [(1, 512), (512, 1), (8, 8), (512, 512)])
def test_any_shape_is_taken(detector: TextDetector, shape: tuple[int, int]) -> None:
    for region in detector.detect(np.zeros((*shape, 3), np.uint8)).regions:
        assert region.polygon.shape == (4, 2)


def test_it_answers_the_same_every_time(detector: TextDetector) -> None:
    picture = word(120, 260)
    first, second = detector.detect(picture), detector.detect(picture)
    for one, other in zip(first.regions, second.regions, strict=True):
        assert one.confidence == other.confidence
        np.testing.assert_array_equal(one.polygon, other.polygon)


def test_confidence_is_a_threshold() -> None:
    assert create_text_detector("ppocr", 256, 0.999).detect(word(120, 260)) == TextFinding()


def test_names() -> None:
    assert create_text_detector("none", 256, 0.6).detect(word(120, 260)) == TextFinding()
    with pytest.raises(UsageError, match="choose"):
        create_text_detector("magic", 256, 0.6)
