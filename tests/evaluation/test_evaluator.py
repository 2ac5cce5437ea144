"""The loop by hand, on small galleries, and against ranx, which knows nothing of us."""

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from rich.console import Console

from marklens.core.errors import UsageError
from marklens.core.types import Fault
from marklens.evaluation.evaluator import Evaluation, Ranking, evaluate, measure
from marklens.evaluation.protocols import Query
from marklens.evaluation.report import faults_line, measures_table, worst_queries_table


def ranking(numbers: list[int], scores: list[float] | None = None, ms: float | None = None) -> Ranking:
    falling = np.linspace(1, 0, len(numbers)) if scores is None else np.array(scores)
    return Ranking(np.array(numbers, np.int64), falling, ms)


def test_the_query_leaves_the_ranking() -> None:
    # without 0 the ranking is 7 3 5: the relevant 3 and 5 stand at 2 and 3
    row = measure(Query("q", frozenset({3, 5}), 0), ranking([0, 7, 3, 5]), gallery=10)
    assert row.ranks == (2, 3)
    assert row.measures.map_at_100 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert row.measures.nar == pytest.approx((2 + 3 - 3) / (10 * 2))
    assert (row.measures.recall_at_1, row.measures.recall_at_10, row.measures.precision_at_10) == (0, 1, 0.2)


def test_metu_keeps_the_query_among_the_relevant() -> None:
    row = measure(Query("q", frozenset({0, 3}), 0), ranking([0, 7, 3]), gallery=10)
    assert row.ranks == (1, 3)
    assert row.measures.nar == pytest.approx((1 + 3 - 3) / (10 * 2))


def test_a_tie_with_the_query_itself_does_no_harm() -> None:
    row = measure(Query("q", frozenset({3}), 0), ranking([0, 3, 7], [1, 1, 0.5]), gallery=3)
    assert row.ranks == (1,)


def test_a_mark_that_was_not_retrieved_is_worst_for_nar_and_not_found_for_recall() -> None:
    # 9 marks are ranked once the query left; 5 is missing and takes rank 9
    row = measure(Query("q", frozenset({3, 5}), 0), ranking([0, 3, 7]), gallery=10)
    assert row.ranks == (1,)
    assert row.measures.nar == pytest.approx((1 + 9 - 3) / (10 * 2))
    assert row.measures.recall_at_100 == 0.5


def test_a_query_from_outside_the_gallery() -> None:
    row = measure(Query("q", frozenset({0})), ranking([0, 1, 2]), gallery=3)
    assert row.ranks == (1,)
    assert row.measures.nar == 0


def example() -> Evaluation:
    queries = [Query("[a].png", frozenset({1}), 0), Query("b.png", frozenset({0}), 1)]

    def rank(asked: Sequence[Query]) -> Iterable[Ranking]:
        assert list(asked) == queries
        yield ranking([0, 1, 2], ms=10)
        yield ranking([1, 2], ms=30)

    return evaluate(queries, rank, gallery=3, config={"depth": 3})


def test_the_document_is_the_contract() -> None:
    document = json.loads(json.dumps(example().to_json()))
    assert document == {
        "queries": 2, "gallery": 3, "relevant": 1.0,
        "map_at_100": 0.5,  # 1/1 and 0
        "nar": pytest.approx((0 + (2 - 1) / 3) / 2),  # found first; missing, so last of 2
        "recall_at_1": 0.5, "recall_at_10": 0.5, "recall_at_100": 0.5,
        "precision_at_10": pytest.approx(0.05), "r_precision": 0.5,
        "latency_ms": {"p50": 20.0, "p95": pytest.approx(29.0), "p99": pytest.approx(29.8)},
        "config": {"depth": 3},
    }  # fmt: skip


def test_untimed_searches_have_no_latency() -> None:
    one = evaluate([Query("q", frozenset({0}))], lambda _: [ranking([0])], gallery=1)
    assert one.latency_ms() == {"p50": None, "p95": None, "p99": None}


def test_no_queries_is_a_wrong_call_and_a_short_answer_a_bug() -> None:
    with pytest.raises(UsageError):
        evaluate([], lambda _: [], gallery=1)
    with pytest.raises(ValueError, match="shorter"):
        evaluate([Query("q", frozenset({0}))], lambda _: [], gallery=1)


@pytest.mark.parametrize(
    ("numbers", "scores"),
    [([0, 1], [0.1, 0.2]), ([0, 1], [float("nan"), 0.2]), ([0, 0], [0.2, 0.1]), ([0], [0.2, 0.1])],
)
def test_a_ranking_checks_itself(numbers: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"rank|scores"):
        ranking(numbers, scores)


def test_the_tables_show_what_is_there() -> None:
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(measures_table(example()), worst_queries_table(example()))
    text = captured.get()
    for expected in ("2 queries among 3 marks", "mAP@100", "0.5000", "latency p95", "[a].png", "0 of 1"):
        assert expected in text


def test_faults_are_counted_with_an_example() -> None:
    faults = [Fault("x", "unknown-file", ""), Fault("g", "small-group", ""), Fault("y", "unknown-file", "")]
    assert faults_line(faults) == "2 × unknown-file (e.g. x); 1 × small-group (e.g. g)"
    assert faults_line([]) == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*:numba.core.errors.NumbaWarning")
def test_agrees_with_ranx() -> None:
    """Tie-free random rankings, all of the gallery's depth and cut at 120.

    ranx 0.3 divides map@k by the number of relevant marks and precision@k by k, as we do; its hit_rate@1 is
    our recall_at_1. It breaks ties by position, so the scores here are all different.
    """
    import ranx

    random, gallery = np.random.default_rng(7), 300
    queries, rankings, qrels, run = [], [], {}, {}
    for number in range(40):
        relevant = random.choice(gallery, random.integers(1, 140 if number % 5 == 0 else 12), replace=False)
        order = random.permutation(gallery)[: gallery if number % 2 else 120]
        scores = np.sort(random.random(len(order)))[::-1]
        queries.append(Query(f"q{number}", frozenset(relevant.tolist())))
        rankings.append(Ranking(order, scores))
        qrels[f"q{number}"] = {str(mark): 1 for mark in relevant}
        run[f"q{number}"] = {str(mark): float(score) for mark, score in zip(order, scores, strict=True)}
    ours = evaluate(queries, lambda _: rankings, gallery).means
    wanted = ["map@100", "hit_rate@1", "recall@10", "recall@100", "precision@10", "r-precision"]
    theirs = ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), wanted)
    mine = [
        ours.map_at_100, ours.recall_at_1, ours.recall_at_10, ours.recall_at_100, ours.precision_at_10,
        ours.r_precision,
    ]  # fmt: skip
    assert mine == pytest.approx([theirs[name] for name in wanted])
