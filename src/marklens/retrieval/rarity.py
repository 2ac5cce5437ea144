"""How rare a similarity is among unrelated marks: what makes a score mean the same in every index.

A reduction fitted on other marks gives other cosines. So an index remembers how alike unrelated views of it
are: what its typical view finds in the 5th place of n is as alike as one unrelated view in n/5 is. On the
scale of the scores each eighth is ten times rarer, as far as that can be measured: up to about 0.5, one in
10,000. Above it relatives begin; a straight line leads to 1, the same again.
"""

import numpy as np

from marklens.core.ports import VectorStore
from marklens.core.sampling import evenly
from marklens.core.types import VIEW_BITS, Ids

Rarity = tuple[tuple[float, float], ...]
"""Points (similarity, score), both rising, without the ends (0, 0) and (1, 1)."""
RANKS = (5, 10, 20, 50, 100, 200, 500, 1000)
"""Places that are looked at; before the 5th stand relatives."""
SAMPLE = 300
"""Views that are asked for."""
LEAST_VIEWS = 5000
"""Of an index: with fewer, the 1000th place tells nothing of unrelated marks."""
TENFOLD = 1 / 8
"""Of the scale, for similarities that are ten times rarer."""


def measure_rarity(store: VectorStore, ids: Ids) -> Rarity:
    """Ask for some of its views and see how alike the others are, exactly.

    Args:
        store: holds all views.
        ids: int64 (views,), those it holds.

    Returns:
        nothing for a store of fewer than `LEAST_VIEWS` views.
    """
    if len(ids) < LEAST_VIEWS:
        return ()
    asked = ids[evenly(SAMPLE, len(ids))]
    similarities, found = store.search(store.vectors(asked), max(RANKS) + (1 << VIEW_BITS), exact=True)
    others = (found >> VIEW_BITS) != (asked >> VIEW_BITS)[:, None]
    rows = np.stack([row[other][: max(RANKS)] for row, other in zip(similarities, others, strict=True)])
    typical = np.median(rows, axis=0)
    return rarity_curve([(float(typical[rank - 1]), rank / len(ids)) for rank in RANKS])


def rarity_curve(points: list[tuple[float, float]]) -> Rarity:
    """Similarities with the share (0..1) of unrelated views that are at least as alike, as a rising curve."""
    curve: list[tuple[float, float]] = []
    for similarity, share in sorted(points, key=lambda point: -point[1]):
        point = round(similarity, 5), round(-TENFOLD * float(np.log10(share)), 5)
        if point[0] > (curve[-1][0] if curve else 0) and point[0] < 1 and 0 < point[1] < 1:
            curve.append(point)
    return tuple(curve)
