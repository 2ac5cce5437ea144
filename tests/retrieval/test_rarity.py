"""How alike unrelated views are, and the scale that makes of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.core.types import VIEW_BITS
from marklens.reranking.profile import with_ends
from marklens.reranking.scoring import Calibration
from marklens.retrieval import rarity
from marklens.retrieval.rarity import measure_rarity, rarity_curve
from marklens.retrieval.vector_store import create_store


def unit(count: int, dims: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_eighth_is_ten_times_rarer() -> None:
    assert rarity_curve([(0.5, 1e-4), (0.3, 1e-2), (0.4, 1e-3)]) == ((0.3, 0.25), (0.4, 0.375), (0.5, 0.5))


@pytest.mark.parametrize("dims", [16, 64])
def test_the_curve_tells_how_many_unrelated_views_are_as_alike(dims: int) -> None:
    vectors = unit(6000, dims, 1)
    ids = np.arange(len(vectors), dtype=np.int64) << VIEW_BITS
    store = create_store("exact", dims)
    store.add(ids, vectors)
    curve = measure_rarity(store, ids)
    pairs = unit(2000, dims, 2) @ vectors.T  # others of the same kind
    for similarity, score in curve:
        assert -np.log10((pairs >= similarity).mean()) / 8 == pytest.approx(score, abs=0.01)


def test_twins_and_views_of_one_mark_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mark has two equal views and three equal twins: its 5th other neighbour is still a stranger."""
    monkeypatch.setattr(rarity, "LEAST_VIEWS", 100)
    monkeypatch.setattr(rarity, "RANKS", (7, 10))
    vectors = np.repeat(unit(100, 32, 3), 8, axis=0)
    numbers = np.repeat(np.arange(400), 2)
    ids = numbers << VIEW_BITS | np.tile([0, 1], 400)
    store = create_store("exact", 32)
    store.add(ids, vectors)
    (similarity, _), *_ = measure_rarity(store, ids)
    assert similarity < 0.9


def test_few_views_tell_nothing() -> None:
    store = create_store("exact", 8)
    ids = np.arange(50, dtype=np.int64) << VIEW_BITS
    store.add(ids, unit(50, 8, 0))
    assert measure_rarity(store, ids) == ()


@given(st.lists(st.tuples(st.floats(-0.5, 1), st.floats(1e-7, 1)), max_size=12))
def test_whatever_is_measured_makes_a_calibration(points: list[tuple[float, float]]) -> None:
    Calibration(global_=with_ends(rarity_curve(points)))
