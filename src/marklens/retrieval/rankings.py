"""Rankings of several queries side by side: similarities (q, k) with view ids (q, k), best first."""

import numpy as np

from marklens.core.types import Ids, Vectors
from marklens.retrieval.exact_search import best_first


def padding(queries: int, k: int) -> tuple[Vectors, Ids]:
    """Nothing found: -inf and -1, each (q, k)."""
    return np.full((queries, k), -np.inf, np.float32), np.full((queries, k), -1, np.int64)


def padded(best: tuple[Vectors, Ids], k: int) -> tuple[Vectors, Ids]:
    """A ranking of at most k places, filled up to k."""
    similarities, found = padding(len(best[0]), k)
    similarities[:, : best[0].shape[1]], found[:, : best[1].shape[1]] = best
    return similarities, found


def merged(best: tuple[Vectors, Ids], more: tuple[Vectors, Ids], k: int) -> tuple[Vectors, Ids]:
    """The k best of two rankings."""
    similarities = np.concatenate([best[0], more[0]], axis=1)
    ids = np.concatenate([best[1], more[1]], axis=1)
    order = best_first(similarities, min(k, similarities.shape[1]))
    return np.take_along_axis(similarities, order, axis=1), np.take_along_axis(ids, order, axis=1)
