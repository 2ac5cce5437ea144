"""Patches that match both ways and moved alike, against a twin of plain loops."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.local_views import draw_views

from marklens.core.types import LocalViews
from marklens.reranking.spatial_matcher import NEARNESS, match_patches, spatial_similarities


def views(*patches: dict[int, tuple[int, ...]]) -> LocalViews:
    """Views by place and patch vector."""
    inks = np.zeros((len(patches), 49), np.bool_)
    for row, places in enumerate(patches):
        inks[row, list(places)] = True
    rows = [view[place] for view in patches for place in sorted(view)]
    return LocalViews(np.array(rows, np.int8), inks, np.zeros((len(patches), 64), np.uint8))


def twin(query: LocalViews, mark: LocalViews) -> float:
    """The similarity of two single views, as the docstring says it."""
    ours, theirs = np.flatnonzero(query.inks[0]), np.flatnonzero(mark.inks[0])
    if not len(ours) or not len(theirs):
        return float("nan")
    table = {}
    for i, (place, a) in enumerate(zip(ours, query.patches.astype(float), strict=True)):
        for j, (other, b) in enumerate(zip(theirs, mark.patches.astype(float), strict=True)):
            steps = (place // 7 - other // 7) ** 2 + (place % 7 - other % 7) ** 2
            table[i, j] = a @ b / max(sqrt(a @ a) * sqrt(b @ b), 1e-12) - NEARNESS * steps
    votes: dict[tuple[int, int], float] = {}
    for (i, j), value in table.items():
        mutual = value >= max(table[i, k] for k in range(len(theirs))) and value >= max(
            table[k, j] for k in range(len(ours))
        )
        if mutual and value > 0:
            moved = (theirs[j] // 7 - ours[i] // 7, theirs[j] % 7 - ours[i] % 7)
            votes[moved] = votes.get(moved, 0) + sqrt(min(value, 1))
    sums = [
        sum(votes.get((down + y, right + x), 0) for y in (-1, 0, 1) for x in (-1, 0, 1))
        for down in range(-6, 7)
        for right in range(-6, 7)
    ]
    return min(1, max(sums) / sqrt(len(ours) * len(theirs)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ours=st.integers(1, 3), theirs=st.integers(0, 3))
def test_it_agrees_with_the_twin(seed: int, ours: int, theirs: int) -> None:
    query, marks = draw_views(seed, ours), draw_views(seed + 1, theirs)
    expected = [
        [twin(query.view(row), marks.view(column)) for column in range(theirs)] for row in range(ours)
    ]
    found = spatial_similarities(query, marks)
    assert found.shape == (ours, theirs)
    np.testing.assert_allclose(found, np.array(expected).reshape(ours, theirs), atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_shares_of_the_patches_sum_up_to_the_similarity(seed: int) -> None:
    query, mark = draw_views(seed, 1), draw_views(seed + 1, 1)
    matches, similarity = match_patches(query, mark), spatial_similarities(query, mark)[0, 0]
    assert min(1, matches.shares.sum()) == pytest.approx(np.nan_to_num(similarity), abs=1e-5)
    assert query.inks[0, matches.query].all()
    assert mark.inks[0, matches.mark].all()
    assert len(set(matches.query.tolist())) == len(matches.query)  # each patch counts once


def test_by_hand() -> None:
    # two patches each; (3, 4)/5 and (1, 0) have the cosine 0.6, both moved one to the right
    query = views({10: (100, 0, 0), 19: (0, 0, 100)})
    mark = views({11: (60, 80, 0), 20: (0, 0, 50)})
    expected = (sqrt(0.6 - NEARNESS) + sqrt(1 - NEARNESS)) / 2
    assert spatial_similarities(query, mark)[0, 0] == pytest.approx(expected, abs=1e-6)
    matches = match_patches(query, mark)
    assert (matches.query.tolist(), matches.mark.tolist()) == ([10, 19], [11, 20])
    assert matches.similarities.tolist() == pytest.approx([0.6, 1], abs=1e-4)


def test_matches_that_moved_elsewhere_do_not_count() -> None:
    query = views({0: (1, 0, 0), 1: (0, 1, 0), 2: (0, 0, 1)})
    moved = views({24: (1, 0, 0), 25: (0, 1, 0), 6: (0, 0, 1)})  # two go 3 down and 3 right, one 4 right
    assert spatial_similarities(query, moved)[0, 0] == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.parametrize("same", [False, True])
def test_a_view_is_wholly_like_itself(same: bool) -> None:
    view = draw_views(3, 1, empty=False)
    if same:  # a flat patch everywhere: each finds itself, not its like
        view = LocalViews(np.tile(view.patches[:1], (len(view.patches), 1)), view.inks, view.colors)
    assert spatial_similarities(view, view)[0, 0] == pytest.approx(1, abs=1e-6)


def test_views_without_ink_cannot_be_compared() -> None:
    empty = LocalViews(np.empty((0, 6), np.int8), np.zeros((2, 49), np.bool_), np.zeros((2, 64), np.uint8))
    assert np.isnan(spatial_similarities(empty, draw_views(1, 3))).all()
    assert np.isnan(spatial_similarities(draw_views(1, 3), empty)).all()
    assert len(match_patches(empty.view(0), draw_views(1, 1, empty=False)).shares) == 0
