"""The loop: ask every query, measure every ranking, take the means."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.errors import UsageError
from marklens.core.types import Ids
from marklens.evaluation import metrics
from marklens.evaluation.protocols import Query

LATENCY_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search answers to one query.

    Attributes:
        numbers: int64 (k,), mark numbers, best first, each once.
        scores: float (k,), descending.
        milliseconds: how long the search took, or None.
    """

    numbers: Ids
    scores: npt.NDArray[np.floating]
    milliseconds: float | None = None

    def __post_init__(self) -> None:
        if self.numbers.ndim != 1 or self.numbers.shape != self.scores.shape:
            raise ValueError(
                f"{self.numbers.shape} numbers for {self.scores.shape} scores: give one score a mark"
            )
        if not bool(np.all(self.scores[:-1] >= self.scores[1:])) or bool(np.isnan(self.scores).any()):
            raise ValueError("scores must descend and be numbers: sort the ranking, best first")
        if len(np.unique(self.numbers)) < len(self.numbers):
            raise ValueError("a mark stands twice in the ranking: keep its best place only")

    def without(self, numbers: Collection[int]) -> "Ranking":
        """The same ranking after these marks have left it."""
        keep = ~np.isin(self.numbers, np.fromiter(numbers, np.int64, len(numbers)))
        return Ranking(self.numbers[keep], self.scores[keep], self.milliseconds)


@dataclass(frozen=True, slots=True)
class Measures:
    """The metrics of one query, or their means; `marklens.evaluation.metrics` has the formulas."""

    map_at_100: float
    nar: float
    recall_at_1: float
    recall_at_10: float
    recall_at_100: float
    precision_at_10: float
    r_precision: float


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query measured: the row for analysis.

    Attributes:
        query: what was asked.
        ranks: of the relevant marks that were found, ascending.
        measures: of this query.
        milliseconds: how long the search took, or None.
    """

    query: Query
    ranks: tuple[int, ...]
    measures: Measures
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All queries measured.

    Attributes:
        results: one row a query, in the order they were asked.
        gallery: how many marks were searched.
        means: of the measures over the queries.
        config: how the search was set up, as JSON values.
    """

    results: tuple[QueryResult, ...]
    gallery: int
    means: Measures
    config: Mapping[str, Any] = field(default_factory=dict)

    def latency_ms(self) -> dict[str, float | None]:
        """Percentiles ``p50``, ``p95``, ``p99`` of the searches that were timed, None where none was."""
        times = [result.milliseconds for result in self.results if result.milliseconds is not None]
        values = np.percentile(times, LATENCY_PERCENTILES).tolist() if times else [None] * 3
        return {f"p{percent}": value for percent, value in zip(LATENCY_PERCENTILES, values, strict=True)}

    def to_json(self) -> dict[str, Any]:
        """The document of ``marklens evaluate --json``."""
        return {
            "queries": len(self.results),
            "gallery": self.gallery,
            "relevant": float(np.mean([len(result.query.relevant) for result in self.results])),
            **asdict(self.means),
            "latency_ms": self.latency_ms(),
            "config": dict(self.config),
        }


def evaluate(
    queries: Sequence[Query],
    rank: Callable[[Sequence[Query]], Iterable[Ranking]],
    gallery: int,
    config: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Ask every query and measure its ranking.

    Args:
        queries: what to ask.
        rank: yields the ranking of each query in the same order; batches, progress and timing are its own
            business. A query of the gallery may stand in its ranking.
        gallery: how many marks are searched.
        config: how the search is set up, for the report.

    Raises:
        UsageError: there are no queries.
    """
    if not queries:
        raise UsageError("there is nothing to evaluate: give at least one group with two marks of this index")
    pairs = zip(queries, rank(queries), strict=True)
    results = tuple(measure(query, ranking, gallery) for query, ranking in pairs)
    return Evaluation(results, gallery, mean_measures([result.measures for result in results]), config or {})


def measure(query: Query, ranking: Ranking, gallery: int) -> QueryResult:
    """Measure one ranking of a gallery of so many marks."""
    ranking = ranking.without(query.leaving)
    ranked, relevant = gallery - len(query.leaving), len(query.relevant)
    is_relevant = np.isin(ranking.numbers, np.fromiter(query.relevant, np.int64))
    ranks = metrics.relevant_ranks(ranking.scores, is_relevant)
    measures = Measures(
        map_at_100=metrics.average_precision(ranks, relevant, 100),
        nar=metrics.normalised_average_rank(metrics.with_missing(ranks, relevant, ranked), gallery),
        recall_at_1=metrics.first_is_relevant(ranks),
        recall_at_10=metrics.recall_at(ranks, relevant, 10),
        recall_at_100=metrics.recall_at(ranks, relevant, 100),
        precision_at_10=metrics.precision_at(ranks, 10),
        r_precision=metrics.r_precision(ranks, relevant),
    )
    return QueryResult(query, tuple(ranks.tolist()), measures, ranking.milliseconds)


def mean_measures(rows: Sequence[Measures]) -> Measures:
    """The mean of every measure over at least one row."""
    table = [list(asdict(row).values()) for row in rows]
    return Measures(*np.mean(table, axis=0).tolist())
