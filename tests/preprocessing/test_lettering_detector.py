"""The bundled lettering network on drawn lock-ups, and the rules that settle what it is not sure of."""

import cv2
import numpy as np
import pytest

from marklens.core.types import Pixels
from marklens.preprocessing.lettering_detector import LetteringDetector, find_lines, settle_pieces


@pytest.fixture(scope="module")
def detector() -> LetteringDetector:
    return LetteringDetector()


def lock_up(ground: int = 255, ink: int = 20, words: str = "Harbour") -> Pixels:
    picture = np.full((120, 256, 3), ground, np.uint8)
    cv2.circle(picture, (50, 60), 45, (ink, ink, 200), -1)
    cv2.circle(picture, (50, 60), 20, (ground, ground, ground), -1)
    cv2.putText(picture, words, (105, 72), cv2.FONT_HERSHEY_DUPLEX, 1.0, (ink, ink, ink), 2, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize(("ground", "ink"), [(255, 20), (10, 240), (200, 40)])
def test_letters_are_found_and_the_figure_is_not(detector: LetteringDetector, ground: int, ink: int) -> None:
    picture = lock_up(ground, ink)
    found = detector.detect(picture)
    assert found.mask is not None and found.mask.shape == (120, 256) and found.fault is None
    differs = np.abs(picture.astype(int) - ground).max(axis=2) > 60
    assert found.mask[:, 100:][differs[:, 100:]].mean() > 0.9
    assert found.mask[:, :100][differs[:, :100]].mean() < 0.05
    for region in found.regions:
        assert region.polygon.shape == (4, 2) and 0.5 <= region.confidence <= 1


@pytest.mark.parametrize("shape", [(8, 8), (8, 512), (512, 8), (33, 77), (256, 256), (512, 512)])
def test_any_shape_is_taken(detector: LetteringDetector, shape: tuple[int, int]) -> None:
    found = detector.detect(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert found.mask is None or found.mask.shape == shape


def test_nothing_on_a_flat_picture(detector: LetteringDetector) -> None:
    assert detector.detect(np.full((100, 200, 3), 90, np.uint8)).regions == ()


def test_large_pictures_answer_in_their_own_pixels(detector: LetteringDetector) -> None:
    large = cv2.resize(lock_up(), (512, 240), interpolation=cv2.INTER_CUBIC)
    found = detector.detect(np.asarray(large, np.uint8))
    assert found.mask is not None and found.mask.shape == (240, 512)
    _, columns = np.nonzero(found.mask)
    assert 195 < columns.min() < 240 and columns.max() < 512


def pieces() -> np.ndarray:
    """Three separate pieces of ink, 10×10 each, and one of 30×60."""
    ink = np.zeros((60, 120), np.bool_)
    for left in (5, 20, 35):
        ink[5:15, left : left + 10] = True
    ink[25:55, 40:100] = True
    return ink


def test_a_piece_that_is_mostly_letters_goes_whole() -> None:
    ink, likely = pieces(), np.zeros((60, 120), np.float32)
    likely[5:13, 5:15] = 0.9  # eight rows of ten
    likely[5:15, 20:30] = 0.9
    mask = settle_pieces(ink, likely, 0.5)
    assert mask[5:15, 5:15].all() and mask[5:15, 20:30].all() and not mask[:, 30:].any()


def test_words_on_a_badge_go_alone_if_they_are_sure() -> None:
    ink, likely = pieces(), np.zeros((60, 120), np.float32)
    likely[5:15, 5:15] = 0.9
    likely[30:35, 50:90] = 0.95  # sure, on the badge
    likely[45:50, 50:90] = 0.55  # doubtful
    mask = settle_pieces(ink, likely, 0.5)
    assert mask[30:35, 50:90].all() and mask[5:15, 5:15].all()
    assert mask.sum() == 5 * 40 + 100


def test_a_lone_high_letter_is_the_symbol() -> None:
    ink = np.zeros((60, 50), np.bool_)
    ink[5:55, 10:40] = True
    letters = ink.astype(np.float32)
    assert not settle_pieces(ink, letters, 0.5).any()
    ink[5:55, 42:48] = True  # two letters are a word
    assert settle_pieces(ink, ink.astype(np.float32), 0.5).all() == ink.all()


def test_lines_join_the_letters_of_a_word() -> None:
    mask = np.zeros((60, 120), np.bool_)
    for left in (5, 20, 35):
        mask[5:15, left : left + 10] = True
    mask[40:50, 60:110] = True
    lines = find_lines(mask, mask.astype(np.float32))
    first, second = sorted(lines, key=lambda line: float(line.polygon[:, 1].min()))
    assert first.polygon[:, 0].min() == 5 and first.polygon[:, 0].max() == 44
    assert second.polygon[:, 1].min() == 40 and second.confidence == 1


@pytest.mark.parametrize("around", ["frame", "rules", "panel"])
@pytest.mark.parametrize("halo", [0, 1])
def test_letters_within_a_frame_are_found(around: str, halo: int) -> None:
    """Trimmed to its ink, the border of such a picture is the mark's, not what the letters stand on."""
    picture = np.full((100, 200, 3), 255, np.uint8)
    ink = 0
    if around == "frame":
        cv2.rectangle(picture, (halo, halo), (199 - halo, 99 - halo), (0, 0, 0), 9)
    if around == "rules":
        picture[halo : halo + 8] = picture[92 - halo : 100 - halo] = 0
    if around == "panel":
        picture[halo : 100 - halo, halo : 200 - halo] = 0
        ink = 255
    cv2.circle(picture, (50, 50), 20, (ink, ink, ink), -1)
    letters = np.zeros((100, 200), np.bool_)
    for left in (90, 110, 130, 150):
        letters[40:60, left : left + 12] = True
    picture[letters] = ink

    class Sure(LetteringDetector):
        def _probabilities(self, picture: Pixels) -> np.ndarray:
            return letters.astype(np.float32)

    found = Sure().detect(picture)
    assert found.mask is not None
    assert found.mask[letters].all() and not found.mask[~letters].any()
