"""Where the ground of a picture is looked for, and what is taken for it."""

import cv2
import numpy as np
import pytest

from marklens.core.ink import find_ground
from marklens.core.types import Pixels

WHITE, BLACK = [255, 255, 255], [0, 0, 0]


def sheet(color: tuple[int, int, int] = (255, 255, 255), side: int = 256) -> Pixels:
    return np.full((side, side, 3), color, np.uint8)


def tile(radius: int, margin: int = 0, side: int = 256) -> Pixels:
    """A black tile with round corners on white, a white disc on it."""
    picture, low, high = sheet(side=side), margin, side - 1 - margin
    for x, y in ((radius, 0), (0, radius)):
        cv2.rectangle(picture, (low + x, low + y), (high - x, high - y), (0, 0, 0), -1)
    for x in (low + radius, high - radius):
        for y in (low + radius, high - radius):
            cv2.circle(picture, (x, y), radius, (0, 0, 0), -1)
    return np.asarray(cv2.circle(picture, (side // 2, side // 2), side // 5, (255, 255, 255), -1), np.uint8)


@pytest.mark.parametrize("radius", [13, 26, 51, 90])
def test_a_tile_with_round_corners_is_no_ground_also_where_it_fills_the_picture(radius: int) -> None:
    for margin in (0, 12):
        ground = find_ground(tile(radius, margin))
        assert (ground.color.tolist(), ground.uniform) == (WHITE, True)


@pytest.mark.parametrize("wide", [1, 2, 3])
def test_a_dark_line_along_the_edge_is_no_ground(wide: int) -> None:
    picture = sheet()
    cv2.ellipse(picture, (128, 128), (80, 50), 0, 0, 360, (220, 30, 30), -1)
    framed = cv2.copyMakeBorder(picture, *[wide] * 4, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    _, scan = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, 85])
    for each in (framed, cv2.imdecode(scan, cv2.IMREAD_COLOR)):
        ground = find_ground(np.asarray(each, np.uint8))
        assert ground.uniform and ground.color.min() >= 250


def test_a_frame_that_is_more_than_a_line_or_a_light_one_is_left_as_it_was() -> None:
    wide = cv2.copyMakeBorder(sheet(), *[20] * 4, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    assert find_ground(np.asarray(wide, np.uint8)).color.tolist() == BLACK
    light = cv2.copyMakeBorder(sheet((0, 0, 0)), *[2] * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    assert find_ground(np.asarray(light, np.uint8)).color.tolist() == WHITE


@pytest.mark.parametrize("ink", [(0, 0, 0), (200, 20, 20)])
def test_a_mark_that_reaches_into_the_corners_is_no_ground(ink: tuple[int, int, int]) -> None:
    cross = sheet()
    for start, end in (((0, 0), (255, 255)), ((0, 255), (255, 0))):
        cv2.line(cross, start, end, ink, 25)
    ground = find_ground(cross)
    assert (ground.color.tolist(), ground.uniform) == (WHITE, True)
    brackets = sheet()
    for x in (0, 244):
        brackets[:55, x : x + 12] = brackets[-55:, x : x + 12] = ink
        brackets[x : x + 12, :55] = brackets[x : x + 12, -55:] = ink
    ground = find_ground(brackets)
    assert (ground.color.tolist(), ground.uniform) != (list(ink), True)


def test_a_photograph_has_no_ground() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (256, 256), interpolation=cv2.INTER_CUBIC)
    assert not find_ground(np.asarray(noise, np.uint8)).uniform


@pytest.mark.parametrize("shape", [(8, 8), (8, 400), (2000, 9), (1, 1), (2, 3)])
def test_the_smallest_pictures_have_a_ground(shape: tuple[int, int]) -> None:
    ground = find_ground(np.full((*shape, 3), 9, np.uint8))
    assert (ground.color.tolist(), ground.uniform) == ([9, 9, 9], True)
