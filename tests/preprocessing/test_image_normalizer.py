"""Ground, ink, box and square on pictures small enough to count."""

import numpy as np
import pytest

from marklens.core.ink import GROUND_TOLERANCE, find_ground, find_ink, ink_box
from marklens.core.types import Pixels
from marklens.preprocessing.image_normalizer import fit_square, patch_ink, turn_light


def canvas(height: int = 60, width: int = 80, color: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = color
    return picture


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (12, 200, 90)])
def test_ground_ink_and_box(color: tuple[int, int, int]) -> None:
    picture = canvas(color=color)
    picture[10:30, 20:70] = (120, 20, 220)
    ground = find_ground(picture)
    assert (ground.color.tolist(), ground.uniform) == (list(color), True)
    ink = find_ink(picture, ground)
    assert ink.sum() == 20 * 50
    assert ink_box(ink) == (10, 30, 20, 70)


def test_the_tolerance_holds_for_each_channel() -> None:
    picture = canvas(color=(100, 100, 100))
    picture[20:40, 20:40] = (100, 100, 160)
    picture[5, 5] = (100 + GROUND_TOLERANCE, 100 - GROUND_TOLERANCE, 100)
    picture[5, 7] = (100, 100, 100 + GROUND_TOLERANCE + 1)
    picture[5, 9] = (100 - GROUND_TOLERANCE - 1, 100, 100)
    ink = find_ink(picture, find_ground(picture))
    assert [bool(ink[5, x]) for x in (5, 7, 9)] == [False, True, True]


def test_agrees_with_the_slow_twin() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    ground = find_ground(picture)
    slow = np.abs(picture.astype(int) - ground.color.astype(int)).max(axis=2) > ground.tolerance
    np.testing.assert_array_equal(find_ink(picture, ground), slow)


def test_a_pale_mark_is_still_a_mark() -> None:
    picture = canvas()
    picture[10:30, 20:70] = 240
    assert ink_box(find_ink(picture, find_ground(picture))) == (10, 30, 20, 70)
    assert ink_box(find_ink(canvas(), find_ground(canvas()))) is None


