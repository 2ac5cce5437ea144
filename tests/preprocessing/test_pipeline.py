"""From a picture to its views, with the real detector and with detectors whose answer is known."""

import hashlib
import subprocess
import sys
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
from loguru import logger

from marklens.core.errors import PictureError
from marklens.core.ink import find_ground, find_ink
from marklens.core.types import Bools, Pixels, TextFinding, TextRegion, View, ViewKind
from marklens.preprocessing.mask_store import decode_mask, encode_mask
from marklens.preprocessing.pipeline import PREPROCESSING_VERSION, ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector, create_text_detector


class Told:
    """Sees text in the boxes it was told (left, top, right, bottom)."""

    name = "told"

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self._boxes = boxes

    def detect(self, picture: Pixels) -> TextFinding:
        return TextFinding(
            tuple(
                TextRegion(np.array([[l, t], [r, t], [r, b], [l, b]], np.float32), 0.9)
                for l, t, r, b in self._boxes  # noqa: E741
            )
        )


class Failing:
    name = "failing"

    def detect(self, picture: Pixels) -> TextFinding:
        raise RuntimeError("the network fell over")


def lock_up(ground: int = 255, ink: int = 20) -> Pixels:
    """A disc at the left and a word at its right, trimmed to 200×60 by the pipeline."""
    picture = np.full((120, 260, 3), ground, np.uint8)
    cv2.circle(picture, (60, 60), 29, (ink, ink, 200), -1)
    cv2.putText(picture, "Harbour", (110, 72), cv2.FONT_HERSHEY_DUPLEX, 1.0, (ink, ink, ink), 2, cv2.LINE_AA)
    return picture


WORD = (70, 8, 215, 52)
"""The word's box after trimming."""


def maker(*boxes: tuple[int, int, int, int], **options: object) -> ViewMaker:
    return ViewMaker(replace(ViewOptions(), **options), Told(*boxes))


def kinds(views: tuple[View, ...]) -> list[ViewKind]:
    return [view.kind for view in views]


def ink_of(view: View) -> Bools:
    return find_ink(view.pixels, find_ground(np.full((9, 9, 3), 255, np.uint8)))


def test_no_text_one_view() -> None:
    prepared = maker().prepare(lock_up())
    assert kinds(prepared.views) == [ViewKind.FULL]
    assert prepared.mask is None
    assert prepared.views[0].pixels.shape == (224, 224, 3)
    assert set(prepared.seconds) == {"detect", "mask", "read", "normalize"}


@pytest.mark.parametrize(("ground", "ink"), [(255, 20), (0, 255)])
def test_text_gives_a_figurative_view_of_the_symbol_alone(ground: int, ink: int) -> None:
    prepared = maker(WORD).prepare(lock_up(ground, ink))
    assert kinds(prepared.views) == [ViewKind.FULL, ViewKind.FIGURATIVE]
    figure = prepared.views[1].pixels
    assert (figure[0, 0] == 255).all()  # the dark ground was turned light
    # the disc fills the square: pi / 4 of it
    inked = np.abs(figure.astype(int) - 255).max(axis=2) > 24
    assert inked.mean() == pytest.approx(np.pi / 4, abs=0.03)
    corners = np.ones((7, 7), bool)
    corners[::6, ::6] = False  # less than 2 % of a corner patch lies in the disc
    np.testing.assert_array_equal(prepared.views[1].ink, corners)


def test_the_mask_has_the_shape_of_the_trimmed_mark_at_256_pixels() -> None:
    prepared = maker(WORD).prepare(lock_up())
    assert prepared.mask is not None and prepared.mask.shape[0] == 59  # the disc's 2 * 29 + 1
    large = cv2.resize(lock_up(), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    mask = maker((90, 10, 256, 60)).prepare(large).mask
    assert mask is not None and max(mask.shape) == 256


def test_nothing_but_text_keeps_only_the_full_view() -> None:
    picture = lock_up()
    picture[:, :100] = 255
    prepared = maker((0, 0, 260, 120)).prepare(picture)
    assert kinds(prepared.views) == [ViewKind.FULL]
    assert prepared.mask is None


def test_the_share_that_must_be_left_is_an_option() -> None:
    # a bar of 100 pixels, of which 10 stay beside the text: 10 %
    picture = np.full((60, 140, 3), 255, np.uint8)
    picture[20:40, 20:120] = 0
    told = (0, 0, 87, 19)  # grows by 2 on every side: columns 0..89 of 100
    assert len(maker(told, min_figure=0.09).prepare(picture).views) == 2
    assert len(maker(told, min_figure=0.11).prepare(picture).views) == 1


def test_a_symbol_taken_for_text_stays_if_nothing_else_would() -> None:
    symbol = (0, 0, 58, 58)
    prepared = maker(symbol, WORD).prepare(lock_up())
    assert kinds(prepared.views) == [ViewKind.FULL, ViewKind.FIGURATIVE]
    assert ink_of(prepared.views[1]).mean() == pytest.approx(np.pi / 4, abs=0.03)


def test_text_on_empty_ground_changes_nothing() -> None:
    assert kinds(maker((60, 0, 66, 3)).prepare(lock_up()).views) == [ViewKind.FULL]


def test_figurative_views_can_be_turned_off() -> None:
    assert kinds(maker(WORD, figurative=False).prepare(lock_up()).views) == [ViewKind.FULL]


def test_a_detector_that_fails_is_logged_and_costs_no_mark() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}")
    try:
        prepared = ViewMaker(ViewOptions(), Failing()).prepare(lock_up())
    finally:
        logger.remove(sink)
    assert kinds(prepared.views) == [ViewKind.FULL]
    assert lines == [
        "WARNING text detector failing failed, taken as no text: RuntimeError: the network fell over\n"
    ]


