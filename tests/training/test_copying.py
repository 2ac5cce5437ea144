"""Each family changes a mark and leaves it there; what comes out is what a query would be."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_index import draw_mark

from marklens.core.errors import UsageError
from marklens.core.ink import find_ground, find_ink
from marklens.core.types import Pixels
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.copying.copier import FAMILIES, Copier, Copying
from marklens.training.copying.words import SET_HEIGHT, make_word_bank

OPTIONS = ViewOptions(size=64, figurative=False)
BANK = make_word_bank(count=20)


def view_of(seed: int) -> Pixels:
    picture = np.ascontiguousarray(draw_mark(seed)[..., ::-1])
    return ViewMaker(OPTIONS, NoDetector()).prepare(picture).views[0].pixels


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_changes_the_view_and_leaves_a_mark(family: str) -> None:
    copier = Copier(OPTIONS, Copying().only(family), BANK)
    changed = 0
    for seed in range(25):
        view = view_of(seed)
        kept = view.copy()
        copied, names = copier.copy(view, np.random.default_rng(seed))
        assert copied.shape == view.shape and copied.dtype == np.uint8 and names == (family,)
        assert np.array_equal(view, kept)  # what it was given stays as it was
        changed += int((copied != view).any())
        assert find_ink(copied, find_ground(copied)).mean() > 0.02
    assert changed >= 20


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), mark=st.integers(0, 30), strength=st.floats(0.3, 1.6))
def test_any_mix_gives_a_view_and_the_same_seed_the_same(seed: int, mark: int, strength: float) -> None:
    copier = Copier(OPTIONS, Copying(strength=strength), BANK)
    one, other = (copier(view_of(mark), np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, other) and one.shape == (64, 64, 3) and one.dtype == np.uint8


BLANK = np.full((64, 64, 3), 255, np.uint8)
LINE = np.repeat(np.eye(64, dtype=np.uint8)[..., None] * 255, 3, axis=2)


@pytest.mark.parametrize("picture", [BLANK, 255 - BLANK, LINE], ids=["blank", "black", "line"])
def test_odd_views_come_through(picture: Pixels) -> None:
    for family in FAMILIES:
        copier = Copier(OPTIONS, Copying().only(family), BANK)
        for seed in range(4):
            assert copier(picture, np.random.default_rng(seed)).shape == (64, 64, 3)


def test_nothing_stands_on_black_as_at_search() -> None:
    copier = Copier(OPTIONS, Copying().only("invert"), BANK)
    for seed in range(40):
        ground = find_ground(copier(view_of(seed % 5), np.random.default_rng(seed)))
        assert not ground.uniform or int(ground.color.max()) + int(ground.color.min()) > 100


def test_without_changes_a_view_stays_as_it_is() -> None:
    copier = Copier(OPTIONS, Copying().without(*FAMILIES), BANK)
    view = view_of(3)
    assert np.array_equal(copier(view, np.random.default_rng(0)), view)


def test_no_more_families_than_wanted_change_a_view() -> None:
    copier = Copier(OPTIONS, Copying(**dict.fromkeys(FAMILIES, 0.9), most=3), BANK)  # type: ignore[arg-type]
    assert {len(copier.copy(view_of(1), np.random.default_rng(seed))[1]) for seed in range(12)} == {3}


def test_a_copier_travels_to_workers() -> None:
    copier = Copier(OPTIONS, Copying(), BANK)
    again = pickle.loads(pickle.dumps(copier))
    assert np.array_equal(
        copier(view_of(0), np.random.default_rng(1)), again(view_of(0), np.random.default_rng(1))
    )


def test_unknown_families_and_impossible_chances_are_refused() -> None:
    with pytest.raises(UsageError, match="glitter"):
        Copying().without("glitter")
    with pytest.raises(UsageError):
        Copying(blur=1.5)


def test_words_are_set_once_and_the_same_every_time() -> None:
    again = make_word_bank(count=20)
    assert all(np.array_equal(one, other) for one, other in zip(BANK.lines, again.lines, strict=True))
    assert {line.shape[0] for line in BANK.lines} == {SET_HEIGHT} and all(
        line.max() > 200 for line in BANK.lines
    )


def test_geometry_can_be_made_more_frequent() -> None:
    usual, turned = Copying(), Copying().turned(2.5)
    assert turned.rotate == pytest.approx(2.5 * usual.rotate) and turned.flip > usual.flip
    assert Copying(crop=0.9).turned(2.5).crop == 1
    assert (turned.recolour, turned.words) == (usual.recolour, usual.words)