def test_which_grounds_are_uniform() -> None:
    picture = canvas(100, 100)
    picture[:, :30] = 0  # 30 + 30 of the upper and lower edge and the left one: 158 of 396 pixels, 39.9 %
    assert find_ground(picture).uniform
    picture[:, :32] = 0  # 162 pixels, 40.9 %
    assert not find_ground(picture).uniform
    gradient = np.repeat(np.linspace(0, 255, 100).astype(np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    assert not find_ground(gradient).uniform
    photo = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    assert not find_ground(photo).uniform


def test_jpeg_noise_on_the_ground_is_no_ink() -> None:
    noise = np.random.default_rng(0).integers(-8, 1, (60, 80, 3))
    picture = (255 + noise).astype(np.uint8)
    picture[10:30, 20:70] = 40
    assert ink_box(find_ink(picture, find_ground(picture))) == (10, 30, 20, 70)


def test_specks_are_left_out_but_hairlines_and_dots_are_not() -> None:
    picture = canvas()
    picture[20:40, 20:60] = 0
    picture[1, 1] = picture[58, 78] = picture[2:4, 70:72] = 0  # 1, 1 and 4 pixels: dirt
    assert ink_box(find_ink(picture, find_ground(picture))) == (20, 40, 20, 60)
    picture[10:13, 30:33] = 0  # the dot of an i, 9 pixels
    assert ink_box(find_ink(picture, find_ground(picture))) == (10, 40, 20, 60)
    picture[5, 5:75] = picture[55, 5:75] = picture[5:56, 5] = picture[5:56, 74] = 0  # a frame of one pixel
    assert ink_box(find_ink(picture, find_ground(picture))) == (5, 56, 5, 75)


def test_a_mark_of_nothing_but_specks_keeps_them() -> None:
    picture = canvas()
    picture[10, 20] = picture[30, 50] = 0
    assert ink_box(find_ink(picture, find_ground(picture))) == (10, 31, 20, 51)


def test_a_mark_that_touches_every_edge_keeps_its_size() -> None:
    picture = canvas(50, 50)
    picture[22:28] = 0
    picture[:, 22:28] = 0
    ground = find_ground(picture)
    assert (ground.color.tolist(), ground.uniform) == ([255, 255, 255], True)
    assert ink_box(find_ink(picture, ground)) == (0, 50, 0, 50)


@pytest.mark.parametrize(("shape", "box"), [((10, 40), (84, 140, 0, 224)), ((40, 10), (0, 224, 84, 140))])
def test_fit_square(shape: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    # 10 of 40 pixels become 56 of 224, in the middle: (224 - 56) / 2 = 84
    mark = canvas(*shape, color=(0, 0, 0))
    square = fit_square(mark, find_ground(canvas()), 224, 0)
    assert square.shape == (224, 224, 3)
    assert ink_box(find_ink(square, find_ground(canvas()))) == box


def test_the_margin_stays_free() -> None:
    square = fit_square(canvas(40, 40, (0, 0, 0)), find_ground(canvas()), 224, 16)
    assert ink_box(find_ink(square, find_ground(canvas()))) == (16, 208, 16, 208)


def test_patch_ink_counts_shares() -> None:
    # 224 / 7 = 32: a patch has 1024 pixels, 2 % are 20.5
    square = canvas(224, 224)
    square[0:3, 0:7] = 0  # 21 pixels of the first patch
    square[32:36, 64:69] = 0  # 20 pixels of the one in row 1, column 2
    square[192:, 192:] = 0
    ink = patch_ink(square, find_ground(square))
    assert np.argwhere(ink).tolist() == [[0, 0], [6, 6]]


def test_strips_of_one_pixel_survive() -> None:
    for shape in ((1, 512), (512, 1)):
        picture = canvas(*shape)
        picture[shape[0] // 4 : shape[0] // 2 + 1, shape[1] // 4 : shape[1] // 2 + 1] = 0
        ground = find_ground(picture)
        top, bottom, left, right = ink_box(find_ink(picture, ground)) or (0, 0, 0, 0)
        assert fit_square(picture[top:bottom, left:right], ground, 224, 0).shape == (224, 224, 3)


def test_dark_grounds_turn_light_and_hues_stay() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:20, 10:20], picture[20:30, 20:30] = (255, 255, 255), (255, 0, 0)
    light, ground = turn_light(picture, find_ground(picture))
    assert ground.color.tolist() == [255, 255, 255] == light[0, 0].tolist()
    assert light[15, 15].tolist() == [0, 0, 0] and light[25, 25].tolist() == [255, 0, 0]
    navy = np.full((40, 40, 3), (20, 30, 60), np.uint8)
    navy[10:30, 10:30] = 250
    assert turn_light(navy, find_ground(navy))[1].color.tolist() == [195, 205, 235]
    for color in ((255, 255, 255), (200, 16, 46), (128, 128, 128)):
        kept = np.full((40, 40, 3), color, np.uint8)
        kept[10:30, 10:30] = 5
        assert turn_light(kept, find_ground(kept))[0] is kept


def test_a_speck_does_not_hide_a_pale_mark() -> None:
    picture = canvas()
    picture[10:30, 20:70] = 240
    picture[50, 5] = 0
    ground = find_ground(picture)
    top, bottom, left, right = ink_box(find_ink(picture, ground)) or (0, 0, 0, 0)
    assert (top, bottom, left, right) == (10, 30, 20, 70)


def test_what_is_drawn_of_dots_is_no_dirt() -> None:
    picture = canvas(120, 120)
    picture[10:60:5, 10:100:5] = 0
    picture[11:60:5, 10:100:5] = 0
    picture[90:100, 30:80] = 0  # a word below
    assert ink_box(find_ink(picture, find_ground(picture))) == (10, 100, 10, 96)
    picture[10:62, 10:100] = 255
    picture[3, 3] = picture[7, 110] = 0  # dirt
    assert ink_box(find_ink(picture, find_ground(picture))) == (90, 100, 30, 80)
