"""One query's whole way: picture → views → vectors → candidates → hits."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from marklens.core.ports import Embedder, VectorStore
from marklens.core.types import (
    VIEW_BITS,
    Candidate,
    Filter,
    Hit,
    Ids,
    Pixels,
    Scores,
    Vectors,
    View,
    ViewKind,
)
from marklens.embeddings.pca_reducer import PcaReducer
from marklens.preprocessing.pipeline import ViewMaker
from marklens.retrieval.catalog import Catalog

KIND_MASK = (1 << VIEW_BITS) - 1


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search answers.

    Attributes:
        hits: best first.
        views: what the network saw of the query.
        timings_ms: milliseconds by stage: preprocess, embed, retrieve, rerank, total.
    """

    hits: tuple[Hit, ...]
    views: tuple[View, ...]
    timings_ms: Mapping[str, float]


class Engine:
    """Searches one index.

    Args:
        maker: makes views exactly as the index's were made.
        embedder: the index's network.
        reducer: the index's reduction.
        store: the vectors of all views.
        catalog: the marks.
        recipe: how the vectors came about, for reports.
        depth: how many candidates stage 1 brings.
    """

    def __init__(
        self,
        maker: ViewMaker,
        embedder: Embedder,
        reducer: PcaReducer,
        store: VectorStore,
        catalog: Catalog,
        recipe: Mapping[str, Any],
        depth: int,
    ) -> None:
        self._maker, self._embedder, self._reducer = maker, embedder, reducer
        self.store, self.catalog, self.recipe, self.depth = store, catalog, recipe, depth

    def search(self, picture: Pixels, top: int = 10, wanted: Filter | None = None) -> SearchResult:
        """Find the marks most like a picture.

        Args:
            picture: decoded, uint8 (height, width, 3).
            top: how many hits.
            wanted: what every hit must satisfy; the graph is searched among those only.

        Raises:
            PictureError: there is nothing on the picture.
        """
        clock = _Clock()
        views = self._maker.prepare(picture).views
        clock.lap("preprocess")
        vectors = self._reducer.reduce(self._embedder.embed(np.stack([view.pixels for view in views])))
        clock.lap("embed")
        kinds = tuple(view.kind for view in views)
        candidates = self.candidates(vectors, kinds, max(top, self.depth), wanted)
        clock.lap("retrieve")
        hits = self._hits(candidates[:top])
        clock.lap("rerank")
        return SearchResult(hits, views, clock.timings())

    def similar(self, number: int, depth: int) -> list[Candidate]:
        """Stage 1 for a mark of the index, by its stored vectors: no picture is read."""
        kinds = self.catalog.view_kinds([number])[number]
        ids = np.array([number << VIEW_BITS | kind for kind in kinds], np.int64)
        return self.candidates(self.store.vectors(ids), kinds, depth)

    def candidates(
        self, vectors: Vectors, kinds: tuple[ViewKind, ...], depth: int, wanted: Filter | None = None
    ) -> list[Candidate]:
        """Stage 1: the marks with the best pair of views, best first, at most `depth`.

        Args:
            vectors: float32 (views, dims), unit length, of the query.
            kinds: which views they are.
            depth: how many marks at most.
            wanted: what every mark must satisfy.
        """
        views_a_mark = max(1.0, len(self.store) / max(1, self.catalog.capacity))
        allowed = self.catalog.allowed(wanted or Filter())
        k = min(len(self.store), round(depth * views_a_mark))
        while True:
            scores, ids = self.store.search(vectors, k, allowed)
            found = best_pairs(scores, ids, kinds)
            if len(found) >= depth or k >= len(self.store) or not np.isfinite(scores).all():
                return found[:depth]
            k = min(len(self.store), 2 * k)  # many views of few marks took the places

    def _hits(self, candidates: list[Candidate]) -> tuple[Hit, ...]:
        marks = self.catalog.marks([candidate.number for candidate in candidates])
        return tuple(
            Hit(
                rank=rank,
                mark=marks[candidate.number],
                score=max(0.0, min(1.0, candidate.score)),
                scores=Scores(global_=max(0.0, min(1.0, candidate.score))),
                views=candidate.views,
            )
            for rank, candidate in enumerate(candidates, start=1)
        )


def best_pairs(scores: Vectors, ids: Ids, kinds: tuple[ViewKind, ...]) -> list[Candidate]:
    """Merge the answers to a query's views: every mark once, with its best pair of views.

    Args:
        scores: float32 (views, k), -inf where nothing was found.
        ids: int64 (views, k), view ids.
        kinds: which views of the query the rows are.

    Returns:
        candidates by falling score; equal scores stand in the order of their numbers.
    """
    rows = np.repeat(np.arange(len(scores)), scores.shape[1])
    flat, numbers = scores.ravel(), ids.ravel() >> VIEW_BITS
    found = np.flatnonzero(np.isfinite(flat))
    order = found[np.lexsort((numbers[found], -flat[found]))]
    _, first = np.unique(numbers[order], return_index=True)
    chosen = order[np.sort(first)]
    return [
        Candidate(int(numbers[place]), float(flat[place]), (kinds[rows[place]], ViewKind(int(kind))))
        for place, kind in zip(chosen, ids.ravel()[chosen] & KIND_MASK, strict=True)
    ]


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self._started = self._last = perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self._laps[stage], self._last = (now - self._last) * 1e3, now

    def timings(self) -> dict[str, float]:
        return {**self._laps, "total": (self._last - self._started) * 1e3}
