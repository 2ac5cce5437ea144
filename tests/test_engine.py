"""Merging the answers of a query's views, by hand."""

from pathlib import Path

import numpy as np

from marklens.assembly import open_engine
from marklens.core.images import read_picture
from marklens.core.types import Candidate, Filter, ViewKind
from marklens.engine import best_pairs
from marklens.settings import load_settings

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


def test_a_picture_asked_for_again_costs_no_network(index: Path, marks: Path) -> None:
    engine = open_engine(index, load_settings(search={"cache_mb": 8}))
    picture = read_picture(marks / "mark0003.png")
    first, again = engine.search(picture), engine.search(picture, top=3, wanted=Filter())
    assert first.timings_ms["embed"] > 0 and again.timings_ms["embed"] == 0
    assert [hit.mark.id for hit in again.hits] == [hit.mark.id for hit in first.hits[:3]]
    assert [hit.score for hit in again.hits] == [hit.score for hit in first.hits[:3]]
    other = engine.search(picture[:, ::-1])
    assert other.timings_ms["embed"] > 0
    forgetful = open_engine(index, load_settings(search={"cache_mb": 0}))
    assert all(forgetful.search(picture).timings_ms["embed"] > 0 for _ in range(2))
