"""How alike two views are patch by patch: as much as both agree on, in one arrangement.

Patches of two views match if each is the other's best match. Matches that moved alike vote for the same
place in the table of displacements; its fullest 3×3 cells are what the views have in common. Only patches
that hold ink take part: empty ones match each other perfectly. docs/benchmarks.md has the ways that lost.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from marklens.core.types import PATCH_GRID, Bools, Ids, LocalViews, Patches, PatchMatches, Vectors

CELLS = 2 * PATCH_GRID - 1
"""Displacements along each axis, -6..6."""
NEARNESS = 1e-5
"""Taken off a cosine for each squared step between the patches: of equal ones the nearer match."""


@dataclass(frozen=True, slots=True)
class _Matches:
    """Mutual matches: rows of the query's and of the marks' patches, cosines 0..1, and displacement cells.

    Attributes:
        query, mark: int64 (n,).
        cosines: float32 (n,).
        down, right: int64 (n,), 0..CELLS-1; the middle is no displacement.
    """

    query: Ids
    mark: Ids
    cosines: Vectors
    down: Ids
    right: Ids

    @property
    def strengths(self) -> Vectors:
        """What each counts: the root lets many fair matches outweigh a few perfect ones."""
        return np.sqrt(self.cosines)

    def of(self, chosen: Bools) -> "_Matches":
        """Some of them."""
        return _Matches(
            self.query[chosen], self.mark[chosen], self.cosines[chosen], self.down[chosen], self.right[chosen]
        )


def spatial_similarities(query: LocalViews, marks: LocalViews) -> Vectors:
    """Compare every view of a query with every view of some marks.

    The similarity is the sum of the roots of the cosines of those mutual matches that moved alike, divided by
    the geometric mean of the numbers of patches. One matrix product for each view of the query does the most
    of it.

    Args:
        query: q views.
        marks: n views, of the same dims.

    Returns:
        float32 (q, n), 0..1, 1 for the same patches; NaN where either view has none.
    """
    found = np.full((len(query), len(marks)), np.nan, np.float32)
    counts = marks.counts
    held = np.flatnonzero(counts)
    if not len(held):
        return found
    vectors, (owners, places) = unit(marks.patches), np.nonzero(marks.inks[held])
    for row in np.flatnonzero(query.counts).tolist():
        own = query.view(row)
        matches = _mutual(unit(own.patches), np.flatnonzero(own.inks[0]), vectors, places, owners)
        sums = _voted(matches, owners[matches.mark], len(held)).max(axis=(1, 2))
        found[row, held] = np.minimum(sums / np.sqrt(len(own.patches) * counts[held]), 1)
    return found


def match_patches(query: LocalViews, mark: LocalViews) -> PatchMatches:
    """Which patches made the similarity of two views, exactly.

    Args:
        query: one view.
        mark: one view.
    """
    (ours,), (theirs,) = np.nonzero(query.inks[0]), np.nonzero(mark.inks[0])
    if not len(ours) or not len(theirs):
        nothing, zero = np.empty(0, np.int64), np.empty(0, np.float32)
        return PatchMatches(nothing, nothing, zero, zero)
    one = np.zeros(len(theirs), np.int64)
    matches = _mutual(unit(query.patches), ours, unit(mark.patches), theirs, one)
    votes = _voted(matches, one[matches.mark], 1)[0]
    down, right = np.unravel_index(votes.argmax(), votes.shape)
    counted = matches.of((abs(matches.down - down) <= 1) & (abs(matches.right - right) <= 1))
    shares = counted.strengths / np.sqrt(len(ours) * len(theirs))
    return PatchMatches(ours[counted.query], theirs[counted.mark], counted.cosines, shares.astype(np.float32))


def unit(patches: Patches) -> Vectors:
    """The directions of packed patch vectors (n, dims), float32, unit length."""
    vectors = patches.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.maximum(lengths, 1e-12)[:, None]
    return vectors


def _mutual(own: Vectors, own_places: Ids, vectors: Vectors, places: Ids, owners: Ids) -> _Matches:
    """Match the patches of one view with those of each of many views.

    Args:
        own: float32 (q, dims), unit length.
        own_places: int64 (q,), 0..48.
        vectors: float32 (p, dims), unit length, of the other views.
        places: int64 (p,), of these.
        owners: int64 (p,), the view of each, rising from 0 without a gap.
    """
    products = vectors @ own.T
    products -= _distances()[:, own_places][places]
    everyone, starts = np.arange(len(vectors)), np.flatnonzero(np.diff(owners, prepend=-1))
    ours_best = products.argmax(axis=1)
    cosines = products[everyone, ours_best]
    theirs_best = np.maximum.reduceat(products, starts, axis=0)
    columns = np.flatnonzero((cosines == theirs_best[owners, ours_best]) & (cosines > 0))
    rows = ours_best[columns]
    ours, theirs = own_places[rows], places[columns]
    return _Matches(
        rows,
        columns,
        np.minimum(cosines[columns], 1),
        theirs // PATCH_GRID - ours // PATCH_GRID + PATCH_GRID - 1,
        theirs % PATCH_GRID - ours % PATCH_GRID + PATCH_GRID - 1,
    )


@cache
def _distances() -> Vectors:
    """What is taken off the cosine of each pair of places, float32 (PATCH_GRID², PATCH_GRID²)."""
    down, right = np.divmod(np.arange(PATCH_GRID**2), PATCH_GRID)
    squared = (down[:, None] - down) ** 2 + (right[:, None] - right) ** 2
    return np.asarray(NEARNESS * squared, np.float32)


def _voted(matches: _Matches, owners: Ids, views: int) -> npt.NDArray[np.float64]:
    """The strengths of the matches of each view around each displacement, (views, CELLS, CELLS)."""
    side = CELLS + 2
    cells = (owners * side + matches.down + 1) * side + matches.right + 1
    votes = np.bincount(cells, matches.strengths, views * side**2).reshape(views, side, side)
    rows = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    return np.asarray(rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:])
