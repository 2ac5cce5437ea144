"""Merging the answers of a query's views, by hand."""

import numpy as np

from marklens.core.types import Candidate, ViewKind
from marklens.engine import best_pairs

FULL, FIGURATIVE = ViewKind.FULL, ViewKind.FIGURATIVE


def test_every_mark_stands_once_with_its_best_pair() -> None:
    # mark 5 answers the full view by its figurative view (5·8+1) and the figurative one by its full view
    scores = np.array([[0.9, 0.5], [0.95, 0.7]], np.float32)
    ids = np.array([[41, 16], [40, 17]])
    assert best_pairs(scores, ids, (FULL, FIGURATIVE)) == [
        Candidate(5, np.float32(0.95), (FIGURATIVE, FULL)),
        Candidate(2, np.float32(0.7), (FIGURATIVE, FIGURATIVE)),
    ]


def test_places_that_were_not_filled_are_left_out() -> None:
    scores = np.array([[0.5, -np.inf]], np.float32)
    assert [found.number for found in best_pairs(scores, np.array([[8, -1]]), (FULL,))] == [1]
    assert best_pairs(np.empty((1, 0), np.float32), np.empty((1, 0), np.int64), (FULL,)) == []


def test_equal_scores_stand_in_the_order_of_their_numbers() -> None:
    scores = np.array([[0.5, 0.5, 0.5]], np.float32)
    assert [found.number for found in best_pairs(scores, np.array([[72, 8, 40]]), (FULL,))] == [1, 5, 9]
