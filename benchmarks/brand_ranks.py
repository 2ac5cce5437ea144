"""How well brands are found by scores of all marks, for benchmarks that search without an index."""

from collections.abc import Sequence

import numpy as np

from marklens.core.types import Ids, Vectors
from marklens.evaluation.metrics import average_precision, first_is_relevant, recall_at, relevant_ranks


def best_of_marks(own: Vectors, vectors: Vectors, starts: Ids) -> Vectors:
    """The best pair of views of a query with each mark.

    Args:
        own: float32 (q, dims), unit views of the query.
        vectors: float32 (n, dims), unit views of all marks, those of one beside each other.
        starts: int64 (marks,), the first row of each mark.
    """
    return np.asarray(np.maximum.reduceat((own @ vectors.T).max(axis=0), starts), np.float32)


def ranks_of(scores: Vectors, relevant: Sequence[int] | Ids) -> Ids:
    """Ranks of the relevant marks, int64 ascending, given a score of every mark; ties count against them."""
    order = np.argsort(-scores, kind="stable")
    return relevant_ranks(scores[order], np.isin(order, relevant))


def mean_measures(rows: Sequence[tuple[Ids, int]]) -> dict[str, float]:
    """The means over queries, given the ranks of the relevant that were found and how many there are."""
    found = [
        (average_precision(ranks, total), first_is_relevant(ranks), recall_at(ranks, total, 10),
         recall_at(ranks, total, 100))
        for ranks, total in rows
    ]  # fmt: skip
    means = np.mean(found, axis=0).tolist()
    return dict(zip(("mAP@100", "Recall@1", "Recall@10", "Recall@100"), means, strict=True))
