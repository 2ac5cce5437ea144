"""Split labelled items so that every label is shared out alike: iterative stratification.

Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-label Data, ECML PKDD 2011, algorithm 1. The
rarest label is shared out first, each of its items going where that label is wanted most. Items here may be
clusters of marks that must stay together, so they count as many times as they hold marks, and of one label
the largest go first.
"""

import heapq
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Counts: TypeAlias = sparse.csr_array
"""(items, labels), int64: how many marks of an item bear a label."""


def stratify(
    counts: Counts, sizes: npt.NDArray[np.int64], shares: Sequence[float], seed: int
) -> npt.NDArray[np.int8]:
    """Give every item a part.

    Args:
        counts: how often each item bears each label, sparse (items, labels).
        sizes: int64 (items,), marks in each item.
        shares: of the parts, summing to 1.
        seed: of the order in which items of one size are taken; the same seed gives the same parts.

    Returns:
        int8 (items,), the number of each item's part.
    """
    items = counts.shape[0]
    order = np.random.default_rng(seed).permutation(items)
    order = order[np.argsort(-sizes[order], kind="stable")]  # large ones first: small ones even them out
    taken = counts[order]
    by_label = taken.tocsc()
    indptr, indices, data = (part.tolist() for part in (taken.indptr, taken.indices, taken.data))
    size_of, parts = sizes[order].tolist(), range(len(shares))
    wanted = [[share * total for share in shares] for total in by_label.sum(axis=0).tolist()]
    wanted_marks = [share * float(sizes.sum()) for share in shares]
    remaining = np.diff(by_label.indptr).tolist()
    part_of = [-1] * items

    def give(item: int, first: list[float]) -> None:
        part = max(parts, key=lambda part: (first[part], wanted_marks[part]))
        part_of[item] = part
        wanted_marks[part] -= size_of[item]
        for place in range(indptr[item], indptr[item + 1]):
            label = indices[place]
            wanted[label][part] -= data[place]
            remaining[label] -= 1

    rarest = [(count, label) for label, count in enumerate(remaining) if count]
    heapq.heapify(rarest)
    while rarest:
        count, label = heapq.heappop(rarest)
        if remaining[label] != count:
            if remaining[label]:
                heapq.heappush(rarest, (remaining[label], label))
            continue
        for item in by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]].tolist():
            if part_of[item] < 0:
                give(item, wanted[label])
    for item in range(items):
        if part_of[item] < 0:
            give(item, wanted_marks)
    result = np.empty(items, np.int8)
    result[order] = part_of
    return result
