"""Groups of looks that lie close together, found without comparing every pair."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

BLOCKS = 6
"""Pieces a hash is cut into. With at most 4 wrong bits at least 2 of the 6 pieces are whole, so that every
near pair agrees in one of the 15 choices of 2 pieces, 21 bits, and only hashes that agree there are compared.
Source: Manku, Jain and Das Sarma, Detecting Near-Duplicates for Web Crawling, WWW 2007, section 3."""
INTACT = 2
MAX_DISTANCE = BLOCKS - INTACT
"""Bits; the largest distance for which the search is complete."""
PAIRS_HELD = 2_000_000
"""Near pairs in memory before they are folded into groups: 32 MB."""

_ONES = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


def group_near(coarse: Hashes, fine: Hashes, distance: int, fine_distance: int) -> Numbers:
    """Label looks so that two near ones, also by way of others, share a label.

    Two looks are near when the coarse hashes differ in at most `distance` bits and the fine ones in at most
    `fine_distance`. Exact: no near pair is missed. Memory stays near 100 bytes a look, whatever the number
    of pairs.

    Args:
        coarse: uint64 (n,).
        fine: uint64 (n, words).
        distance: bits, 0..`MAX_DISTANCE`.
        fine_distance: bits.

    Returns:
        int64 (n,): the smallest number of a member of the look's group.
    """
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"distance is 0 to {MAX_DISTANCE} bits, not {distance}")
    labels = np.arange(len(coarse))
    for mask in _masks():
        held: list[Numbers] = []
        for pairs in _near_pairs(coarse, mask, distance):
            differing = _differing_bits(fine[pairs[:, 0]], fine[pairs[:, 1]])
            held.append(pairs[differing <= fine_distance])
            if sum(map(len, held)) > PAIRS_HELD:
                labels, held = _merged(labels, held), []
        labels = _merged(labels, held)
    return labels


def _masks() -> Iterator[np.uint64]:
    """The bits of every choice of `INTACT` pieces."""
    borders = [round(64 * place / BLOCKS) for place in range(BLOCKS + 1)]
    pieces = [(1 << end) - (1 << start) for start, end in pairwise(borders)]
    for chosen in combinations(pieces, INTACT):
        yield np.uint64(sum(chosen))


def _near_pairs(hashes: Hashes, mask: np.uint64, distance: int) -> Iterator[Numbers]:
    """Pairs (m, 2) of numbers of hashes that agree under the mask and lie near.

    Hashes are sorted by their masked bits; each is compared with the next, the one after, and so on, as long
    as anybody's masked bits are still the same.
    """
    keys = hashes & mask
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], hashes[order]
    first = np.arange(len(hashes) - 1)
    step = 1
    while len(first):
        first = first[keys[first] == keys[first + step]]
        near = first[_differing_bits(values[first], values[first + step]) <= distance]
        if len(near):
            yield np.stack([order[near], order[near + step]], axis=1)
        step += 1
        first = first[first + step < len(hashes)]


def _differing_bits(left: Hashes, right: Hashes) -> npt.NDArray[np.int64]:
    """Hamming distance of hashes (m,) or (m, words), pair by pair."""
    differing = np.atleast_2d((left ^ right).T).T
    words = np.ascontiguousarray(differing).view(np.uint16)
    return np.asarray(_ONES[words].sum(axis=1, dtype=np.int64))


def _merged(labels: Numbers, held: list[Numbers]) -> Numbers:
    """Labels after joining the groups of all pairs; the smallest number of a group becomes its label."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not held:
        return labels
    count = len(labels)
    edges = np.concatenate([*held, np.stack([np.arange(count), labels], axis=1)])
    graph = coo_array((np.ones(len(edges), np.uint8), (edges[:, 0], edges[:, 1])), (count, count))
    _, components = connected_components(graph, directed=False)
    smallest = np.full(count, count)
    np.minimum.at(smallest, components, np.arange(count))
    return np.asarray(smallest[components], np.int64)
