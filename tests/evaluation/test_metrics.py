"""Every metric with its arithmetic written out, its bounds, and a slow twin for the ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.evaluation.metrics import (
    average_precision,
    first_is_relevant,
    normalised_average_rank,
    precision_at,
    recall_at,
    relevant_ranks,
    with_missing,
)


def ranks_of(scores: list[float], relevant: list[int]) -> list[int]:
    found = relevant_ranks(np.array(scores, float), np.array(relevant, bool))
    return found.tolist()


def naive_ranks(scores: list[float], relevant: list[bool]) -> list[int]:
    """The slow twin: sort by score, in a tie the irrelevant first."""
    worst = sorted(zip(scores, relevant, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return [place for place, (_, good) in enumerate(worst, start=1) if good]


def test_ranks_without_ties_are_the_places() -> None:
    assert ranks_of([0.9, 0.8, 0.7, 0.6], [1, 0, 0, 1]) == [1, 4]


def test_a_tie_gives_its_worst_rank() -> None:
    assert ranks_of([0.9, 0.5, 0.5, 0.5, 0.1], [0, 1, 0, 0, 0]) == [4]


def test_two_relevant_marks_take_the_two_worst_ranks_of_their_tie() -> None:
    assert ranks_of([0.5, 0.5, 0.5, 0.1], [1, 1, 0, 0]) == [2, 3]


def test_relevant_marks_that_tie_among_themselves_lose_nothing() -> None:
    assert ranks_of([0.5, 0.5, 0.1], [1, 1, 0]) == [1, 2]


def test_an_empty_ranking_finds_nothing() -> None:
    assert ranks_of([], []) == []


def test_missing_marks_rank_last() -> None:
    assert with_missing(np.array([2]), relevant=3, ranked=10).tolist() == [2, 9, 10]


def test_average_precision_by_hand() -> None:
    # relevant at 1, 3 and 6: (1/1 + 2/3 + 3/6) / 3 = (1 + 0.6667 + 0.5) / 3 = 0.7222
    assert average_precision(np.array([1, 3, 6]), 3) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)


def test_average_precision_stops_at_its_depth_and_still_divides_by_all_relevant() -> None:
    # ranks 1 and 101 of 4 relevant: only rank 1 counts, 1/1 / 4
    assert average_precision(np.array([1, 101]), 4, 100) == 0.25
    assert average_precision(np.array([1, 100]), 4, 100) == pytest.approx((1 + 2 / 100) / 4)


def test_normalised_average_rank_by_hand() -> None:
    # ranks 1, 3, 6 of 100 marks: (10 − 3·4/2) / (100·3) = 4 / 300
    assert normalised_average_rank(np.array([1, 3, 6]), 100) == pytest.approx(4 / 300)
    assert normalised_average_rank(np.array([1, 2, 3]), 100) == 0
    # the worst: ranks 98, 99, 100: (297 − 6) / 300 = 0.97
    assert normalised_average_rank(np.array([98, 99, 100]), 100) == pytest.approx(0.97)


def test_recall_and_precision_by_hand() -> None:
    ranks = np.array([1, 3, 11])
    assert first_is_relevant(ranks) == 1
    assert first_is_relevant(np.array([2])) == 0
    assert recall_at(ranks, 4, 10) == 2 / 4
    assert recall_at(ranks, 4, 100) == 3 / 4
    assert precision_at(ranks, 10) == 2 / 10


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    """Scores with many ties, best first, and which places are relevant."""
    scores = draw(st.lists(st.integers(0, 6).map(float), min_size=1, max_size=40))
    relevant = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    return sorted(scores, reverse=True), relevant


@given(judged())
def test_ranks_agree_with_the_slow_twin(case: tuple[list[float], list[bool]]) -> None:
    scores, relevant = case
    assert ranks_of(scores, relevant) == naive_ranks(scores, relevant)


@given(judged(), st.randoms(use_true_random=False))
def test_the_order_within_a_tie_does_not_matter(case: tuple[list[float], list[bool]], random) -> None:
    pairs = list(zip(*case, strict=True))
    random.shuffle(pairs)
    pairs.sort(key=lambda pair: -pair[0])
    shuffled = ranks_of([score for score, _ in pairs], [good for _, good in pairs])
    assert shuffled == ranks_of(*case)


found_ranks = st.sets(st.integers(1, 150), min_size=1).map(lambda ranks: np.array(sorted(ranks)))


@given(found_ranks, st.integers(0, 5))
def test_every_metric_stays_within_its_bounds(ranks: np.ndarray, missing: int) -> None:
    relevant = len(ranks) + missing
    complete = with_missing(ranks, relevant, 200)
    values = [
        average_precision(ranks, relevant),
        normalised_average_rank(complete, 200),
        recall_at(ranks, relevant, 10),
        precision_at(ranks, 10),
        first_is_relevant(ranks),
    ]
    assert all(0 <= value <= 1 for value in values)


@given(st.integers(1, 100), st.integers(0, 200))
def test_a_perfect_ranking_is_perfect_and_the_worst_is_worst(relevant: int, others: int) -> None:
    gallery = relevant + others
    best, worst = np.arange(1, relevant + 1), np.arange(others + 1, gallery + 1)
    assert average_precision(best, relevant) == pytest.approx(1)
    assert recall_at(best, relevant, 100) == 1
    assert normalised_average_rank(best, gallery) == 0
    assert normalised_average_rank(worst, gallery) == pytest.approx(others / gallery)
