"""The symbol in a box comes out of it, and only out of boxes."""

import cv2
import numpy as np
import pytest

from marklens.core.ink import find_ground
from marklens.core.types import Pixels, TextFinding, TextRegion, ViewKind
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.preprocessing.unboxing import unbox

STAR = np.array(
    [
        [100, 55],
        [112, 88],
        [147, 89],
        [119, 110],
        [129, 144],
        [100, 124],
        [71, 144],
        [81, 110],
        [53, 89],
        [88, 88],
    ]
)


def star(ink: tuple[int, int, int], picture: Pixels) -> Pixels:
    return np.asarray(cv2.fillPoly(picture.copy(), [STAR.astype(np.int32)], ink, cv2.LINE_AA), np.uint8)


def white() -> Pixels:
    return np.full((200, 200, 3), 255, np.uint8)


def boxed(shape: str, color: tuple[int, int, int], thickness: int = -1) -> Pixels:
    picture = white()
    if shape == "circle":
        return np.asarray(cv2.circle(picture, (100, 100), 96, color, thickness, cv2.LINE_AA), np.uint8)
    if shape == "square":
        return np.asarray(cv2.rectangle(picture, (3, 3), (196, 196), color, thickness), np.uint8)
    for x, y in ((33, 33), (166, 33), (33, 166), (166, 166)):
        cv2.circle(picture, (x, y), 30, color, -1, cv2.LINE_AA)
    cv2.rectangle(picture, (3, 33), (196, 166), color, -1)
    return np.asarray(cv2.rectangle(picture, (33, 3), (166, 196), color, -1), np.uint8)


def taken_out(picture: Pixels) -> Pixels | None:
    return unbox(picture, find_ground(picture))


def likeness(one: Pixels, other: Pixels) -> float:
    """Share of pixels on which two pictures agree, brought to one size."""
    grey = [cv2.resize(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), (96, 96)) > 127 for each in (one, other)]
    return float((grey[0] == grey[1]).mean())


@pytest.mark.parametrize("shape", ["circle", "square", "rounded"])
@pytest.mark.parametrize(
    ("box", "ink"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((230, 60, 40), (255, 255, 255)),
        ((250, 210, 30), (20, 20, 90)),
        ((30, 60, 160), (250, 200, 40)),
    ],
)
def test_a_symbol_on_a_filled_shape_is_found_whatever_the_colours(
    shape: str, box: tuple[int, int, int], ink: tuple[int, int, int]
) -> None:
    inner = taken_out(star(ink, boxed(shape, box)))
    alone = star((0, 0, 0), white())[55:145, 53:148]
    assert inner is not None
    assert likeness(inner, alone) > 0.95


@pytest.mark.parametrize("shape", ["circle", "square"])
def test_a_symbol_in_an_outline_is_found(shape: str) -> None:
    inner = taken_out(star((0, 0, 0), boxed(shape, (0, 0, 0), thickness=6)))
    assert inner is not None
    assert likeness(inner, star((0, 0, 0), white())[55:145, 53:148]) > 0.95


@pytest.mark.parametrize(
    "picture",
    [
        star((0, 0, 0), white()),  # no box
        boxed("circle", (200, 20, 20)),  # nothing in it
        star((90, 20, 20), boxed("circle", (75, 20, 20))),  # nothing that can be seen in it
        star((0, 0, 0), cv2.line(white(), (10, 180), (190, 180), (0, 0, 0), 5)),  # a line below
        np.concatenate([star((255, 255, 255), boxed("circle", (0, 0, 0))), boxed("square", (0, 0, 0))], 1),
        np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8),  # no ground
        white(),
    ],
)  # fmt: skip
def test_what_is_no_box_stays_whole(picture: Pixels) -> None:
    assert taken_out(picture) is None


def test_a_boxed_mark_has_a_third_view_that_can_be_made_again() -> None:
    picture = star((255, 255, 255), boxed("rounded", (10, 90, 200)))
    maker = ViewMaker(ViewOptions(), NoDetector())
    views = maker.prepare(picture).views
    assert [view.kind for view in views] == [ViewKind.FULL, ViewKind.INNER]
    again = maker.rebuild(picture, None)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(views, again, strict=True))
    assert [
        view.kind for view in ViewMaker(ViewOptions(inner=False), NoDetector()).prepare(picture).views
    ] == [0]


@pytest.mark.parametrize("length", [200, 320, 600])
def test_a_tile_beside_a_long_name_is_unboxed(length: int) -> None:
    """The name that was taken out leaves room, in which the tile is small."""

    class NameDetector(NoDetector):
        def detect(self, picture: Pixels) -> TextFinding:
            right = picture.shape[1]
            left = round(right * 90 / (100 + length))
            corners = np.array([[left, 0], [right, 0], [right, 80], [left, 80]], np.float32)
            return TextFinding((TextRegion(corners, 1.0),))

    picture = np.full((80, 100 + length, 3), 255, np.uint8)
    cv2.rectangle(picture, (4, 4), (76, 76), (200, 30, 30), -1)
    cv2.circle(picture, (40, 40), 18, (255, 255, 255), -1)
    cv2.rectangle(picture, (100, 30), (90 + length, 50), (0, 0, 0), -1)
    views = ViewMaker(ViewOptions(), NameDetector()).prepare(picture).views
    assert [view.kind for view in views] == [ViewKind.FULL, ViewKind.FIGURATIVE, ViewKind.INNER]
