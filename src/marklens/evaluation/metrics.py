"""The metrics of one query, from the ranks of its relevant marks.

All take `ranks`, the ranks (1 is the best, ascending) of the relevant marks that were found, and `relevant`,
how many there are to find. A mark that was not found counts as not found, however small the gallery is.
"""

import numpy as np
import numpy.typing as npt

from marklens.core.types import Bools, Ids


def relevant_ranks(scores: npt.NDArray[np.floating], is_relevant: Bools) -> Ids:
    """The ranks of the relevant marks in the worst order that the scores allow.

    Whoever sorts equal scores may put any mark first, so ties count against us: within a tie the relevant
    marks come last. One relevant mark takes the worst rank of its tie, two take the two worst, and marks that
    tie with nothing but relevant ones lose nothing.

    Args:
        scores: (k,), best first.
        is_relevant: bool (k,), True where the mark in that place is relevant.

    Returns:
        int64 (found,), ascending, 1 is the best.
    """
    places = np.flatnonzero(is_relevant)
    tie_ends = np.searchsorted(-scores, -scores[places], side="right")
    behind_in_tie = np.searchsorted(tie_ends, tie_ends, side="right") - np.arange(1, len(places) + 1)
    return np.asarray(tie_ends - behind_in_tie, np.int64)


def with_missing(ranks: Ids, relevant: int, ranked: int) -> Ids:
    """Give the relevant marks that were not found the worst ranks left, the last ones of all.

    Args:
        ranks: int64 (found,), ascending.
        relevant: how many there are to find.
        ranked: how many marks a complete ranking holds.

    Returns:
        int64 (relevant,), ascending.
    """
    missing = relevant - len(ranks)
    return np.concatenate([ranks, np.arange(ranked - missing + 1, ranked + 1, dtype=np.int64)])


def average_precision(ranks: Ids, relevant: int, depth: int = 100) -> float:
    """AP@depth = sum(i / rank_i, rank_i ≤ depth) / n; its mean over the queries is mAP@depth.

    i counts the relevant marks from the best, n is the number of relevant marks, also where n > depth.
    Source: Manning, Raghavan, Schütze, Introduction to Information Retrieval (2008), section 8.4.

    Returns:
        0..1, higher is better.
    """
    near = ranks[ranks <= depth]
    return float(np.sum(np.arange(1, len(near) + 1) / near)) / relevant


def normalised_average_rank(ranks: Ids, gallery: int) -> float:
    """NAR = (sum(rank_i) − n(n+1)/2) / (N·n), over all n relevant marks, see `with_missing`.

    Source: Müller et al., Performance evaluation in content-based image retrieval, Pattern Recognition
    Letters 22 (2001); used for trademarks by Tursun, Aker, Kalkan, A Large-scale Dataset and Benchmark for
    Similar Trademark Retrieval (2017, METU).

    Args:
        ranks: int64 (n,), of every relevant mark.
        gallery: N, how many marks the gallery holds, the query included where it is one of them.

    Returns:
        0..1, lower is better; 0 is perfect, about 0.5 is chance.
    """
    relevant = len(ranks)
    return float(ranks.sum() - relevant * (relevant + 1) / 2) / (gallery * relevant)


def first_is_relevant(ranks: Ids) -> float:
    """Recall@1 of the contract: 1 if the first hit is relevant, else 0; the mean is the share of queries."""
    return float(np.any(ranks == 1))


def recall_at(ranks: Ids, relevant: int, k: int) -> float:
    """Recall@k = relevant marks in the first k / n, 0..1.

    Source: Manning, Raghavan, Schütze (2008), section 8.3 and 8.4.
    """
    return float(np.count_nonzero(ranks <= k)) / relevant


def r_precision(ranks: Ids, relevant: int) -> float:
    """R-precision = relevant marks in the first n / n, 0..1; the break-even point of precision and recall.

    Source: Manning, Raghavan, Schütze (2008), section 8.4.
    """
    return recall_at(ranks, relevant, relevant)


def precision_at(ranks: Ids, k: int) -> float:
    """Precision@k = relevant marks in the first k / k, 0..1; divided by k also where fewer are relevant.

    Source: Manning, Raghavan, Schütze (2008), section 8.4.
    """
    return float(np.count_nonzero(ranks <= k)) / k
