"""Exact search by matrix products: over all vectors, or over the allowed ones only."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors

QUERY_BLOCK = 16
"""Queries at a time: their similarities to a million vectors take 64 MB."""
ROW_BLOCK = 16384
"""Vectors gathered at a time: 32 MB of 512-dimensional ones, instead of a copy of the store."""

Rows = npt.NDArray[np.intp]
Reader = Callable[[slice | Rows], Vectors]
"""Gives some of the vectors of a store, float32, where they are kept in another form."""


def allowed_rows(ids: Ids, allowed: Bools) -> Rows:
    """The positions (m,) in `ids` whose mark may be returned; numbers past the end of `allowed` may not."""
    numbers = ids >> VIEW_BITS
    inside = np.minimum(numbers, len(allowed) - 1)
    return (
        np.flatnonzero(allowed[inside] & (numbers < len(allowed))) if len(allowed) else np.empty(0, np.intp)
    )


def search_rows(
    vectors: Vectors | Reader, ids: Ids, queries: Vectors, k: int, rows: Rows | None = None
) -> tuple[Vectors, Ids]:
    """Rank the vectors exactly; equal similarities stand in the order of their rows.

    Args:
        vectors: float32 (n, dims), or what gives them.
        ids: int64 (n,).
        queries: float32 (q, dims).
        k: how many to return for each query.
        rows: positions (m,) to look at, rising; None looks at all.

    Returns:
        similarities float32 (q, k), best first, and ids int64 (q, k), padded with -inf and -1.
    """
    count = len(ids) if rows is None else len(rows)
    similarities = np.full((len(queries), k), -np.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    best = min(k, count)
    if not best:
        return similarities, found
    for start in range(0, len(queries), QUERY_BLOCK):
        block = slice(start, start + QUERY_BLOCK)
        products = _products(vectors, queries[block], rows, count)
        order = best_first(products, best)
        similarities[block, :best] = np.take_along_axis(products, order, axis=1)
        found[block, :best] = ids[order if rows is None else rows[order]]
    return similarities, found


def _products(vectors: Vectors | Reader, queries: Vectors, rows: Rows | None, count: int) -> Vectors:
    """Inner products float32 (q, count) of the queries with the rows."""
    if not isinstance(vectors, np.ndarray):
        return _read_products(vectors, queries, rows, count)
    if rows is None:
        return queries @ vectors.T
    products = np.empty((len(queries), count), np.float32)
    gathered = np.empty((min(count, ROW_BLOCK), vectors.shape[1]), np.float32)
    for start in range(0, count, ROW_BLOCK):
        block = slice(start, min(start + ROW_BLOCK, count))
        part = gathered[: block.stop - start]
        np.take(vectors, rows[block], axis=0, out=part, mode="clip")  # "raise" would copy once more
        np.matmul(queries, part.T, out=products[:, block])
    return products


def _read_products(read: Reader, queries: Vectors, rows: Rows | None, count: int) -> Vectors:
    products = np.empty((len(queries), count), np.float32)
    for start in range(0, count, ROW_BLOCK):
        block = slice(start, min(start + ROW_BLOCK, count))
        np.matmul(queries, read(block if rows is None else rows[block]).T, out=products[:, block])
    return products


def best_first(products: Vectors, k: int) -> npt.NDArray[np.intp]:
    """Columns (q, k) of the k largest of each row, largest first."""
    if k == products.shape[1]:
        return np.argsort(-products, axis=1, kind="stable")
    chosen = np.sort(np.argpartition(-products, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(products, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)
