"""Regions to masks, masks to pictures without text."""

import cv2
import numpy as np
import pytest

from marklens.core.ink import find_ground
from marklens.core.types import Pixels, TextRegion
from marklens.preprocessing.text_masker import SOFT_EDGE, Fill, is_line, remove_text, text_mask


def box(left: int, top: int, right: int, bottom: int) -> TextRegion:
    return TextRegion(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), 0.9)


def lettered(ground: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    picture = np.empty((100, 200, 3), np.uint8)
    picture[:] = ground
    cv2.circle(picture, (40, 50), 30, (200, 40, 40), -1)
    cv2.putText(picture, "ACME", (90, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (10, 10, 90), 2, cv2.LINE_AA)
    return picture


TEXT = (86, 32, 190, 66)


def test_a_mask_is_the_regions_and_a_soft_edge() -> None:
    mask = text_mask((100, 200), [box(50, 20, 99, 39), box(150, 90, 260, 120)])
    assert mask.dtype == np.bool_
    expected = np.zeros((100, 200), bool)
    expected[20 - SOFT_EDGE : 40 + SOFT_EDGE, 50 - SOFT_EDGE : 100 + SOFT_EDGE] = True
    expected[90 - SOFT_EDGE :, 150 - SOFT_EDGE :] = True  # the part outside the picture is cut off
    np.testing.assert_array_equal(mask, expected)
    assert not text_mask((100, 200), []).any()


def test_a_line_is_twice_as_long_as_high_whatever_its_direction() -> None:
    assert is_line(box(0, 0, 40, 20))
    assert not is_line(box(0, 0, 39, 20))
    assert is_line(box(0, 0, 20, 40))
    slanted = cv2.boxPoints(((50, 50), (60, 20), 30)).astype(np.float32)
    assert is_line(TextRegion(slanted, 0.9))


def test_text_on_one_colour_leaves_no_trace() -> None:
    for color in ((255, 255, 255), (20, 90, 50)):
        picture = lettered(color)
        without = remove_text(picture, text_mask((100, 200), [box(*TEXT)]), find_ground(picture))
        assert (without[:, 80:] == np.array(color)).all()
        np.testing.assert_array_equal(without[:, :80], picture[:, :80])


def test_text_in_a_badge_takes_the_badge_s_colour() -> None:
    picture = np.full((100, 200, 3), 255, np.uint8)
    picture[20:80, 20:180] = badge = (30, 60, 200)
    cv2.putText(picture, "ACME", (60, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2, cv2.LINE_AA)
    without = remove_text(picture, text_mask((100, 200), [box(56, 32, 160, 66)]), find_ground(picture))
    assert (without[20:80, 20:180] == np.array(badge)).all()
    assert (without[:20] == 255).all()


def test_text_on_a_gradient_is_painted_over_smoothly() -> None:
    ramp = np.repeat(np.linspace(0, 255, 200)[None, :, None], 100, 0).repeat(3, 2).astype(np.uint8)
    picture = ramp.copy()
    cv2.putText(picture, "ACME", (90, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 0, 0), 2, cv2.LINE_AA)
    mask = text_mask((100, 200), [box(*TEXT)])
    without = remove_text(picture, mask, find_ground(picture))
    np.testing.assert_array_equal(without[~mask], picture[~mask])
    assert np.abs(without.astype(int) - ramp)[mask].mean() < 15
    assert np.ptp(without.astype(int), axis=2).max() < 12  # no red is left


def test_a_mask_of_everything_and_of_nothing() -> None:
    picture = lettered()
    everything = np.ones((100, 200), bool)
    assert (remove_text(picture, everything, find_ground(picture)) == 255).all()
    without = remove_text(picture, ~everything, find_ground(picture))
    np.testing.assert_array_equal(without, picture)
    assert without is not picture


def test_the_picture_given_stays_as_it_is() -> None:
    picture = lettered()
    before = picture.copy()
    remove_text(picture, text_mask((100, 200), [box(*TEXT)]), find_ground(picture))
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("fill", ["flat", "telea", "navier-stokes"])
def test_every_fill_takes_the_text_and_leaves_the_rest(fill: Fill) -> None:
    picture = np.full((60, 160, 3), 255, np.uint8)
    cv2.circle(picture, (25, 30), 20, (200, 30, 30), -1)
    without = picture.copy()
    cv2.putText(picture, "Acme", (60, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    mask = np.zeros((60, 160), np.bool_)
    mask[10:50, 55:150] = True
    filled = remove_text(picture, mask, find_ground(picture), fill)
    assert np.abs(filled.astype(int) - without).max() < 30
    assert np.array_equal(filled[~mask], picture[~mask])
