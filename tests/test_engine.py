"""Merging the answers of a query's views, by hand."""

from pathlib import Path

import numpy as np
from tests.small_index import build, draw_mark
from tests.watching.filings import save, write_manifest

from marklens.assembly import open_engine
from marklens.core.images import read_picture
from marklens.core.types import Candidate, Filter, ViewKind
from marklens.reranking.scoring import Weights
from marklens.retrieval.view_pairs import best_pairs
from marklens.settings import load_settings

FULL, FIGURATIVE = ViewKind.FULL, ViewKind.FIGURATIVE


def test_every_mark_stands_once_with_its_best_pair() -> None:
    # mark 5 answers the full view by its figurative view (5·8+1) and the figurative one by its full view
    scores = np.array([[0.9, 0.5], [0.95, 0.7]], np.float32)
    ids = np.array([[41, 16], [40, 17]])
    assert best_pairs(scores, ids, (FULL, FIGURATIVE)) == [
        Candidate(5, np.float32(0.95), (FIGURATIVE, FULL)),
        Candidate(2, np.float32(0.7), (FIGURATIVE, FIGURATIVE)),
    ]


def test_places_that_were_not_filled_are_left_out() -> None:
    scores = np.array([[0.5, -np.inf]], np.float32)
    assert [found.number for found in best_pairs(scores, np.array([[8, -1]]), (FULL,))] == [1]
    assert best_pairs(np.empty((1, 0), np.float32), np.empty((1, 0), np.int64), (FULL,)) == []


def test_equal_scores_stand_in_the_order_of_their_numbers() -> None:
    scores = np.array([[0.5, 0.5, 0.5]], np.float32)
    assert [found.number for found in best_pairs(scores, np.array([[72, 8, 40]]), (FULL,))] == [1, 5, 9]


def test_a_picture_asked_for_again_costs_no_network(index: Path, marks: Path) -> None:
    engine = open_engine(index, load_settings(search={"cache_mb": 8}))
    picture = read_picture(marks / "mark0003.png")
    first, again = engine.search(picture), engine.search(picture, top=3, wanted=Filter())
    assert first.timings_ms["embed"] > 0 and again.timings_ms["embed"] == 0
    assert [hit.mark.id for hit in again.hits] == [hit.mark.id for hit in first.hits[:3]]
    assert [hit.score for hit in again.hits] == [hit.score for hit in first.hits[:3]]
    other = engine.search(picture[:, ::-1])
    assert other.timings_ms["embed"] > 0
    forgetful = open_engine(index, load_settings(search={"cache_mb": 0}))
    assert all(forgetful.search(picture).timings_ms["embed"] > 0 for _ in range(2))


def test_only_what_is_worth_it_becomes_a_hit(index: Path, marks: Path) -> None:
    engine = open_engine(index, load_settings())
    picture = read_picture(marks / "mark0003.png")
    every = engine.search(picture, 20).hits
    least = every[4].score
    near = engine.search(picture, 20, worth=lambda score, scores: score >= least).hits
    assert [(hit.mark.id, hit.score) for hit in near] == [(hit.mark.id, hit.score) for hit in every[:5]]
    # however many rank before: what is alike by name alone ranks last
    assert [
        hit.number for hit in engine.search(picture, 2, worth=lambda score, scores: score < least).hits
    ] == [hit.number for hit in every if hit.score < least] + [
        hit.number for hit in engine.search(picture, 100).hits[20:]
    ]
    assert not engine.search(picture, worth=lambda score, scores: False).hits


def test_where_names_alone_count_all_that_are_called_so_are_found(tmp_path: Path) -> None:
    rows = [{"file": f"m{number}.png", "text": "Starlux" if number % 2 else None} for number in range(30)]
    for number in range(30):
        save(tmp_path / "marks" / f"m{number}.png", draw_mark(number))
    build(tmp_path / "index", write_manifest(tmp_path / "marks", rows))
    engine = open_engine(tmp_path / "index", load_settings(search={"depth": 20}))
    picture = read_picture(tmp_path / "marks" / "m2.png")
    by_name = engine.search(picture, 20, text="Starlux", weights=Weights(0, 0, 1, 0), names=3).hits
    assert len(by_name) == 15 and all(hit.score == 1 for hit in by_name)


def test_a_mirrored_copy_is_found_as_the_mark_itself(index: Path, marks: Path) -> None:
    copy = np.ascontiguousarray(read_picture(marks / "mark0004.png")[:, ::-1])
    engine = open_engine(index, load_settings(search={"mirrored": True}))
    plain = open_engine(index, load_settings())
    found, before = engine.search(copy, 30), plain.search(copy, 30)
    scores = {hit.mark.id: hit.scores for hit in found.hits}["mark0004"]
    assert found.hits[0].mark.id == "mark0004" and scores.global_ > 0.95 and scores.spatial > 0.95
    assert {hit.mark.id: hit.score for hit in before.hits}["mark0004"] < found.hits[0].score
    assert len(found.views) == 2 * len(before.views)
    reason = engine.explain(found, found.hits[0]).patches
    assert reason is not None
    assert np.array_equal(found.views[reason.row].pixels, before.views[0].pixels[:, ::-1])


def test_a_mark_of_the_index_is_asked_for_mirrored_too(index: Path, marks: Path) -> None:
    engine = open_engine(index, load_settings(search={"mirrored": True}))
    number = {path: n for n, path in engine.catalog.files().items()}["mark0004.png"]
    by_picture, by_number = (
        engine.search(read_picture(marks / "mark0004.png"), 30),
        engine.search_mark(number, 30),
    )
    assert by_number.kinds == by_picture.kinds and len(by_number.views) == len(by_picture.views)
    scores = {hit.mark.id: hit.score for hit in by_number.hits}
    assert all(abs(scores[hit.mark.id] - hit.score) < 0.02 for hit in by_picture.hits)


def test_a_picture_that_is_its_own_mirror_is_asked_for_once(index: Path) -> None:
    picture = np.full((200, 200, 3), 255, np.uint8)
    picture[60:140, 31:170] = 0
    engine = open_engine(index, load_settings(search={"mirrored": True}))
    assert len(engine.search(picture).views) == len(open_engine(index, load_settings()).search(picture).views)


def test_pairs_of_views_with_words_count_less(index: Path) -> None:
    engine = open_engine(index, load_settings())
    figured = engine.catalog.figured()
    assert 0 < figured.sum() < len(figured) == engine.catalog.capacity
    number = int(np.flatnonzero(figured)[0])
    plain = int(np.flatnonzero(~figured)[0])
    ids = np.array([number << 3 | FULL, plain << 3 | FULL], np.int64)
    vectors = engine.store.vectors(ids)
    # the full view of a mark with words meets itself at 0.8, one without at 1
    found = {c.number: c for c in engine.candidates(vectors[:1], (FULL,), 30)}
    assert found[number].views in {(FULL, FULL), (FULL, FIGURATIVE)} and found[number].score < 0.999
    found = {c.number: c for c in engine.candidates(vectors[1:], (FULL,), 30)}
    assert found[plain].score > 0.999
    best = engine.similar(number, 1)[0]
    assert best.number == number and best.score > 0.999 and best.views == (FIGURATIVE, FIGURATIVE)
