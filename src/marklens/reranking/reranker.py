"""Stage 2: the candidates of stage 1, looked at patch by patch and colour by colour."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marklens.core.ports import LocalStore
from marklens.core.types import (
    KIND_MASK,
    VIEW_BITS,
    Candidate,
    Ids,
    LocalViews,
    PatchMatches,
    Scores,
    Vectors,
    ViewKind,
)
from marklens.reranking.color import color_similarities
from marklens.reranking.scoring import Calibration, Channels, Values, Weights
from marklens.reranking.spatial_matcher import match_patches, spatial_similarities

PLAN, UNCALIBRATED = Weights(), Calibration()
BLOCK = 250
"""Marks compared at a time: what is computed of so many stays in the cache of a core."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its score.

    Attributes:
        candidate: as stage 1 brought it.
        score: 0..1.
        scores: of every channel, calibrated.
    """

    candidate: Candidate
    score: float
    scores: Scores


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two marks are alike: their best pair of views, patch by patch.

    Attributes:
        views: the view of the query and the view of the mark.
        matches: what matched.
        row: which of the query's views it is: several pictures have several of a kind.
    """

    views: tuple[ViewKind, ViewKind]
    matches: PatchMatches
    row: int = 0


class Reranker:
    """Scores candidates by all channels that apply.

    Args:
        store: patches and colours of the index's views; None leaves the global channel alone.
        weights: of the channels.
        calibration: of the channels.
        reach: how many candidates are looked at patch by patch, the rest stay behind them; None takes all.
    """

    def __init__(
        self,
        store: LocalStore | None = None,
        weights: Weights = PLAN,
        calibration: Calibration = UNCALIBRATED,
        reach: int | None = None,
    ) -> None:
        self.store, self.weights, self.calibration, self.reach = store, weights, calibration, reach

    def rerank(
        self,
        query: LocalViews | None,
        candidates: Sequence[Candidate],
        texts: Values | None = None,
        weights: Weights | None = None,
    ) -> list[Ranked]:
        """Score all candidates and sort them, best first; equal ones stay in the order they came in.

        Args:
            query: the views of the query; None where only the global channel is known.
            candidates: of stage 1.
            texts: float32 (n,), 0..1, the text channel of the candidates, NaN where it does not apply; None
                where no text is asked for.
            weights: of the channels, for this query alone; None takes those of the re-ranker.
        """
        weights = weights or self.weights
        if texts is None:
            texts = np.full(len(candidates), np.nan, np.float32)
        if self.store is None or query is None:
            return self._ranked(None, candidates, texts, weights)
        if self.reach is None or len(candidates) <= self.reach:
            return self._ranked(query, candidates, texts, weights)
        scores = self.channels(None, candidates, texts).combined(weights)
        first = np.argsort(-scores, kind="stable")
        near, far = first[: self.reach], first[self.reach :]
        looked_at = self._ranked(query, [candidates[row] for row in near], texts[near], weights)
        known = [each for each in looked_at if each.scores.spatial is not None]
        unknown = [each for each in looked_at if each.scores.spatial is None]  # their pictures are gone
        behind = self._ranked(None, [candidates[row] for row in far], texts[far], weights)
        return known + _behind(known, sorted(unknown + behind, key=lambda each: -each.score))

    def channels(self, query: LocalViews | None, candidates: Sequence[Candidate], texts: Values) -> Channels:
        """What each channel says of the candidates, calibrated; arguments as `rerank`'s."""
        similarity = np.array([candidate.score for candidate in candidates], np.float32)
        spatial = color = None
        if self.store is not None and query is not None:
            numbers = np.array([candidate.number for candidate in candidates], np.int64)
            blocks = [
                self._compared(query, numbers[at : at + BLOCK], self.store)
                for at in range(0, len(numbers), BLOCK)
            ]
            spatial, color = (
                np.concatenate([block[row] for block in blocks] or [similarity]) for row in (0, 1)
            )
        return Channels(np.clip(similarity, 0, 1), spatial, texts, color).calibrated(self.calibration)

    def stored(self, number: int) -> LocalViews | None:
        """What is kept of a mark of the index, to ask for it as a query; None where nothing is."""
        if self.store is None:
            return None
        ids, views = self.store.of_marks(np.array([number], np.int64))
        return views if len(ids) else None

    def reason(self, query: LocalViews, kinds: Sequence[ViewKind], number: int) -> Reason | None:
        """Why the spatial channel finds a mark of the index like the query; None where it does not apply.

        Args:
            query: its views.
            kinds: which views they are.
            number: of the mark.
        """
        if self.store is None:
            return None
        ids, views = self.store.of_marks(np.array([number], np.int64))
        if not len(ids):
            return None
        pairs = np.nan_to_num(spatial_similarities(query, views), nan=-1)
        if not pairs.size or pairs.max() < 0:
            return None
        row, column = (int(place) for place in np.unravel_index(pairs.argmax(), pairs.shape))
        kind = ViewKind(int(ids[column]) & KIND_MASK)
        return Reason((kinds[row], kind), match_patches(query.view(row), views.view(column)), row)

    def _ranked(
        self, query: LocalViews | None, candidates: Sequence[Candidate], texts: Values, weights: Weights
    ) -> list[Ranked]:
        channels = self.channels(query, candidates, texts)
        scores, each = channels.combined(weights), channels.scores()
        order = np.argsort(-scores, kind="stable")
        totals = scores[order].tolist()
        return [
            Ranked(candidates[row], total, each[row])
            for row, total in zip(order.tolist(), totals, strict=True)
        ]

    def _compared(self, query: LocalViews, numbers: Ids, store: LocalStore) -> tuple[Values, Values]:
        """The spatial and the colour channel of these marks."""
        ids, views = store.of_marks(numbers)
        if not len(ids):
            unknown = np.full(len(numbers), np.nan, np.float32)
            return unknown, unknown
        owners = ids >> VIEW_BITS
        return (
            best_pairs(spatial_similarities(query, views), owners, numbers),
            best_pairs(color_similarities(query.colors, views.colors), owners, numbers),
        )


def _behind(known: Sequence[Ranked], others: Sequence[Ranked]) -> list[Ranked]:
    """The others in their order with scores below those of the known ones, all on one scale."""
    if not known or not others:
        return list(others)
    last = known[-1].score
    scale = min(1.0, last / max(others[0].score, 1e-9))
    return [replace(each, score=min(last, each.score * scale)) for each in others]  # it may round up


def best_pairs(pairs: Vectors, owners: Ids, numbers: Ids) -> Values:
    """For each mark the best of its pairs of views, float32 (n,); NaN where no pair applies.

    Args:
        pairs: float32 (query views, views of the marks).
        owners: int64 (views of the marks,), the number of each view's mark, in the order of `numbers`.
        numbers: int64 (n,).
    """
    found = np.full(len(numbers), np.nan, np.float32)
    if pairs.size:
        best = np.fmax.reduce(pairs, axis=0)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        found[np.isin(numbers, owners)] = np.fmax.reduceat(best, starts)
    return found
