"""Colours as an eye tells them apart."""

import numpy as np
import pytest

from marklens.core.types import Bools, Pixels
from marklens.reranking.color import COLORS, color_histograms, color_similarities, is_grey, oklab, palette

RED, DARK_RED, ORANGE, BLUE, BLACK = (220, 20, 30), (170, 15, 25), (255, 140, 0), (20, 60, 200), (0, 0, 0)
WHITE = (255, 255, 255)


def swatch(*colors: tuple[int, int, int], ground: tuple[int, int, int] = WHITE) -> tuple[Pixels, Bools]:
    """A view with a square that holds these colours in equal stripes."""
    view, ink = np.empty((1, 224, 224, 3), np.uint8), np.zeros((1, 7, 7), np.bool_)
    view[:] = ground
    for row, color in zip(range(64, 160, 96 // len(colors)), colors, strict=True):
        view[0, row : row + 96 // len(colors), 64:160] = color
    ink[0, 2:5, 2:5] = True
    return view, ink


def similarity(one: tuple[Pixels, Bools], other: tuple[Pixels, Bools]) -> float:
    return float(color_similarities(color_histograms(*one), color_histograms(*other))[0, 0])


def test_oklab_of_known_colors() -> None:
    # Ottosson's values for white, and for pure red, green and blue
    found = oklab(np.array([WHITE, (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8))
    expected = [[1, 0, 0], [0.628, 0.225, 0.126], [0.866, -0.234, 0.179], [0.452, -0.032, -0.312]]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_same_colors_in_the_same_shares_are_alike() -> None:
    assert similarity(swatch(RED, BLUE), swatch(BLUE, RED)) == pytest.approx(1, abs=1e-3)
    assert palette().shape == (COLORS, 3)


def test_near_colors_are_nearer_than_far_ones() -> None:
    near, further, far = (similarity(swatch(RED), swatch(color)) for color in (DARK_RED, ORANGE, BLUE))
    assert 1 > near > further > 0.2 > 0.1 > far


def test_the_ground_does_not_count() -> None:
    assert similarity(swatch(RED), swatch(RED, ground=(40, 90, 40))) == pytest.approx(1, abs=1e-3)
    histogram = color_histograms(*swatch(RED))
    assert histogram.shape == (1, COLORS)
    assert histogram.sum() == 255
    assert np.count_nonzero(histogram) == 1


def test_a_grey_twin_is_neither_like_nor_unlike() -> None:
    assert np.isnan(similarity(swatch(RED), swatch(BLACK)))
    assert np.isnan(similarity(swatch(BLACK), swatch(RED)))
    assert np.isnan(similarity(swatch(BLACK), swatch(BLACK)))
    histograms = np.concatenate([color_histograms(*swatch(color)) for color in (RED, BLACK, (90, 95, 90))])
    assert is_grey(histograms).tolist() == [False, True, True]


def test_a_view_full_of_ink_has_the_ground_of_its_border() -> None:
    view, ink = swatch(RED)
    assert similarity((view, ~np.zeros_like(ink)), (view, ink)) == pytest.approx(1, abs=1e-3)


def test_no_views_and_no_ink() -> None:
    view, ink = swatch(WHITE)
    assert color_histograms(view, ink).sum() == 0
    assert is_grey(color_histograms(view, ink)).all()
    assert color_histograms(view[:0], ink[:0]).shape == (0, COLORS)
