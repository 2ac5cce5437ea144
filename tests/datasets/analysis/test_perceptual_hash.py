"""Near copies of a picture differ in few bits of their looks, other pictures in many."""

import cv2
import numpy as np
import pytest
from tests.small_index import draw_mark

from marklens.core.types import Pixels
from marklens.datasets.analysis.duplicates import FINE_DISTANCE, NEAR_DISTANCE
from marklens.datasets.analysis.perceptual_hash import Look, look_at


def distances(left: Look, right: Look) -> tuple[int, int]:
    fine = zip(left.fine, right.fine, strict=True)
    return (left.coarse ^ right.coarse).bit_count(), sum((a ^ b).bit_count() for a, b in fine)


def recompressed(picture: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 75])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def shrunk(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, (180, 180), interpolation=cv2.INTER_AREA), np.uint8)


def paler(picture: Pixels) -> Pixels:
    return np.asarray(255 - (255 - picture.astype(int)) * 0.7, np.uint8)


@pytest.mark.parametrize("change", [recompressed, shrunk, paler])
def test_a_near_copy_is_near(change: object) -> None:
    assert callable(change)
    for seed in range(20):
        mark = draw_mark(seed)
        coarse, fine = distances(look_at(mark), look_at(change(mark)))
        assert coarse <= NEAR_DISTANCE
        assert fine <= FINE_DISTANCE


def test_other_marks_are_far() -> None:
    looks = [look_at(draw_mark(seed)) for seed in range(20)]
    for number, look in enumerate(looks):
        for other in looks[number + 1 :]:
            coarse, fine = distances(look, other)
            assert coarse > NEAR_DISTANCE or fine > FINE_DISTANCE


def test_flat_and_symmetric_pictures_have_few_sure_bits() -> None:
    flat = np.full((100, 100, 3), 90, np.uint8)
    cross = np.full((100, 100, 3), 255, np.uint8)
    cross[40:60] = cross[:, 40:60] = 0
    assert look_at(flat).sure == 0
    assert look_at(cross).sure <= 16  # all but the 4 × 4 frequencies even both ways are zero
    assert look_at(draw_mark(1)).sure > 40


def test_the_same_picture_gives_the_same_numbers_of_known_size() -> None:
    look = look_at(draw_mark(3))
    assert look == look_at(draw_mark(3))
    assert 0 <= look.coarse < 1 << 63
    assert len(look.fine) == 4
    assert look.fine[0] < 1 << 63  # the first bit, of the constant term, is never set
