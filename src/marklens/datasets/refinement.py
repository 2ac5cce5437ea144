"""Even out a split of labelled items by moving single ones.

Iterative stratification looks at one label at a time. Where most items bear several frequent labels, the last
labels find few items left and come out hardly better than by chance; and labels borne once all go to the
largest part. So items are moved while that lowers Σ (marks - marks wanted)² / marks of the label, over labels
and parts. Moving items of a given split towards the wanted shares is the way of Merrillees and Du, Stratified
Sampling for Extreme Multi-label Data, PAKDD 2021; the measure and the order of the moves are ours.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

STEADY_FROM = 100
"""Labels on fewer marks weigh as if they were on so many: one mark of them is much of their share, and they
would keep the parts from their sizes."""
ROUNDS = 30
"""At most; few moves are left after the first ones."""
_LEAST_GAIN = 1e-9
"""More than rounding amounts to, or moves could go round in a circle."""

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Parts = npt.NDArray[np.int8]


def refine(counts: sparse.csr_array, sizes: Numbers, shares: Sequence[float], parts: Parts) -> Parts:
    """Move items while that brings labels, and the sizes of the parts, closer to the wanted shares.

    Args:
        counts: how often each item bears each label, sparse int64 (items, labels).
        sizes: int64 (items,), marks in each item.
        shares: of the parts, summing to 1.
        parts: int8 (items,), the part of each item so far; it is not changed.

    Returns:
        int8 (items,), the part of each item; the same arguments give the same parts.
    """
    every = sparse.csr_array(sizes[:, None])  # that an item is there at all is one label more
    held = sparse.csr_array(sparse.hstack([counts, every], format="csr"))
    totals = held.sum(axis=0)
    weighed = held.data / np.maximum(totals, STEADY_FROM)[held.indices]
    pull = sparse.csr_array((weighed, held.indices, held.indptr), held.shape)  # `_move` reads both in step
    result = parts.copy()
    for _ in range(ROUNDS):
        rows = (result, np.arange(len(result)))
        members = sparse.csr_array((np.ones(len(result), np.int64), rows), (len(shares), len(result)))
        surplus = (members @ held).toarray() - np.outer(shares, totals)
        if not _move(held, pull, surplus, result):
            break
    return result


def _move(held: sparse.csr_array, pull: sparse.csr_array, surplus: Values, parts: Parts) -> int:
    """Move every item that is better off elsewhere, the most urgent first; say how many moved.

    An item with c marks of a label changes the label's measure by 2·c·(surplus there - surplus here + c) /
    marks when it moves; `pull` is c / marks. Surpluses and parts change with every move.
    """
    items = np.arange(len(parts))
    own = np.asarray(held.multiply(pull).sum(axis=1)).ravel()
    pressed = pull @ surplus.T
    change = pressed - pressed[items, parts][:, None] + own[:, None]
    change[items, parts] = 0
    least = change.min(axis=1)
    urgent = np.flatnonzero(least < -_LEAST_GAIN)
    moved = 0
    for item in urgent[np.argsort(least[urgent], kind="stable")].tolist():
        place, here = slice(held.indptr[item], held.indptr[item + 1]), parts[item]
        labels, marks = held.indices[place], held.data[place]
        pressures = surplus[:, labels] @ pull.data[place]
        changes = pressures - pressures[here] + own[item]
        changes[here] = 0
        there = int(changes.argmin())
        if changes[there] < -_LEAST_GAIN:
            surplus[here, labels] -= marks
            surplus[there, labels] += marks
            parts[item] = there
            moved += 1
    return moved
