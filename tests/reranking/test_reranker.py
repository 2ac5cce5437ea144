"""Stage 2 against a twin that compares one mark after the other."""

from pathlib import Path

import numpy as np
import pytest
from tests.local_views import COLORS, draw_views

from marklens.core.types import Candidate, Ids, LocalViews, Scores, ViewKind
from marklens.reranking import reranker
from marklens.reranking.color import color_similarities
from marklens.reranking.reranker import Ranked, Reranker
from marklens.reranking.scoring import Weights
from marklens.reranking.spatial_matcher import spatial_similarities
from marklens.retrieval.patch_store import PatchStore, write_patch_store

FULL, FIGURATIVE = ViewKind.FULL, ViewKind.FIGURATIVE
WEIGHTS = Weights()


@pytest.fixture
def held(tmp_path: Path) -> tuple[PatchStore, Ids, LocalViews]:
    """Marks 0 to 29; every third has a figurative view too, mark 7 is not there."""
    ids = [number << 3 | kind for number in range(30) for kind in range(1 + (number % 3 == 0)) if number != 7]
    views = draw_views(5, len(ids))
    write_patch_store(tmp_path / "patches", [(np.array(ids), views)], views.patches.shape[1], COLORS)
    return PatchStore(tmp_path / "patches"), np.array(ids), views


def candidates(numbers: list[int]) -> list[Candidate]:
    """By falling similarity, as stage 1 brings them."""
    return [Candidate(number, 0.9 - place / 40, (FULL, FULL)) for place, number in enumerate(numbers)]


def twin(query: LocalViews, ids: Ids, views: LocalViews, candidate: Candidate) -> float:
    rows = np.flatnonzero(ids >> 3 == candidate.number).tolist()
    channels = [(WEIGHTS.global_, max(0, candidate.score))]
    for weight, compare in ((WEIGHTS.spatial, spatial_similarities), (WEIGHTS.color, None)):
        pairs = [
            float(
                color_similarities(query.view(own).colors, views.view(row).colors)[0, 0]
                if compare is None
                else compare(query.view(own), views.view(row))[0, 0]
            )
            for own in range(len(query))
            for row in rows
        ]
        applying = [pair for pair in pairs if pair == pair]
        if applying:
            channels.append((weight, max(applying)))
    return sum(weight * value for weight, value in channels) / sum(weight for weight, _ in channels)


@pytest.mark.parametrize("block", [4, 2000])
def test_it_agrees_with_the_twin(
    held: tuple[PatchStore, Ids, LocalViews], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranker, "BLOCK", block)
    store, ids, views = held
    query = draw_views(9, 2, empty=False)
    asked = candidates([12, 3, 7, 29, 0, 1, 18, 5, 28])
    ranked = Reranker(store, WEIGHTS).rerank(query, asked)
    expected = {candidate.number: twin(query, ids, views, candidate) for candidate in asked}
    assert [found.candidate.number for found in ranked] == sorted(expected, key=lambda n: -expected[n])
    for found in ranked:
        assert found.score == pytest.approx(expected[found.candidate.number], abs=1e-5)
    unknown = next(found for found in ranked if found.candidate.number == 7)
    assert unknown.scores == Scores(global_=pytest.approx(unknown.candidate.score))


def test_a_mark_asked_by_what_is_stored_of_it_is_first(held: tuple[PatchStore, Ids, LocalViews]) -> None:
    stage = Reranker(held[0])
    number = 12
    query = stage.stored(number)
    assert query is not None
    best = stage.rerank(query, [*candidates(list(range(12))), Candidate(number, 0.9, (FULL, FULL))])[0]
    assert best.candidate.number == number
    assert best.scores.spatial == pytest.approx(1, abs=1e-5)


def test_without_patches_the_global_channel_is_all() -> None:
    asked = [
        Candidate(3, 0.4, (FULL, FULL)),
        Candidate(1, 0.4, (FULL, FULL)),
        Candidate(2, -0.2, (FULL, FULL)),
    ]
    for ranked in (Reranker().rerank(draw_views(1, 1), asked), Reranker().rerank(None, asked)):
        assert [found.candidate for found in ranked] == asked  # equal ones keep their order
        assert ranked[0].scores == Scores(global_=pytest.approx(0.4))
        assert ranked[2].score == 0
    assert Reranker().reason(draw_views(1, 1), (FULL,), 3) is None
    assert Reranker().stored(3) is None


def test_no_candidates(held: tuple[PatchStore, Ids, LocalViews]) -> None:
    assert Reranker(held[0]).rerank(draw_views(1, 1), []) == []


def test_the_reason_is_the_best_pair_of_views(held: tuple[PatchStore, Ids, LocalViews]) -> None:
    store, ids, views = held
    (row,) = np.flatnonzero(ids == (12 << 3 | FIGURATIVE))
    own = views.view(int(row))
    query = LocalViews(np.concatenate([draw_views(1, 1, empty=False).patches, own.patches]),
                       np.concatenate([draw_views(1, 1, empty=False).inks, own.inks]),
                       np.concatenate([own.colors, own.colors]))  # fmt: skip
    reason = Reranker(store).reason(query, (FULL, FIGURATIVE), 12)
    assert reason is not None
    assert reason.views == (FIGURATIVE, FIGURATIVE)
    assert reason.matches.shares.sum() == pytest.approx(1, abs=1e-4)
    assert Reranker(store).reason(query, (FULL, FIGURATIVE), 7) is None


def test_scores_of_those_behind_never_rise_by_rounding() -> None:
    random = np.random.default_rng(0).random((2000, 2)).astype(np.float32).astype(float)
    for last, first in random.tolist():
        known, other = (
            [Ranked(Candidate(number, score, (FULL, FULL)), score, Scores())]
            for number, score in ((0, last), (1, first))
        )
        assert reranker._behind(known, other)[0].score <= last
