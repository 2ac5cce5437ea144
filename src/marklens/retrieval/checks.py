"""What every vector store asks of the arrays it is given."""

from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.types import Ids, Vectors


def checked_vectors(vectors: npt.NDArray[Any], dims: int) -> Vectors:
    """Bring vectors to contiguous float32 (n, dims).

    Raises:
        ValueError: another shape, or a number that is not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dims:
        raise ValueError(f"vectors of shape {vectors.shape}, expected (n, {dims})")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    return np.ascontiguousarray(vectors, np.float32)


def checked_new_ids(ids: npt.NDArray[Any], count: int, known: Ids) -> Ids:
    """Bring ids to contiguous int64 (count,).

    Args:
        ids: the ids of vectors to add, not negative.
        count: how many vectors come with them.
        known: int64 (n,), ids that are taken.

    Raises:
        ValueError: another shape, a negative id, or an id that is there already.
    """
    if ids.shape != (count,):
        raise ValueError(f"ids of shape {ids.shape} for {count} vectors")
    if not np.issubdtype(ids.dtype, np.integer) or (count and ids.min() < 0):
        raise ValueError("view ids must be integers that are not negative")
    new = np.ascontiguousarray(ids, np.int64)
    if len(np.unique(new)) < count:
        raise ValueError("a view id comes twice")
    overlapping = count and len(known) and new.min() <= known.max()  # ids mostly rise: skip the search
    if overlapping and np.isin(new, known).any():
        raise ValueError("a view id is in the store already")
    return new
