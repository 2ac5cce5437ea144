"""From similar views to similar marks."""

import numpy as np

from marklens.core.types import KIND_MASK, VIEW_BITS, Candidate, Ids, Vectors, ViewKind


def best_pairs(scores: Vectors, ids: Ids, kinds: tuple[ViewKind, ...]) -> list[Candidate]:
    """Merge the answers to a query's views: every mark once, with its best pair of views.

    Args:
        scores: float32 (views, k), -inf where nothing was found.
        ids: int64 (views, k), view ids.
        kinds: which views of the query the rows are.

    Returns:
        candidates by falling score; equal scores stand in the order of their numbers.
    """
    rows = np.repeat(np.arange(len(scores)), scores.shape[1])
    flat, numbers = scores.ravel(), ids.ravel() >> VIEW_BITS
    found = np.flatnonzero(np.isfinite(flat))
    order = found[np.lexsort((numbers[found], -flat[found]))]
    _, first = np.unique(numbers[order], return_index=True)
    chosen = order[np.sort(first)]
    return [
        Candidate(int(numbers[place]), float(flat[place]), (kinds[rows[place]], ViewKind(int(kind))))
        for place, kind in zip(chosen, ids.ravel()[chosen] & KIND_MASK, strict=True)
    ]
