"""From similar views to similar marks."""

import numpy as np

from marklens.core.types import KIND_MASK, VIEW_BITS, Candidate, Ids, Vectors, ViewKind

_KINDS = {int(kind): kind for kind in ViewKind}


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
    columns = numbers[chosen], flat[chosen], rows[chosen], ids.ravel()[chosen] & KIND_MASK
    return [
        Candidate(number, score, (kinds[row], _KINDS[kind]))
        for number, score, row, kind in zip(*(column.tolist() for column in columns), strict=True)
    ]
