"""Stage 1: the marks whose views are most like those of a query."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from marklens.core.errors import ArtifactError
from marklens.core.ports import VectorStore
from marklens.core.types import KIND_MASK, VIEW_BITS, Candidate, Filter, Ids, Vectors, ViewKind
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.view_pairs import best_pairs

WORDED = 0.8
"""What a pair of views counts if one shows the words of a mark that also has a view without them.

Words look alike whatever they say. On validation brands 0.8 raised mAP@100 from 0.312 to 0.314, on real
lock-ups against their bare symbols from 0.517 to 0.586; 0.9 was between (benchmarks/text_ablation.py).
"""


class CandidateFinder:
    """Finds candidates among the vectors of an index.

    Args:
        store: the vectors of all views.
        catalog: the marks.
    """

    def __init__(self, store: VectorStore, catalog: Catalog) -> None:
        self._store, self._catalog = store, catalog

    def find(
        self, vectors: Vectors, kinds: tuple[ViewKind, ...], depth: int, wanted: Filter | None = None
    ) -> list[Candidate]:
        """The marks with the best pair of views, best first, at most `depth`.

        Args:
            vectors: float32 (views, dims), unit length, of the query.
            kinds: which views they are; where they are of several pictures, those of each begin with the full
                view, and the figurative one follows it.
            depth: how many marks at most.
            wanted: what every mark must satisfy.
        """
        views_a_mark = max(1.0, len(self._store) / max(1, self._catalog.capacity))
        allowed = self._catalog.allowed(wanted or Filter())
        k = min(len(self._store), round(depth * views_a_mark))
        while True:
            scores, ids = self._store.search(vectors, k, allowed)
            found = best_pairs(self._weighed(scores, ids, kinds), ids, kinds)
            if len(found) >= depth or k >= len(self._store) or not np.isfinite(scores).all():
                return found[:depth]
            k = min(len(self._store), 2 * k)  # many views of few marks took the places

    def compare(
        self, vectors: Vectors, kinds: tuple[ViewKind, ...], numbers: Sequence[int]
    ) -> list[Candidate]:
        """These marks, best first; arguments as `find`'s."""
        ids = _view_ids(numbers, self._catalog.view_kinds(numbers))
        if not len(ids):
            return []
        try:
            scores = vectors @ self._store.vectors(ids).T
        except KeyError as error:
            raise ArtifactError(
                "marks are being added that have no vectors yet: open the index again"
            ) from error
        ids = np.broadcast_to(ids, scores.shape)
        return best_pairs(self._weighed(scores, ids, kinds), ids, kinds)

    def stored(self, number: int) -> tuple[Vectors, tuple[ViewKind, ...]]:
        """A mark of the index as a query: its vectors (views, dims), and which views they are.

        Raises:
            ArtifactError: the mark is being added and has no vectors here yet.
        """
        try:
            kinds = self._catalog.view_kinds([number])
            return self._store.vectors(_view_ids([number], kinds)), kinds[number]
        except KeyError as error:
            raise ArtifactError("the mark has no vectors yet: open the index again") from error

    def _weighed(self, scores: Vectors, ids: Ids, kinds: tuple[ViewKind, ...]) -> Vectors:
        """The similarities (views, k) with those less that a view with words had a part in, see `WORDED`."""
        worded = np.array([pair == (ViewKind.FULL, ViewKind.FIGURATIVE) for pair in pairwise((*kinds, None))])
        figured = self._catalog.figured()[np.maximum(ids >> VIEW_BITS, 0)]
        theirs = ((ids & KIND_MASK) == ViewKind.FULL) & figured
        return np.where(worded[:, None] | theirs, scores * np.float32(WORDED), scores)


def _view_ids(numbers: Sequence[int], kinds: Mapping[int, tuple[ViewKind, ...]]) -> Ids:
    """The ids of all views of these marks, int64 (views,), mark after mark."""
    return np.array([number << VIEW_BITS | kind for number in numbers for kind in kinds[number]], np.int64)