@pytest.mark.parametrize("shade", [255, 0, 128])
def test_a_blank_picture_is_a_fault(shade: int) -> None:
    with pytest.raises(PictureError, match="blank"):
        maker().prepare(np.full((50, 50, 3), shade, np.uint8))


def test_the_border_does_not_matter_but_without_trimming_it_does() -> None:
    small = lock_up()
    framed = cv2.copyMakeBorder(small, 70, 10, 30, 50, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    first, second = maker().prepare(small).views[0], maker().prepare(framed).views[0]
    np.testing.assert_array_equal(first.pixels, second.pixels)
    untrimmed = maker(trim=False).prepare(framed).views[0]
    assert ink_of(untrimmed).mean() < 0.6 * ink_of(first).mean()


def test_a_mark_that_fills_its_picture_keeps_its_ground_after_trimming() -> None:
    # trimmed to the black square, whose border is all ink: the figurative view still knows the white ground
    picture = np.full((140, 140, 3), 255, np.uint8)
    picture[20:120, 20:120] = 0
    picture[60:80, 30:110] = 255
    prepared = maker((12, 42, 88, 58)).prepare(picture)
    assert kinds(prepared.views) == [ViewKind.FULL, ViewKind.FIGURATIVE]
    assert (prepared.views[1].pixels == 0).all()


def test_a_photograph_is_not_trimmed() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    view = maker().prepare(photo).views[0]
    # the full width: 224 × 112 in the middle, and every patch of the middle rows has ink
    assert view.ink[2:5].all()


@pytest.mark.parametrize("boxes", [(), (WORD,)])
def test_rebuilding_from_the_stored_mask_gives_the_same_bytes(
    boxes: tuple[tuple[int, int, int, int], ...],
) -> None:
    prepared = maker(*boxes).prepare(lock_up())
    stored = None if prepared.mask is None else decode_mask(encode_mask(prepared.mask))
    rebuilt = ViewMaker(ViewOptions(), Failing()).rebuild(lock_up(), stored)
    assert len(rebuilt) == len(prepared.views) == 1 + len(boxes)
    for old, new in zip(prepared.views, rebuilt, strict=True):
        assert (old.kind, old.pixels.tobytes(), old.ink.tobytes()) == (
            new.kind,
            new.pixels.tobytes(),
            new.ink.tobytes(),
        )


def test_the_mask_of_another_picture_is_noticed() -> None:
    with pytest.raises(PictureError, match="changed"):
        maker().rebuild(lock_up(), np.zeros((10, 10), bool))


REAL = """
import hashlib, cv2, numpy as np
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import create_text_detector
picture = np.full((120, 260, 3), 255, np.uint8)
cv2.circle(picture, (60, 60), 29, (20, 20, 200), -1)
cv2.putText(picture, "Harbour", (110, 72), cv2.FONT_HERSHEY_DUPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
views = ViewMaker(ViewOptions(), create_text_detector("ppocr", 256, 0.6)).prepare(picture).views
print(len(views), hashlib.sha256(b"".join(v.pixels.tobytes() + v.ink.tobytes() for v in views)).hexdigest())
"""


def test_the_real_detector_and_the_same_bytes_in_every_process() -> None:
    prepared = ViewMaker(ViewOptions(), create_text_detector("ppocr", 256, 0.6)).prepare(lock_up())
    digest = hashlib.sha256(
        b"".join(v.pixels.tobytes() + v.ink.tobytes() for v in prepared.views)
    ).hexdigest()
    other = subprocess.run(
        [sys.executable, "-c", REAL], capture_output=True, text=True, check=True
    ).stdout.split()
    assert other == ["2", digest]


def test_an_index_remembers_options_and_version() -> None:
    assert ViewOptions().record() == {**asdict(ViewOptions()), "version": PREPROCESSING_VERSION}
    assert ViewOptions().record() != replace(ViewOptions(), margin=8).record()


def test_no_detector() -> None:
    assert len(ViewMaker(ViewOptions(detector="none"), NoDetector()).prepare(lock_up()).views) == 1


def test_a_symbol_beside_a_long_name_keeps_its_pixels() -> None:
    """Text is looked for at 256 pixels; at those, the bars of this symbol would run into one another."""
    picture = np.full((70, 512, 3), 255, np.uint8)
    for left in range(5, 65, 4):
        picture[5:65, left : left + 2] = 0
    picture[20:50, 120:505] = 0
    figure = maker((57, 8, 255, 25)).prepare(picture).views[1]
    assert figure.kind == ViewKind.FIGURATIVE
    assert figure.pixels[112].astype(int).std() > 100
