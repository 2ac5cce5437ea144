"""Ranks of benchmarks that search without an index: ties count against the relevant marks."""

import numpy as np
from benchmarks.brand_ranks import best_of_marks, mean_measures, ranks_of


def test_ties_count_against_the_relevant() -> None:
    scores = np.array([0.5, 0.9, 0.5, -np.inf, 0.5], np.float32)
    assert ranks_of(scores, [1]).tolist() == [1]
    assert ranks_of(scores, [0]).tolist() == [4]
    assert ranks_of(scores, [0, 2]).tolist() == [3, 4]


def test_a_mark_is_as_alike_as_its_best_pair_of_views() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    own = np.array([[0, 1], [1, 0]], np.float32)
    assert best_of_marks(own, vectors, np.array([0, 2])).tolist() == [1, np.float32(0.8)]


def test_means() -> None:
    measures = mean_measures([(np.array([1]), 1), (np.array([2]), 1)])
    assert measures == {"mAP@100": 0.75, "Recall@1": 0.5, "Recall@10": 1.0, "Recall@100": 1.0}
